"""Slugs where dynos can use them: one read-only mount on the host per slug in use.

A slug is a squashfs file named `<slug id>.squashfs`; it is mounted at `<directory>/<slug id>`. Where the machine has no
loop devices it is unpacked to the same place instead.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from celadon.runtime import loops, protocol

_LOCK = ".lock"
_UNPACKED = ".unpacked"
# What the kernel answers where loop devices or squashfs are missing or forbidden.
_NO_LOOPS = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EPERM, errno.EACCES, errno.ENOSPC, errno.ENOTTY)


def mount(slug: Path, directory: Path) -> Path:
    """Make a slug's files readable and return where they are; nothing when they are already.

    Raises RuntimeFailure when the file is missing or no slug.
    """
    target = directory / slug.stem
    if target in loops.mounts(directory) or _is_unpacked(target):
        return target
    if not slug.is_file():
        raise protocol.RuntimeFailure(f"cannot mount slug {slug.stem}: {slug} is missing")
    with _locked(directory):
        if target not in loops.mounts(directory) and not _is_unpacked(target):
            _mount_or_unpack(slug, target)
    return target


def unmount(slug_id: str, directory: Path) -> None:
    """Give a slug's mount up; dynos that still run from it are not disturbed. No error when it is not mounted.

    An unpacked slug is removed: unmount only what no dyno uses.
    """
    if not directory.is_dir():
        return
    target = directory / slug_id
    with _locked(directory):
        while loops.unmount(target):
            pass
        # The mark first: half a slug must not look like one.
        _marker(target).unlink(missing_ok=True)
        if target.is_dir():
            shutil.rmtree(target)


def mounted(directory: Path) -> set[str]:
    """Ids of the slugs that are mounted (or unpacked) in a directory."""
    if not directory.is_dir():
        return set()
    unpacked = (path.name.removeprefix(".").removesuffix(_UNPACKED) for path in directory.glob(f".*{_UNPACKED}"))
    return {path.name for path in loops.mounts(directory)} | set(unpacked)


def _mount_or_unpack(slug: Path, target: Path) -> None:
    target.mkdir(mode=0o755, exist_ok=True)
    try:
        loops.mount(slug, target, "squashfs", loops.MS_RDONLY | loops.MS_NOSUID | loops.MS_NODEV)
    except OSError as error:
        if error.errno not in _NO_LOOPS:
            raise protocol.RuntimeFailure(f"cannot mount slug {slug.stem}: {error.strerror}") from error
        unpack(slug, target)


def unpack(slug: Path, target: Path) -> None:
    """Unpack a slug to a directory, for machines without loop devices; complete or not at all."""
    shutil.rmtree(target, ignore_errors=True)
    try:
        found = subprocess.run(
            ["unsquashfs", "-no-progress", "-dest", str(target), str(slug)], capture_output=True, check=False
        )
    except FileNotFoundError:
        raise protocol.RuntimeFailure(
            f"cannot unpack slug {slug.stem}: unsquashfs is missing: apt-get install squashfs-tools"
        ) from None
    if found.returncode != 0:
        shutil.rmtree(target, ignore_errors=True)
        reason = found.stderr.decode("utf-8", "replace").strip()
        raise protocol.RuntimeFailure(f"cannot unpack slug {slug.stem}: {reason}")
    _marker(target).touch()


def _marker(target: Path) -> Path:
    return target.parent / f".{target.name}{_UNPACKED}"


def _is_unpacked(target: Path) -> bool:
    return _marker(target).exists()


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One at a time, of all threads and roles: two mounts of one slug would stack."""
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
