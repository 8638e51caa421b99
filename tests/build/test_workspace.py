"""An app's disk for builds: what is in it survives whatever happens to the build role."""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.running import until

from celadon.build.workspace import Workspace, make_room
from celadon.runtime import loops

SIZE = 8 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Workspace]:
    if not loops.available():
        pytest.skip("no loop devices here")
    found = Workspace(tmp_path / "app", os.getuid(), SIZE)
    found.open()
    yield found
    while loops.unmount(found.root):
        pass


def test_a_disk_that_somebody_still_uses_is_opened_as_the_same_file_system(disk: Workspace) -> None:
    """A build dyno that dies slowly keeps the disk, and the next build may not write it beside it."""
    with (disk.root / "late").open("w") as held:
        disk.close()
        disk.open()
        held.write("said late")
        held.flush()
        assert disk.read("late", limit=100) == b"said late"


def test_what_a_build_has_kept_is_there_for_the_next(disk: Workspace) -> None:
    (disk.root / "kept").write_text("yes")
    disk.close()
    disk.open()
    assert disk.read("kept", limit=100) == b"yes"


@pytest.mark.parametrize("state", [0, 3], ids=["the machine went down", "the kernel found errors"])
def test_a_torn_disk_is_made_anew(disk: Workspace, state: int) -> None:
    (disk.root / "kept").write_text("perhaps")
    disk.close()
    image = disk.root.with_name("app.img")
    # A container that is being started elsewhere on the machine has a copy of every mount for a moment: the kernel would
    # write its own state once more at the end of that one.
    until(lambda: not loops.in_use(image), "its device is free")
    with image.open("r+b") as file:
        file.seek(1024 + 0x3A)
        file.write(struct.pack("<H", state))
    disk.open()
    assert not disk.has("kept")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 64 MB."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", place], check=False).returncode:
        pytest.skip("may not mount here")
    yield place
    subprocess.run(["umount", place], check=True)


def fill(small: Path, *names: str) -> None:
    """Disks of 12 MB, the one that was built on longest ago first."""
    for number, name in enumerate(names):
        (small / name).mkdir()
        image = small / f"{name}.img"
        image.write_bytes(bytes(12 << 20))
        os.utime(image, (number, number))


def test_disks_that_nobody_has_built_on_for_longest_make_room(small: Path) -> None:
    names = ("used", "oldest", "older", "newest")
    fill(small, *names)
    owners = dict.fromkeys(names, "ada")
    assert make_room(small, 10 << 20, {"used"}, owners) == []
    assert make_room(small, 30 << 20, {"used"}, owners) == ["oldest", "older"]
    assert {path.name for path in small.iterdir()} == {"used", "used.img", "newest", "newest.img"}
    assert shutil.disk_usage(small).free >= 30 << 20


def test_who_has_many_disks_makes_room_and_nobody_else(small: Path) -> None:
    fill(small, "other", "used", "first", "second", "of-nobody")
    owners = {"other": "bob", **dict.fromkeys(("used", "first", "second"), "ada")}
    assert make_room(small, 12 << 20, {"used"}, owners) == ["of-nobody"]
    assert make_room(small, 36 << 20, {"used"}, owners) == ["first", "second"]
    # Two accounts with as much: again the one that was built on longest ago.
    assert make_room(small, 64 << 20, {"used"}, owners) == ["other"]


def test_a_disk_that_cannot_be_removed_keeps_none_of_the_others(small: Path) -> None:
    fill(small, "stuck", "next")
    (small / "stuck.img").unlink()
    (small / "stuck.img").mkdir()
    os.utime(small / "stuck.img", (0, 0))
    assert make_room(small, 64 << 20, (), {"stuck": "ada", "next": "ada"}) == ["next"]
