import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.program import Program
from tests.cli.replay import Asked, Replay, Told
from tests.cli.world import World

from celadon.actions import builds


def test_builds_are_listed_and_shown(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    (build,) = builds.list_of(world.context, world.actor, "example")[1]
    shown = re.sub(r"\d{4}/\S+ \S+ \(~ \d+s ago\)", "TIME", celadon("builds").out)
    assert shown == f"=== example Builds\n{build.id}  3063626d  succeeded  ada@example.com  TIME\n\n"
    shown = re.sub(r"\d{4}/\S+ \S+ \(~ \d+s ago\)", "TIME", celadon("builds:info").out)
    assert shown == (
        f"=== Build {build.id}\n"
        "By:         ada@example.com\n"
        "Commit:     3063626d\n"
        "Stack:      cedar\n"
        "Status:     succeeded\n"
        "When:       TIME\n"
    )
    assert json.loads(celadon("builds:info", build.id, "--json").out)["id"] == build.id


def test_of_builds_in_one_second_the_last_is_the_newest(world: World, celadon: Program) -> None:
    made = [world.deploy("example", {"web": "run"}) for _ in range(3)]
    shown = celadon("builds", "-a", "example", "-n", "3", "--json").out
    assert [build["id"] for build in json.loads(shown)] == made[::-1]


def test_cancel_asks_for_the_build_that_runs(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    assert celadon("builds:cancel").err == " !    cannot cancel: no build of example is running\n"
    build = builds.create(world.context, world.actor, "example", commit="abc")
    assert celadon("builds:cancel").out == f"Cancelling build {build.id} of example... done\n"
    assert builds.find(world.context, world.actor, "example", build.id)[1].cancel_requested


def test_the_cache_is_purged_when_the_apps_name_is_confirmed(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    refused = celadon("builds:cache:purge", "--confirm", "other")
    assert (refused.status, refused.err) == (1, " !    Confirmation did not match example. Aborted.\n")
    assert not builds.caches_to_purge(world.context)
    assert celadon("builds:cache:purge", "--confirm", "example").out == "Purging build cache for example... done\n"
    assert [app.name for app in builds.caches_to_purge(world.context)] == ["example"]


@pytest.fixture
def streaming(replay: Callable[..., Replay], stranger: Program) -> Callable[[list[Told]], Replay]:
    """A platform whose newest build has an output that is told in these ways, one after the other."""

    def make(told: list[Told]) -> Replay:
        server = replay()
        build = {
            "id": "b1",
            "created_at": "2026-01-01T00:00:00Z",
            "status": "succeeded",
            "output_stream_url": f"{server.url}/builds-output/key",
        }
        server.answers = {
            "GET /apps/x/builds": Told(body=[build]),
            "GET /apps/x/builds/b1": Told(body=build),
            "POST /apps/x/builds": Told(201, build),
            "GET /builds-output/key": told,
        }
        stranger.env |= {"CELADON_HOST": server.url, "CELADON_API_KEY": "t", "CELADON_APP": "x"}
        return server

    return make


def test_output_is_printed_as_it_is(streaming: Callable[[list[Told]], Replay], stranger: Program) -> None:
    streaming([Told(body="-----> Python app detected\n\xe9\n")])
    assert stranger("builds:output").out == "-----> Python app detected\n\xe9\n"


def test_output_that_breaks_off_is_taken_up_where_it_was(
    streaming: Callable[[list[Told]], Replay], stranger: Program
) -> None:
    def broken(send: Callable[[bytes], None], asked: Asked) -> None:
        send(b"one\ntw")

    def rest(send: Callable[[bytes], None], asked: Asked) -> None:
        send(b"o\n")

    length = {"Content-Length": "8"}
    server = streaming([Told(headers=length, write=broken), Told(206, headers={"Content-Length": "2"}, write=rest)])
    assert stranger("builds:output").out == "one\ntwo\n"
    assert server.asked[-1].headers["range"] == "bytes=6-"


def test_output_of_a_role_that_is_away_for_a_moment_is_asked_for_again(
    streaming: Callable[[list[Told]], Replay], stranger: Program
) -> None:
    away = Told(503, {"id": "service_unavailable", "message": "cannot reach this part of the platform."})
    server = streaming([away, Told(502), Told(body="one\n")])
    assert stranger("builds:output").out == "one\n"
    server.answers["GET /builds-output/key"] = Told(404, {"id": "not_found", "message": "no"})
    assert stranger("builds:output").err == " !    cannot read the output: its stream answered 404\n"


def test_a_server_without_ranges_does_not_double_the_output(
    streaming: Callable[[list[Told]], Replay], stranger: Program
) -> None:
    def broken(send: Callable[[bytes], None], asked: Asked) -> None:
        send(b"one\ntw")

    streaming([Told(headers={"Content-Length": "8"}, write=broken), Told(body="one\ntwo\n")])
    assert stranger("builds:output").out == "one\ntwo\n"


def test_a_build_of_an_archive_follows_its_output(streaming: Callable[[list[Told]], Replay], stranger: Program) -> None:
    server = streaming([Told(body="-----> done\n")])
    shown = stranger("builds:create", "--source-url", "https://example.com/x.tgz", "--version", "abc")
    assert (shown.out, shown.status) == ("-----> done\n", 0)
    (posted,) = [asked.body for asked in server.asked if asked.method == "POST"]
    assert posted == {"source_blob": {"url": "https://example.com/x.tgz", "version": "abc"}}


def test_a_build_of_a_file_uploads_it_first(
    streaming: Callable[[list[Told]], Replay], stranger: Program, tmp_path: Path
) -> None:
    server = streaming([Told(body="-----> done\n")])
    blob = {"put_url": f"{server.url}/put", "get_url": f"{server.url}/get"}
    server.answers |= {"POST /sources": Told(201, {"source_blob": blob}), "PUT /put": Told()}
    (tmp_path / "source.tgz").write_bytes(b"archive")
    shown = stranger("builds:create", "--source-tar", str(tmp_path / "source.tgz"))
    assert (shown.out, shown.status) == ("-----> done\n", 0)
    asked = {f"{asked.method} {asked.path}": asked for asked in server.asked}
    assert asked["PUT /put"].body == b"archive"
    assert "authorization" not in asked["PUT /put"].headers
    assert asked["POST /apps/x/builds"].body == {"source_blob": {"url": f"{server.url}/get"}}


def test_an_upload_that_is_refused_says_why(
    streaming: Callable[[list[Told]], Replay], stranger: Program, tmp_path: Path
) -> None:
    server = streaming([Told(body="")])
    blob = {"put_url": f"{server.url}/put", "get_url": f"{server.url}/get"}
    too_large = Told(413, {"id": "request_too_large", "message": "cannot take this upload: it is larger than 1 MB"})
    server.answers |= {"POST /sources": Told(201, {"source_blob": blob}), "PUT /put": too_large}
    (tmp_path / "source.tgz").write_bytes(b"archive")
    shown = stranger("builds:create", "--source-tar", str(tmp_path / "source.tgz"))
    assert (shown.err, shown.status) == (" !    cannot take this upload: it is larger than 1 MB\n", 1)
    assert not any(asked.path == "/apps/x/builds" for asked in server.asked)


def test_a_build_wants_one_source(stranger: Program, streaming: Callable[[list[Told]], Replay]) -> None:
    streaming([Told(body="")])
    assert stranger("builds:create").status == 2
    assert stranger("builds:create", "--source-tar", "a", "--source-url", "https://b/c").status == 2
    shown = stranger("builds:create", "--source-tar", "missing.tgz")
    assert (shown.err, shown.status) == (" !    cannot read missing.tgz: No such file or directory\n", 1)


def test_a_build_that_failed_exits_with_1(streaming: Callable[[list[Told]], Replay], stranger: Program) -> None:
    server = streaming([Told(body="no\n")])
    server.answers["GET /apps/x/builds/b1"] = Told(body={"id": "b1", "status": "failed"})
    shown = stranger("builds:create", "--source-url", "https://example.com/x.tgz")
    assert (shown.out, shown.err, shown.status) == ("no\n", " !    Build b1 failed.\n", 1)
