"""What holds for every buildpack, and for one that a user writes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.buildpacks import stack

ORDER = (stack.BUILDPACKS / "order").read_text("utf-8").split()
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_order_names_every_buildpack_once() -> None:
    assert sorted(ORDER) == sorted(path.name for path in stack.BUILDPACKS.iterdir() if path.is_dir())


@pytest.mark.parametrize("name", ORDER)
def test_each_has_the_three_programs(name: str) -> None:
    programs = [stack.BUILDPACKS / name / "bin" / program for program in ("detect", "compile", "release")]
    assert [path for path in programs if not os.access(path, os.X_OK)] == []


@pytest.mark.parametrize("name", ORDER)
def test_each_knows_an_app_by_each_of_the_files_that_it_names_and_by_no_other(app: stack.App, name: str) -> None:
    assert app.detect(name) is None
    app.write({"known-by": "", "README.md": ""})
    assert app.detect(name) is None
    for pattern in (stack.BUILDPACKS / name / "known-by").read_text("utf-8").split("\n")[:-1]:
        file = pattern.replace("*", "any")
        app.write({file: ""})
        assert app.detect(name), file
        (app.source / file).unlink()


@pytest.mark.parametrize(
    "name",
    [
        *("output.sh", "layers.sh", "debian.sh", "jdk.sh", "find_jdk.py", "jvmcommon.sh", "jdbc.sh"),
        *("maven_artifact.py", "maven_settings.py"),
        *("registry.py", "semver.py", "toolchain.py"),
    ],
)
def test_copies_of_a_file_stay_alike(name: str) -> None:
    copies = {path.read_text("utf-8") for path in stack.BUILDPACKS.glob(f"*/lib/{name}")}
    assert len(copies) == 1


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(stack.BUILDPACKS.glob("*/*/*")) if path.is_file()],
    ids=lambda path: "-".join(path.parts[-3:]),
)
def test_shell_parses(path: Path) -> None:
    if path.suffix == ".sh" or path.read_text("utf-8").startswith("#!/usr/bin/env bash"):
        subprocess.run(["bash", "-n", path], check=True)


def test_an_app_with_only_a_procfile_is_taken_as_it_is(app: stack.App) -> None:
    app.write({"Procfile": "web: ./run\n"})
    assert [name for name in ORDER if app.detect(name)] == ["procfile"]
    assert app.compile("procfile").status == 0
    assert "default_process_types: {}" in app.release("procfile")


def test_two_buildpacks_in_order_leave_both_languages(app: stack.App) -> None:
    app.write({"package.json": '{"engines": {"node": "22"}}', "requirements.txt": "six==1.17.0\n"})
    for name in ("nodejs", "python"):
        built = app.compile(name, fresh=name == "nodejs")
        assert built.status == 0, built.output
        assert "export PATH=" in (app.installed / "export").read_text()
    shown = app.run("node --version; python -c 'import six; print(six.__version__)'")
    assert shown.output.startswith("v22.")
    assert shown.output.endswith("1.17.0\n")


def test_a_buildpack_of_ones_own_builds_the_make_example(app: stack.App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "BUILDPACKS", EXAMPLES)
    shutil.copytree(EXAMPLES / "procfile-make", app.source, dirs_exist_ok=True)
    assert app.detect("buildpack-make") == "Make"
    app.config.mkdir()
    (app.config / "CFLAGS").write_text("-O1")
    first, second = app.compile("buildpack-make"), app.compile("buildpack-make")
    assert "cc -O1 -c" in first.output, first.output
    assert "cc -O1 -c" not in second.output
    assert "GREETING: made with make" in app.release("buildpack-make")
    with app.serve("hello", env={"GREETING": "well"}) as url:
        assert stack.get(url)[1] == "Hello from here, well\n"
