"""What the tests of PHP do with an app."""

import time

from tests.buildpacks import stack


def build(app: stack.App, files: dict[str, str] | None = None) -> stack.Compiled:
    app.write(files or {})
    built = app.compile("php")
    assert built.status == 0, built.output
    return built


def wait_for_log(app: stack.App, *lines: str) -> None:
    """Until all of them are in the dyno's log, which `tee log` keeps."""
    deadline = time.monotonic() + 60
    while absent := [line for line in lines if line not in (log := (app.slug / "log").read_text("utf-8"))]:
        assert time.monotonic() < deadline, f"{absent} not in:\n{log}"
        time.sleep(0.02)
