"""An app's own disk for builds: what its builds keep (`cache/`) and the tree that is being built.

It is one file system in a sparse file, so that one app's build can never fill the machine's disk, and so that a cached
layer can be linked into the tree instead of copied. No other app sees it.
"""

import contextlib
import errno
import logging
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from celadon.runtime import loops
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

_MAKE = (
    "mkfs.ext4",
    "-q",
    "-F",
    "-m",
    "0",
    "-O",
    "^has_journal",
    "-E",
    "lazy_itable_init=1,nodiscard,root_owner={uid}:{uid}",
)

# s_state in ext4's superblock.
_STATE_OFFSET = 1024 + 0x3A
_INTACT = b"\x01\x00"


@dataclass(frozen=True, slots=True)
class _Disk:
    image: Path
    owner: str
    used_at: float
    size: int


def make_room(directory: Path, wanted: int, used: Container[str], owners: Mapping[str, str]) -> list[str]:
    """Give up disks until `wanted` bytes are free where they are, and those of no app in `used`; returns the ids of their apps.

    First go those of no app, then one after the other of the account whose disks take most, the one that was built on
    longest ago: who has many apps takes nothing from others. `owners` is app → account. What is lost is a cache: the next
    builds are as first ones.
    """
    disks, given_up = list(_disks(directory, owners)), list[str]()
    while shutil.disk_usage(directory).free < wanted:
        taken = Counter[str]()
        for disk in disks:
            taken[disk.owner] += disk.size
        free = [disk for disk in disks if disk.image.stem not in used]
        if not free:
            break
        disk = min(free, key=lambda disk: (bool(disk.owner), -taken[disk.owner], disk.used_at))
        disks.remove(disk)
        try:
            _remove(directory / disk.image.stem, disk.image)
        except OSError:
            # One that cannot be removed must keep none of the others.
            log.exception("at=room-failed app=%s", disk.image.stem)
        else:
            given_up.append(disk.image.stem)
    return given_up


def _disks(directory: Path, owners: Mapping[str, str]) -> Iterator[_Disk]:
    for image in directory.glob("*.img"):
        # The clock role removes those of apps that are gone.
        with contextlib.suppress(FileNotFoundError):
            found = image.stat()
            yield _Disk(image, owners.get(image.stem, ""), found.st_mtime, found.st_blocks * 512)


def _remove(root: Path, image: Path) -> None:
    while loops.unmount(root):
        pass
    image.unlink(missing_ok=True)
    if root.is_dir():
        shutil.rmtree(root)


class Workspace:
    """The disk of one app; `root` is where it is mounted on the host."""

    def __init__(self, root: Path, uid: int, limit: int) -> None:
        self.root = root
        self._image = root.with_name(f"{root.name}.img")
        self._uid = uid
        self._limit = limit

    def open(self) -> None:
        """Mount it, made new when it is not there or cannot be used any more; raises RuntimeFailure."""
        self.root.mkdir(mode=0o711, parents=True, exist_ok=True)
        if self.root in loops.mounts(self.root.parent):
            return
        if not loops.available():
            os.chown(self.root, self._uid, self._uid)
            return
        try:
            self._mount()
        except OSError:
            # No disk yet, or one that a crash of the machine left torn: what it held can be made again.
            self._make()
            try:
                self._mount()
            except OSError as error:
                raise RuntimeFailure(f"cannot mount the build disk {self._image}: {error}") from None

    def close(self) -> None:
        loops.unmount(self.root)

    def remove(self) -> None:
        """Give up what is kept in it, as no build runs; the next one makes it new."""
        _remove(self.root, self._image)

    def _mount(self) -> None:
        """Raises OSError."""
        if not self._intact() and not loops.in_use(self._image):
            raise OSError(errno.EUCLEAN, "it was not unmounted when the machine went down", str(self._image))
        flags, options = loops.MS_NOSUID | loops.MS_NODEV, "noinit_itable,nobarrier"
        loops.mount(self._image, self.root, "ext4", flags, options, kept=True)

    def _intact(self) -> bool:
        """Whether the file system says that it was unmounted and has no errors; it has no journal to go by."""
        with self._image.open("rb") as file:
            file.seek(_STATE_OFFSET)
            return file.read(2) == _INTACT

    def _make(self) -> None:
        new = self._image.with_suffix(".new")
        with new.open("wb") as file:
            file.truncate(self._limit)
        argv = [word.format(uid=self._uid) for word in _MAKE]
        found = subprocess.run([*argv, str(new)], capture_output=True, check=False)
        if found.returncode:
            raise RuntimeFailure(f"cannot make the build disk {new}: {found.stderr.decode('utf-8', 'replace').strip()}")
        new.rename(self._image)

    def read(self, *path: str, limit: int) -> bytes | None:
        """A file's content, at most `limit` bytes; None when it is missing, no plain file, larger, or behind a link.

        The tree is the tenant's: a link in it could name any file of the host, so none is followed.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            with (
                self._directory(*path[:-1]) as directory,
                os.fdopen(os.open(path[-1], flags, dir_fd=directory), "rb") as file,
            ):
                content = file.read(limit + 1)
        except OSError:
            return None
        return content if len(content) <= limit else None

    def target(self, *path: str) -> tuple[str, ...]:
        """The path itself, or where it leads when it is a link to a place in the same directory or below."""
        try:
            with self._directory(*path[:-1]) as directory:
                leads_to = Path(os.readlink(path[-1], dir_fd=directory))
        except OSError:
            return path
        return path if leads_to.is_absolute() or ".." in leads_to.parts else (*path[:-1], *leads_to.parts)

    def has(self, *path: str) -> bool:
        """Whether there is anything of that name."""
        try:
            with self._directory(*path[:-1]) as directory:
                os.stat(path[-1], dir_fd=directory, follow_symlinks=False)
        except OSError:
            return False
        return True

    @contextlib.contextmanager
    def _directory(self, *path: str) -> Iterator[int]:
        """A directory of the workspace, reached without following a link; raises OSError."""
        directory = os.open(self.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in path:
                inner = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
                os.close(directory)
                directory = inner
            yield directory
        finally:
            os.close(directory)
