"""`container:import` once the image is in: what it waits for, and what ends that."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.cli.program import Program
from tests.cli.replay import Replay, Told

WEB = {"type": "web", "quantity": 1}
_RELEASE = {"id": "r3", "version": 3, "status": "succeeded"}


def dyno(state: str, version: int = 3, **told: Any) -> dict[str, Any]:
    return {"name": "web.1", "type": "web", "state": state, "release": {"version": version}, **told}


@pytest.fixture
def importing(replay: Callable[..., Replay], stranger: Program) -> Callable[..., Replay]:
    """A platform on which an import has succeeded; what is said then is a list of answers, one after the other."""

    def make(**answers: list[Any]) -> Replay:
        server = replay()
        build = {
            "id": "b1",
            "status": "succeeded",
            "output_stream_url": f"{server.url}/output",
            "release": {"id": "r3"},
        }
        said = {"build": [build], "release": [_RELEASE], "releases": [[_RELEASE]], "formation": [[WEB]], **answers}
        names = {"build": "builds/b1", "release": "releases/r3"}
        server.answers = {
            f"GET /apps/x/{names.get(name, name)}": [Told(body=b) for b in told] for name, told in said.items()
        }
        server.answers |= {"POST /apps/x/images": Told(201, build), "GET /output": Told(body="-----> Unpacking\n")}
        stranger.env |= {"CELADON_HOST": server.url, "CELADON_API_KEY": "t", "CELADON_APP": "x"}
        return server

    return make


def test_it_waits_until_the_dyno_is_up(importing: Callable[..., Replay], stranger: Program) -> None:
    importing(dynos=[[], [dyno("up", 2), dyno("starting")], [dyno("up")]])
    assert stranger("container:import", "r.io/x").out.endswith("Waiting for web.1 of v3... up\n")


def test_nobody_waits_for_dynos_that_are_not_wanted_any_more(
    importing: Callable[..., Replay], stranger: Program
) -> None:
    importing(dynos=[[]], formation=[[WEB], [WEB], [{"type": "web", "quantity": 0}]])
    found = stranger("container:import", "r.io/x")
    assert found.out.endswith("Waiting for web.1 of v3... no web dyno is wanted any more\n")


def test_the_formation_of_the_release_before_says_nothing(importing: Callable[..., Replay], stranger: Program) -> None:
    """Until the release command has succeeded, the formation is still that of what serves."""
    pending = {**_RELEASE, "status": "pending"}
    server = importing(release=[pending, pending, _RELEASE], formation=[[]], dynos=[[]])
    assert stranger("container:import", "r.io/x").out.endswith("Running the release command of v3... done\n")
    asked = [one.path for one in server.asked]
    assert asked.index("/apps/x/formation") == len(asked) - 1


def test_a_release_command_that_fails_is_told_of_a_first_import_too(
    importing: Callable[..., Replay], stranger: Program
) -> None:
    """Before there is a release that serves there is no formation either."""
    importing(release=[{**_RELEASE, "status": "pending"}, {**_RELEASE, "status": "failed"}], formation=[[]])
    found = stranger("container:import", "r.io/x")
    assert (found.status, found.err) == (
        1,
        " !    The release command of v3 failed; see `celadon releases:output -a x`\n",
    )


def test_a_dyno_that_crashes_ends_it(importing: Callable[..., Replay], stranger: Program) -> None:
    importing(dynos=[[dyno("starting")], [dyno("crashed")]])
    found = stranger("container:import", "r.io/x")
    assert (found.status, found.err) == (1, " !    web.1 of v3 crashed; see `celadon logs -a x`\n")


def test_a_crash_that_was_followed_by_a_start_at_once_is_seen(
    importing: Callable[..., Replay], stranger: Program
) -> None:
    importing(dynos=[[dyno("starting", crashes=0, exit_status=None)], [dyno("starting", crashes=1, exit_status=127)]])
    found = stranger("container:import", "r.io/x")
    assert (found.status, found.err) == (1, " !    web.1 of v3 crashed (exit status 127); see `celadon logs -a x`\n")


def test_a_dyno_that_is_up_after_a_crash_is_up(importing: Callable[..., Replay], stranger: Program) -> None:
    importing(dynos=[[dyno("up", crashes=1, exit_status=1)]])
    assert stranger("container:import", "r.io/x").out.endswith("Waiting for web.1 of v3... up\n")


def test_something_newer_ends_it(importing: Callable[..., Replay], stranger: Program) -> None:
    newer = {"id": "r4", "version": 4, "status": "succeeded"}
    importing(dynos=[[]], releases=[[_RELEASE], [newer, _RELEASE]])
    assert stranger("container:import", "r.io/x").out.endswith("... v4 has replaced it meanwhile\n")


def test_an_output_that_ends_before_the_build_does_is_no_end(
    importing: Callable[..., Replay], stranger: Program
) -> None:
    done = {"id": "b1", "status": "succeeded", "release": {"id": "r3"}}
    importing(build=[{"id": "b1", "status": "pending", "release": None}] * 2 + [done], dynos=[[dyno("up")]])
    assert stranger("container:import", "r.io/x").out.endswith("Waiting for web.1 of v3... up\n")


def test_an_app_that_is_destroyed_ends_it(importing: Callable[..., Replay], stranger: Program) -> None:
    server = importing()
    server.answers["GET /apps/x/dynos"] = Told(
        404, {"id": "not_found", "message": "Couldn't find that app.", "resource": "app"}
    )
    found = stranger("container:import", "r.io/x")
    assert found.status == 1 and "Couldn't find that app." in found.err and "Traceback" not in found.err


def test_a_build_that_fails_after_its_output_broke_off_ends_it(
    importing: Callable[..., Replay], stranger: Program
) -> None:
    pending, failed = ({"id": "b1", "status": status, "release": None} for status in ("pending", "failed"))
    importing(build=[pending, pending, failed])
    found = stranger("container:import", "r.io/x")
    assert (found.status, found.err) == (1, " !    Import b1 failed.\n")
