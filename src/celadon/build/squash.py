"""mksquashfs over a compiled tree: with a build's weight, ended when its build is, and never left behind by its role.

It runs here and not in the build dyno: the kernel will mount what comes out, so it must be a file system that our own
program wrote. It runs as the app's user, follows no link out of the tree, and has limits of its own.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# What a slug may be larger than its limit before mksquashfs is stopped, in bytes: it ends with tables.
_SLACK = 1 << 20
_LEVEL = "3"
# It remembers the path of each folder, the name of each file: a tree that is made for it would take gigabytes.
_MEMORY = 2 << 30
# Each takes memory for its stack; more would not be faster than the disk.
_MOST_PROCESSORS = 16
# Characters of what it says; a path may have thousands.
_LONGEST = 200
# Seconds; 500 MB take some three, ten times as many where dynos burn all processors.
_TIMEOUT = 120
_LOOK = 0.1


class SquashError(Exception):
    """mksquashfs could not read or write; the message tells the user why."""


class TooLarge(Exception):
    """The image is larger than it may be."""


class Stopped(Exception):
    """It was ended for the reason in the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who looks after a program of a build outside of its dyno: `begun` is told its process id, `stopped` says why it
    must end, or None.
    """

    begun: Callable[[int], None]
    stopped: Callable[[], str | None]


def write(tree: Path, image: int, uid: int, limit: int, watch: Watch) -> None:
    """Write the tree into the open, empty file `image`, which is root's again afterwards.

    Raises SquashError, TooLarge beyond `limit` bytes, Stopped.
    """
    # The app's own user may not get at where slugs are: it is given the file.
    os.fchown(image, uid, uid)
    try:
        status, said = _run(argv(tree, image, uid, limit), image, uid, watch)
    finally:
        os.fchown(image, os.getuid(), os.getgid())
    if status == -signal.SIGXFSZ or os.fstat(image).st_size > limit:
        raise TooLarge
    if status:
        raise SquashError(_reason(said.decode("utf-8", "replace"), tree))


def _reason(said: str, tree: Path) -> str:
    if "out of memory" in said.lower() or "create thread" in said:
        return f"it needs more than {_MEMORY >> 20} MB of memory for that; it has too many files and folders"
    last = " ".join(said.strip().splitlines()[-1:]).replace(f"{tree}/", "").replace(str(tree), "the app's folder")
    return (
        last if len(last) <= _LONGEST else f"{last[: _LONGEST // 2]} … {last[-_LONGEST // 2 :]}"
    ) or "mksquashfs failed"


def argv(tree: Path, image: int, uid: int, limit: int) -> list[str]:
    """The whole command line."""
    ends_with_its_role = ["setpriv", "--pdeathsig", "KILL", "--"]
    limits = ["prlimit", f"--fsize={limit + _SLACK}", f"--data={_MEMORY}", "--core=0", "--"]
    words = ["mksquashfs", str(tree), f"/proc/self/fd/{image}", "-noappend", "-no-progress", "-quiet", "-no-xattrs"]
    words += ["-comp", "zstd", "-Xcompression-level", _LEVEL, "-mem", "512M"]
    # Without the first, what it cannot read is empty in the slug, or not there, and nobody is told.
    words += ["-exit-on-error", "-processors", str(min(os.cpu_count() or 1, _MOST_PROCESSORS))]
    return [*ends_with_its_role, *limits, *words, "-force-uid", str(uid), "-force-gid", str(uid)]


def _run(argv: list[str], image: int, uid: int, watch: Watch) -> tuple[int, bytes]:
    """Its status and what it said; raises SquashError, Stopped."""
    deadline = time.monotonic() + _TIMEOUT
    try:
        program = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            user=uid,
            group=uid,
            extra_groups=[],
            env={"PATH": os.defpath},
            pass_fds=(image,),
        )
    except OSError as error:
        raise SquashError(error.strerror) from None
    watch.begun(program.pid)
    while True:
        try:
            _, said = program.communicate(timeout=_LOOK)
        except subprocess.TimeoutExpired:
            reason = watch.stopped()
            if reason is None and time.monotonic() < deadline:
                continue
            program.kill()
            program.communicate()
            if reason is not None:
                raise Stopped(reason) from None
            raise SquashError(f"it took longer than {_TIMEOUT} seconds; are there huge files?") from None
        return program.returncode, said
