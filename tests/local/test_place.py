"""What a directory of somebody else's may have under the names `.env` and `Procfile`."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from celadon.cli.failure import Failure
from celadon.local import env_file, formation, place


def fifo(file: Path) -> None:
    os.mkfifo(file)


def outside(file: Path) -> None:
    (file.parent.parent / "secret").write_text("A=1\n")
    file.symlink_to("../secret")


def procfile(root: Path) -> object:
    return formation.read_procfile(root / "Procfile")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (fifo, "it is no regular file"),
        (Path.mkdir, "it is no regular file"),
        (lambda file: file.symlink_to("/dev/full"), "it is a link to /dev/full, outside "),
        (outside, "/secret, outside "),
        (lambda file: file.symlink_to("../not-there"), "it is a link that leads nowhere"),
        (lambda file: file.symlink_to(file.name), "it is a link that leads nowhere"),
        (lambda file: file.write_bytes(b"#" * ((1 << 20) + 1)), "it is larger than 1 MB"),
    ],
)
@pytest.mark.parametrize(("name", "read"), [(".env", lambda root: env_file.load(root, ())), ("Procfile", procfile)])
def test_only_a_regular_file_is_read(
    tmp_path: Path, make: Callable[[Path], object], why: str, name: str, read: Callable[[Path], object]
) -> None:
    root = tmp_path / "app"
    root.mkdir()
    make(root / name)
    with pytest.raises(Failure) as failed:
        read(root)
    (line,) = failed.value.lines
    assert line.startswith("cannot ") and name in line and why in line


def test_a_link_inside_the_directory_is_followed(tmp_path: Path) -> None:
    (tmp_path / "env.development").write_text("A=1\n")
    (tmp_path / ".env").symlink_to("env.development")
    assert env_file.load(tmp_path, ()) == {"A": "1"}
    assert place.found(tmp_path / ".env") == tmp_path / "env.development"
