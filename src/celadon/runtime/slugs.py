"""Slugs where dynos can use them: one read-only mount on the host per slug in use.

A slug is a squashfs file; it is mounted at `<directory>/<slug id>`. Where the machine has no loop devices it is unpacked
to the same place instead.
"""

import contextlib
import errno
import fcntl
import math
import os
import shutil
import subprocess
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from celadon.runtime import loops, protocol

_LOCK = ".lock"
_UNPACKED = ".unpacked"
# What the kernel answers where loop devices or squashfs are missing or forbidden.
_NO_LOOPS = (errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.EPERM, errno.EACCES, errno.ENOSPC, errno.ENOTTY)


def mount(slug: Path, target: Path) -> Path:
    """Make a slug's files readable at `target` (its last part is the slug's id) and return it; nothing when they are.

    Raises RuntimeFailure when the file is missing or no slug.
    """
    with _locked(target.parent):
        _used(target).touch()
        if not is_mounted(target):
            if not slug.is_file():
                raise protocol.RuntimeFailure(f"cannot mount slug {target.name}: {slug} is missing")
            _mount_or_unpack(slug, target)
    return target


def is_mounted(target: Path) -> bool:
    """Whether a slug is mounted (or unpacked) there."""
    return target in loops.mounts(target.parent) or _is_unpacked(target)


def unmount(target: Path) -> None:
    """Give a slug's mount up; dynos that still run from it are not disturbed. No error when it is not mounted.

    An unpacked slug is removed: unmount only what no dyno uses.
    """
    if target.parent.is_dir():
        with _locked(target.parent):
            _unmount(target)


def mounted(directory: Path) -> set[str]:
    """Ids of the slugs that are mounted (or unpacked) in a directory."""
    if not directory.is_dir():
        return set()
    unpacked = (path.name.removeprefix(".").removesuffix(_UNPACKED) for path in directory.glob(f".*{_UNPACKED}"))
    return {path.name for path in loops.mounts(directory)} | set(unpacked)


def keep_only(directory: Path, wanted: Collection[str], *, grace: float = 60.0) -> None:
    """Unmount what is not wanted; a slug that was asked for within `grace` seconds stays: its dyno may be on its way."""
    for slug_id in mounted(directory) - set(wanted):
        target = directory / slug_id
        with _locked(directory):
            if _age(_used(target)) >= grace:
                _unmount(target)


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _unmount(target: Path) -> None:
    while loops.unmount(target):
        pass
    # The marks first: half a slug must not look like one.
    _marker(target).unlink(missing_ok=True)
    _used(target).unlink(missing_ok=True)
    if target.is_dir():
        shutil.rmtree(target)


def _mount_or_unpack(slug: Path, target: Path) -> None:
    target.mkdir(mode=0o755, exist_ok=True)
    try:
        loops.mount(slug, target, "squashfs", loops.MS_RDONLY | loops.MS_NOSUID | loops.MS_NODEV)
    except OSError as error:
        if error.errno not in _NO_LOOPS:
            target.rmdir()
            raise protocol.RuntimeFailure(f"cannot mount slug {target.name}: {error.strerror}") from error
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
            f"cannot unpack slug {target.name}: unsquashfs is missing: apt-get install squashfs-tools"
        ) from None
    if found.returncode != 0:
        shutil.rmtree(target, ignore_errors=True)
        reason = found.stderr.decode("utf-8", "replace").strip()
        raise protocol.RuntimeFailure(f"cannot unpack slug {target.name}: {reason}")
    _marker(target).touch()


def _marker(target: Path) -> Path:
    return target.parent / f".{target.name}{_UNPACKED}"


def _used(target: Path) -> Path:
    return target.parent / f".{target.name}.used"


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
