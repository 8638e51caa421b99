"""A server's log is read once, whoever is killed, and never fills the disk; a server stands for by what it does to files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from celadon.postgres import log_files
from celadon.postgres.log_files import LogFile


@dataclass
class Server:
    """Writes to a file that it opens anew when it is told to."""

    directory: Path
    told: int = 0

    def __post_init__(self) -> None:
        self.file = (self.directory / "postgresql.json").open("ab", buffering=0)

    def say(self, *lines: str) -> None:
        for line in lines:
            self.file.write(f"{line}\n".encode())

    def ask(self) -> None:
        self.told += 1

    def turn(self) -> None:
        self.file.close()
        self.file = (self.directory / "postgresql.json").open("ab", buffering=0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "log").mkdir()
    found = Server(tmp_path / "log")
    yield found
    found.file.close()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_READ", 200), ("_FULL", 400), ("_BACKLOG", 2_000)):
        monkeypatch.setattr(log_files, name, value)


def reader(server: Server) -> LogFile:
    return LogFile(server.directory, server.directory.parent / "position", server.ask)


def read(file: LogFile) -> list[str]:
    return [line.decode() for line in file.lines()]


def test_each_line_is_read_once_and_a_part_of_one_waits_for_its_end(server: Server) -> None:
    server.say("a", "b")
    server.file.write(b"c")
    assert read(reader(server)) == ["a", "b"]
    assert read(reader(server)) == []
    server.file.write(b"d\n")
    assert read(reader(server)) == ["cd"]


def test_who_is_killed_repeats_one_line_and_loses_none(server: Server) -> None:
    server.say(*"abcdef")
    taken = []
    for killed in range(1, 9):
        lines = reader(server).lines()
        # The last one was written to the app's log, and nobody asked for the next.
        taken += [line.decode() for _, line in zip(range(killed), lines, strict=False)]
        lines.close()
    assert "".join(taken) == "aabbcdeff" or (set(taken) == set("abcdef") and sorted(taken) == taken)
    assert len(taken) <= 6 + 8


def test_what_has_grown_is_turned_and_nothing_is_lost_or_said_twice(server: Server, small: None) -> None:
    said, seen = [f"line {number}" for number in range(300)], []
    for number, line in enumerate(said):
        server.say(line)
        # Each time another one who has just been started.
        seen += read(reader(server))
        if server.told and not (server.directory / "postgresql.json").exists() and number % 3 == 0:
            server.turn()
        assert sum(path.stat().st_size for path in server.directory.iterdir()) < 1_500
    for _ in range(5):
        server.turn()
        seen += read(reader(server))
    assert seen == said and server.told >= 5


def test_a_server_that_was_not_told_is_told_again_and_keeps_writing_to_the_old_file(
    server: Server, small: None
) -> None:
    server.say(*["x" * 50] * 10)
    file = reader(server)
    while server.told == 0:
        read(file)
    server.say("after")
    assert [line for _ in range(5) for line in read(file)][-1] == "after" and server.told > 3
    server.turn()
    server.say("new")
    assert [line for _ in range(3) for line in read(reader(server))] == ["new"]
    assert [path.name for path in server.directory.iterdir()] == ["postgresql.json"]


def test_what_is_too_much_is_passed_over(server: Server, small: None) -> None:
    server.say(*[f"line {number}" for number in range(1_000)])
    file = reader(server)
    seen = [line for _ in range(20) for line in read(file)]
    assert seen[-1] == "line 999" and len(seen) < 30 and file.skipped > 8_000
    server.file.write(b"x" * 1_000)
    server.say("", "last")
    assert [line for _ in range(20) for line in read(file)][-1] == "last"


def test_a_file_that_ends_in_the_middle_of_a_line_stands_in_nobodys_way(server: Server, small: None) -> None:
    server.say(*["x" * 50] * 10)
    server.file.write(b"cut off")
    file = reader(server)
    while server.told == 0:
        read(file)
    server.turn()
    server.say("new")
    assert [line for _ in range(10) for line in read(file)][-1] == "new"


def test_a_standbys_log_is_not_read_and_does_not_grow(server: Server, small: None) -> None:
    file = reader(server)
    for number in range(100):
        server.say("x" * 50)
        file.pass_over()
        if not (server.directory / "postgresql.json").exists():
            server.turn()
        assert sum(path.stat().st_size for path in server.directory.iterdir()) < 1_500, number
    server.say("new")
    assert read(file) == ["new"]


@pytest.mark.parametrize("kind", ["link", "directory", "pipe"])
def test_what_is_no_plain_file_is_not_read(server: Server, kind: str) -> None:
    path, secret = server.directory / "postgresql.json", server.directory.parent / "secret"
    secret.write_text("secret\n")
    path.unlink()
    if kind == "link":
        path.symlink_to(secret)
    elif kind == "directory":
        path.mkdir()
    else:
        import os

        os.mkfifo(path)
    assert read(reader(server)) == []
