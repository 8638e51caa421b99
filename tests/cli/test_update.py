"""`update` where it cannot be done; that it works is in test_client_alone, with a client that was installed."""

import hashlib
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pexpect
import pytest
from tests.cli.program import Program
from tests.cli.replay import Replay, Told
from tests.cli.world import World

from celadon.api import client_wheel
from celadon.cli import main
from celadon.cli.commands import update
from celadon.cli.connection.platforms import Platform
from celadon.cli.failure import Failure

CHECKOUT = Path(__file__).parents[2]
CONTENT = "PK wheel"
PROJECT = {
    "version": "1.0",
    "description": "x",
    "requires-python": ">=3.11",
    "dependencies": ["click"],
    "scripts": {"celadon": "celadon.cli.main:main"},
}


def test_a_checkout_is_updated_with_its_platform(stranger: Program) -> None:
    shown = stranger("update")
    assert (shown.out, shown.status) == ("", 1)
    # Nor is anything looked up for it.
    asked = stranger.terminal("version", "--platform", "http://localhost:1")
    asked.expect(pexpect.EOF)
    asked.close()
    assert not (stranger.home / ".cache").exists()
    assert f"Update both: git -C {CHECKOUT} pull && {CHECKOUT}/bin/up\n" in shown.err


@pytest.mark.parametrize(("words", "told"), [("update", False), ("update:beta", False), ("ps", True)])
def test_who_updates_is_not_told_to(monkeypatch: pytest.MonkeyPatch, words: str, told: bool) -> None:
    shown: list[str] = []
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("celadon.cli.group.run", lambda words: 0)
    monkeypatch.setattr("celadon.cli.update_notice.wanted", lambda: True)
    monkeypatch.setattr("celadon.cli.update_notice.show", lambda: shown.append("told"))
    monkeypatch.setattr("sys.excepthook", sys.excepthook)
    assert main.main([words]) == 0
    assert bool(shown) is told


def test_nobody_says_which_client_without_tls() -> None:
    with pytest.raises(Failure, match="nobody vouches for what comes without TLS"):
        update.check_trusted(Platform(api_url="http://api.example.com"))
    update.check_trusted(Platform(api_url="https://api.example.com"))
    update.check_trusted(Platform(api_url="http://localhost:8080"))


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({}, None),
        ({"sha256": "0" * 64}, "it is not what was promised"),
        ({"url": "/client/other.whl"}, "answered 404"),
        ({"url": "//evil.example/x.whl"}, "which is no place for one"),
    ],
)
def test_only_what_was_promised_is_taken(replay: Callable[..., Replay], told: dict[str, Any], why: str | None) -> None:
    promised = {"version": "2", "url": "/client/c.whl", "sha256": hashlib.sha256(CONTENT.encode()).hexdigest(), **told}
    server = replay(answers={"GET /client": Told(body=promised), "GET /client/c.whl": Told(body=CONTENT)})
    platform = Platform(api_url=server.url)
    if why is None:
        assert update._download(platform, update.offered(platform)) == CONTENT.encode()
    else:
        with pytest.raises(Failure, match=why):
            update._download(platform, update.offered(platform))


@pytest.mark.parametrize("answer", [Told(404, {"id": "not_found"}), Told(body={"version": "2"}), Told(body=[])])
def test_a_platform_that_has_no_client_to_give(replay: Callable[..., Replay], answer: Told) -> None:
    server = replay(answers={"GET /client": answer})
    with pytest.raises(Failure, match="cannot update from"):
        update.offered(Platform(api_url=server.url))


def test_the_wheel_is_named_by_what_is_in_it() -> None:
    files = {"celadon/__init__.py": b"__version__ = '1.0'", "celadon/cli/__init__.py": b""}
    made = client_wheel.made(PROJECT, files)
    assert made == client_wheel.made(PROJECT, files)
    assert made.sha256 == hashlib.sha256(made.content).hexdigest()
    other = client_wheel.made(PROJECT, {**files, "celadon/cli/__init__.py": b"x"})
    assert other.version != made.version and made.version.startswith("1.0+c")
    with zipfile.ZipFile(BytesIO(made.content)) as archive:
        assert archive.testzip() is None
        assert made.version in archive.read("celadon/__init__.py").decode()
        assert "Requires-Dist: click\n" in archive.read(f"celadon-{made.version}.dist-info/METADATA").decode()
        assert archive.namelist()[-1].endswith(".dist-info/entry_points.txt")


def test_the_wheel_holds_what_a_client_runs_and_nothing_that_lies_about(tmp_path: Path) -> None:
    for name in ("__init__.py", "cli/x.py", "cli/.env", "cli/notes.txt", "cli/x.json", "api/y.py", "store/z.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert list(client_wheel.packaged(tmp_path, ["**/*.json"])) == [
        "celadon/__init__.py",
        "celadon/cli/x.json",
        "celadon/cli/x.py",
    ]


def test_anybody_gets_the_wheel_and_no_other(world: World, stranger: Program) -> None:
    platform = Platform(api_url=f"http://{world.machine}")
    told = update.offered(platform)
    assert hashlib.sha256(update._download(platform, told)).hexdigest() == client_wheel.wheel().sha256
    with pytest.raises(Failure, match="answered 404"):
        update._download(platform, {**told, "url": "/client/celadon-0-py3-none-any.whl"})
