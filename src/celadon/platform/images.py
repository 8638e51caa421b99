"""Images: root filesystems built from Debian packages, kept in a cache that all platforms of this machine share.

An image is a directory `<name>-<digest of its recipe>/rootfs`. It is built in a directory of its own and renamed when
complete, so that a kill at any moment leaves either the image or nothing; a lock lets platforms that are installed side
by side build it once.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from celadon.platform import mounts, trust
from celadon.platform.failure import PlatformFailure
from celadon.platform.recipes import RECIPES, SERVICES, Recipe
from celadon.platform.settings import Settings

Tell = Callable[[str], None]

_ROOTFS = "rootfs"
_TRUST = "trust"
_LOOK = 0.5


def path(settings: Settings, name: str) -> Path:
    """The root filesystem of an image. Raises PlatformFailure when it has not been built."""
    root = settings.images / recipe_of(settings, name).directory / _ROOTFS
    if not root.is_dir():
        raise PlatformFailure(f"cannot find the image {name} in {settings.images}: run bin/up")
    return root


def present(settings: Settings, name: str) -> bool:
    return (settings.images / recipe_of(settings, name).directory / _ROOTFS).is_dir()


def build(settings: Settings, name: str, tell: Tell = lambda _text: None) -> bool:
    """Build an image unless it is there, and refresh its trust store when the host's changed; True when it was built.

    `tell` is called with what is going on, in a few words. Raises PlatformFailure.
    """
    recipe = recipe_of(settings, name)
    settings.images.mkdir(parents=True, exist_ok=True)
    with _lock(settings.images / f".{recipe.directory}.lock", tell):
        target = settings.images / recipe.directory
        if (target / _ROOTFS).is_dir():
            _refresh(target, settings.ca_bundle, tell)
            return False
        partial = settings.images / f".{recipe.directory}.partial"
        _remove_tree(partial)
        partial.mkdir()
        try:
            _bootstrap(settings, recipe, partial / _ROOTFS, tell)
            _refresh(partial, settings.ca_bundle, tell)
            partial.rename(target)
        except BaseException:
            _remove_tree(partial)
            raise
    return True


def bootstrap_argv(settings: Settings, recipe: Recipe, root: Path) -> list[str]:
    """The command that fills `root`. It dies with its caller and its mounts with it."""
    options = [f"--dpkgopt={option}" for option in recipe.dpkg_options]
    hooks = [f"--customize-hook={hook}" for hook in recipe.hooks]
    guard = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    mirror, security = settings.debian_mirror, settings.debian_security_mirror
    sources = [
        line
        for suite in recipe.suites
        for line in (
            f"deb {mirror} {suite} main",
            f"deb {mirror} {suite}-updates main",
            f"deb {security} {suite}-security main",
        )
    ]
    return [
        *guard,
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--components=main",
        f"--include={','.join(recipe.packages)}",
        '--aptopt=Acquire::Languages "none"',
        '--aptopt=Acquire::Retries "3"',
        *options,
        *hooks,
        recipe.suite,
        str(root),
        *sources,
    ]


def _bootstrap(settings: Settings, recipe: Recipe, root: Path, tell: Tell) -> None:
    argv = bootstrap_argv(settings, recipe, root)
    log = root.parent / "log"
    env = {**os.environ, "TMPDIR": str(root.parent), "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        with log.open("wb") as output:
            running = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env)
    except FileNotFoundError as error:
        raise PlatformFailure(
            f"cannot build the image {recipe.name}: {error.filename} is missing, run bin/up"
        ) from None
    try:
        _follow(running, root, log, tell)
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGKILL)
            running.wait()
    if running.returncode:
        tail = "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-15:])
        raise PlatformFailure(f"cannot build the image {recipe.name} from {settings.debian_mirror}:\n{tail}")


def _follow(running: "subprocess.Popen[bytes]", root: Path, log: Path, tell: Tell) -> None:
    """Tell what mmdebstrap is at until it ends."""
    said, started = "", time.monotonic()
    while True:
        try:
            running.wait(_LOOK)
            return
        except subprocess.TimeoutExpired:
            pass
        now = _phase(root, log)
        if now != said:
            tell(f"{now} ({time.monotonic() - started:.0f} s)")
            said = now


def _phase(root: Path, log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", errors="replace").splitlines() if line.startswith("I: ")]
    phase = lines[-1].removeprefix("I: ").rstrip(".") if lines else "starting"
    # mmdebstrap's own words, and how far dpkg is: each package that is unpacked leaves a list of its files.
    unpacked = sum(1 for _ in (root / "var/lib/dpkg/info").glob("*.list")) if root.is_dir() else 0
    return f"{phase}, {unpacked} packages" if unpacked else phase


def _refresh(image: Path, bundle: Path, tell: Tell) -> None:
    now = trust.fingerprint(bundle)
    mark = image / _TRUST
    if mark.is_file() and mark.read_text("ascii") == now:
        return
    tell("certificates")
    trust.add_certificates(image / _ROOTFS, bundle)
    mark.write_text(now, "ascii")


def recipe_of(settings: Settings, name: str) -> Recipe:
    """What an image consists of on this platform. Raises PlatformFailure when there is none of this name."""
    try:
        found = RECIPES[name]
    except KeyError:
        raise PlatformFailure(f"cannot find the image {name}: there are {', '.join(RECIPES)}") from None
    return replace(found, suite=settings.services_suite) if found is SERVICES else found


def _remove_tree(tree: Path) -> None:
    """Remove what a build left, never through a mount that is still under it."""
    mounts.unmount_below(tree)
    shutil.rmtree(tree, ignore_errors=True)


@contextlib.contextmanager
def _lock(lock: Path, tell: Tell) -> Iterator[None]:
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another bin/up that builds it")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
