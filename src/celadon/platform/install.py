"""What bin/up does once Python is there, step by step; each may run again and then changes nothing."""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import celadon
from celadon.platform import client, images, instances, options, runtimes, supervise, unit
from celadon.platform import settings as platform_settings
from celadon.platform.failure import PlatformFailure
from celadon.platform.options import Options
from celadon.platform.settings import DEFAULT_HOME, SECRET, Settings

LINK = Path("/usr/local/bin/celadon")
CHECKOUT = Path(celadon.__file__).resolve().parents[2]
LOCK_NAME = ".install.lock"
IMAGES = ("services", "cedar")

# How long a fresh platform may take until its API answers through the router.
API_SECONDS = 60.0

# Directories of a home and their modes: apps' own uids pass through what is 0711, and read nothing of its list.
DIRECTORIES = {
    "": 0o711,
    "ca": 0o755,
    "git": 0o711,
    "sources": 0o711,
    "uploads": 0o700,
    "builds": 0o711,
    "slugs": 0o711,
    "cache": 0o711,
    "dynos": 0o711,
    "build-dynos": 0o711,
    "engines": 0o711,
    "logs": 0o700,
    "logplex": 0o700,
    "router": 0o700,
    "roles": 0o700,
    "log": 0o700,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What installing needs of the store; given by whoever wires, since the platform folder knows no store."""

    # Brings the store to the newest schema.
    migrate: Callable[[Settings], None]
    # Makes the operator's account (settings, e-mail, password) unless there is one; returns the operator's address.
    create_operator: Callable[[Settings, str, str], str]


def now() -> datetime:
    return datetime.now(UTC)


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the lock of a home: two bin/up at once would get in each other's way. Raises PlatformFailure."""
    try:
        home.mkdir(mode=DIRECTORIES[""], parents=True, exist_ok=True)
        held = (home / LOCK_NAME).open("w")
    except OSError as error:
        raise PlatformFailure(f"cannot use {home} as home: {error.strerror}; choose another with --home") from None
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PlatformFailure(f"cannot work on {home}: another bin/up or bin/down does; wait for it") from None
        yield


def choose_settings(chosen: Options) -> Settings:
    """The settings of this platform, checked and written; raises PlatformFailure before anything is changed."""
    before = known(chosen.home)
    if before is None and foreign_files(chosen.home):
        raise PlatformFailure(
            f"cannot use {chosen.home} as home: it holds files but no platform; choose an empty or a new directory"
        )
    closed = next((parent for parent in chosen.home.parents if not parent.stat().st_mode & 0o001), None)
    if closed is not None:
        raise PlatformFailure(
            f"cannot use {chosen.home} as home: apps have users of their own, who cannot pass through {closed}; "
            f"chmod o+x {closed}, or choose another with --home"
        )
    settings = options.merged(chosen, before, instances.allocate(chosen.home))
    running = before is not None and supervise.running(before)
    changed = [
        name
        for name in options.PORTS
        if before is None or not running or getattr(before, name) != getattr(settings, name)
    ]
    options.check_ports(settings, changed)
    if settings != before:
        platform_settings.save(settings)
    # Some settings may hold a password; everything else in the file is for everybody.
    (settings.home / "settings.toml").chmod(0o600 if any(getattr(settings, name) for name in SECRET) else 0o644)
    return settings


def make_directories(settings: Settings) -> None:
    """Make the directories of the home, and those that do not survive a boot, with the modes they need."""
    for name, mode in DIRECTORIES.items():
        directory = settings.home / name
        directory.mkdir(exist_ok=True)
        if directory.stat().st_mode & 0o777 != mode:
            directory.chmod(mode)
    settings.run.mkdir(mode=0o711, parents=True, exist_ok=True)
    _keep_in_memory(settings.run)
    if not settings.store_url:
        # SQLite gives its other files the mode of this one: nobody else may read them.
        database = settings.home / "store.db"
        database.touch(mode=0o600)
        database.chmod(0o600)


def _keep_in_memory(directory: Path) -> None:
    """Make an empty directory a tmpfs where `/run` is none: decrypted config vars of running dynos are kept in it."""
    found = subprocess.run(["stat", "-f", "-c", "%T", str(directory)], capture_output=True, text=True, check=False)
    if found.stdout.strip() == "tmpfs" or any(directory.iterdir()):
        return
    options = "mode=711,nosuid,nodev,size=25%"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], capture_output=True, check=False
    )
    if mounted.returncode:
        raise PlatformFailure(f"cannot keep {directory} in memory: {mounted.stderr.decode('utf-8', 'replace').strip()}")


def build_images(settings: Settings, tell: images.Tell) -> str:
    """Build the images that are missing; returns what was built."""
    built = [name for name in IMAGES if images.build(settings, name, lambda text, name=name: tell(f"{name}: {text}"))]  # type: ignore[misc]
    return f"built {', '.join(built)}" if built else "present"


def password_file(settings: Settings) -> Path:
    return settings.home / "operator-password"


def operator_password(settings: Settings) -> str:
    """The operator's generated password, made the first time; only root can read its file."""
    path = password_file(settings)
    if not path.exists():
        # Another name first: a kill leaves it whole or missing.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".operator-password-") as file:
            file.write(f"{secrets.token_urlsafe(15)}\n")
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text("ascii").strip()


def start_roles(settings: Settings) -> str:
    """Start the roles, or restart those that run with older code or other settings; returns what was done."""
    supervise.write_tree(settings)
    runtimes.weigh(settings)
    mark = supervise.tree(settings) / ".running"
    digest = _digest(settings)
    if supervise.running(settings):
        if mark.is_file() and mark.read_text("ascii") == digest:
            return "running"
        mark.write_text(digest, "ascii")
        supervise.restart(settings)
        return "restarted: code or settings changed"
    mark.write_text(digest, "ascii")
    if unit.install(settings):
        unit.start(settings)
    else:
        supervise.start(settings)
    return f"started {', '.join(supervise.roles(settings))}"


def wait_for_api(settings: Settings) -> None:
    """Wait until the API answers through the router. Raises PlatformFailure with what to look at."""
    try:
        client.wait_until(lambda: client.api_answers(settings), API_SECONDS)
    except TimeoutError:
        down = [role for role in supervise.roles(settings) if role not in supervise.pids(settings)]
        why = f"these roles do not stay up: {', '.join(down)}" if down else "all roles run"
        raise PlatformFailure(
            f"cannot reach the API at {settings.api_url} within {API_SECONDS:.0f} s: {why}; "
            f"look at {settings.home}/log/*/current"
        ) from None


def link_celadon(settings: Settings) -> str:
    """Put `celadon` into everybody's PATH, for the default home; never over somebody else's file."""
    program = CHECKOUT / "bin" / "celadon"
    if settings.home != DEFAULT_HOME:
        return f"{program}"
    if LINK.is_symlink() and LINK.resolve() == program:
        return str(LINK)
    if (LINK.exists() or LINK.is_symlink()) and not _ours(LINK):
        return f"{program} ({LINK} is something else and was left alone)"
    LINK.parent.mkdir(parents=True, exist_ok=True)
    partial = LINK.with_name(".celadon.partial")
    partial.unlink(missing_ok=True)
    partial.symlink_to(program)
    partial.rename(LINK)
    return str(LINK)


def unlink_celadon(settings: Settings) -> None:
    """Take the link of `link_celadon` away again."""
    if settings.home == DEFAULT_HOME and LINK.is_symlink() and _ours(LINK):
        LINK.unlink()


def load_kernel_modules() -> None:
    """Ask for what slugs and networks need; a kernel that has it built in says no and is right."""
    if shutil.which("modprobe"):
        for module in ("loop", "squashfs", "overlay", "br_netfilter", "nf_tables"):
            subprocess.run(["modprobe", "--quiet", module], capture_output=True, check=False)


def foreign_files(home: Path) -> set[str]:
    """What lies in a home without a platform, apart from what a killed bin/up leaves."""
    return {path.name for path in home.iterdir()} - {LOCK_NAME, "settings.toml.partial"}


def known(home: Path) -> Settings | None:
    """The settings of the platform in `home`; None when there is none. Raises PlatformFailure for unreadable ones."""
    if not (home / "settings.toml").is_file():
        return None
    try:
        return platform_settings.load(home)
    except platform_settings.SettingsError as error:
        raise PlatformFailure(str(error)) from None


def _ours(link: Path) -> bool:
    target = link.readlink() if link.is_symlink() else link
    return target.parts[-2:] == ("bin", "celadon")


def _digest(settings: Settings) -> str:
    """Changes when a role would run other code or other settings than before."""
    seen = hashlib.sha256(f"{sys.executable} {(settings.home / 'settings.toml').read_text('utf-8')}".encode())
    for path in sorted((CHECKOUT / "src" / "celadon").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            status = path.stat()
            seen.update(f"{path} {status.st_mtime_ns} {status.st_size}\n".encode())
    return seen.hexdigest()
