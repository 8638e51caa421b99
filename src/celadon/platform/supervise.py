"""Supervision: a runit tree in `home/roles`, one directory per role, each with a log of its own in `home/log/<role>`.

The tree belongs to nobody's terminal. Where systemd runs, a unit starts the same tree at boot.
"""

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from celadon.platform import processes, runtimes
from celadon.platform.failure import PlatformFailure
from celadon.platform.settings import Settings

ROLES = ("api", "git", "build", "dynos", "router", "logplex", "addons", "clock")

# A role gets this long to end by itself before it is killed.
STOP_SECONDS = 10.0

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_RUN = """#!/bin/sh
exec 2>&1
umask 022
cd /
# Loading is nearly all of a start: it has the role's part of the processors already (docs/decisions/0014).
for group in {groups}; do [ ! -w "$group" ] || echo $$ >"$group"; done
exec {python} -m celadon role {role} --home {home}
"""

_LOG_RUN = """#!/bin/sh
exec svlogd -tt {directory}
"""

# Ten files of 10 MB at most for each role.
_LOG_CONFIG = "s10000000\nn10\n"


def tree(settings: Settings) -> Path:
    return settings.home / "roles"


def write_tree(settings: Settings, roles: Iterable[str] = ROLES, python: str = sys.executable) -> None:
    """Write the directories that runit reads, and only what changed in them."""
    for role in roles:
        logs = settings.home / "log" / role
        logs.mkdir(parents=True, exist_ok=True)
        _write(logs / "config", _LOG_CONFIG, 0o644)
        directory = tree(settings) / role
        (directory / "log").mkdir(parents=True, exist_ok=True)
        _write(directory / "log" / "run", _LOG_RUN.format(directory=_quoted(logs)), 0o755)
        groups = " ".join(map(_quoted, runtimes.role_groups(settings)))
        script = _RUN.format(python=_quoted(python), role=role, home=_quoted(settings.home), groups=groups)
        _write(directory / "run", script, 0o755)


def supervisor_argv(settings: Settings) -> list[str]:
    return ["runsvdir", "-P", str(tree(settings))]


def start(settings: Settings) -> bool:
    """Start the tree unless it runs; True when it was started now. Survives the caller and its terminal."""
    if supervisor_pid(settings) is not None:
        return False
    log = settings.home / "log" / "supervisor"
    env = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root"}
    try:
        with log.open("ab") as output:
            subprocess.Popen(
                supervisor_argv(settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                cwd="/",
                start_new_session=True,
            )
    except FileNotFoundError:
        raise PlatformFailure("cannot start the roles: runsvdir is missing, apt-get install runit") from None
    return True


def stop(settings: Settings, seconds: float = STOP_SECONDS) -> None:
    """Stop the tree and every role in it; what does not end in time is killed."""
    supervisor = supervisor_pid(settings)
    members = _members(settings)
    if supervisor is not None:
        # SIGHUP asks runsvdir to end its runsv processes, which end their roles; SIGTERM would leave them alone.
        processes.send(supervisor, signal.SIGHUP)
    for pid, program in members.items():
        if program == "runsv":
            processes.send(pid, signal.SIGTERM)
    everyone = [*members, *([supervisor] if supervisor is not None else [])]
    if not processes.wait_gone(everyone, seconds):
        for pid in {*everyone, *_members(settings)}:
            processes.send(pid, signal.SIGKILL)
        processes.wait_gone(everyone, 1.0)


def restart(settings: Settings) -> None:
    """Restart every role of a running tree, as after an upgrade."""
    for role in roles(settings):
        subprocess.run(["sv", "term", str(tree(settings) / role)], capture_output=True, check=False)


def roles(settings: Settings) -> list[str]:
    """The roles of the tree, in order."""
    found = {path.parent.name for path in tree(settings).glob("*/run")}
    return sorted(found, key=lambda role: (ROLES.index(role) if role in ROLES else len(ROLES), role))


def pids(settings: Settings) -> dict[str, int]:
    """Role → process id, of the roles that the tree runs. Seen from the command lines: needs no rights."""
    return {
        argv[-3]: pid
        for pid, argv in processes.command_lines()
        if _is_role(settings, argv)
        and Path((processes.argv(processes.parent(pid)) or [""])[0]).name == "runsv"
        and processes.same_root(pid)
        and processes.alive(pid)
    }


def running(settings: Settings) -> bool:
    return supervisor_pid(settings) is not None


def supervisor_pid(settings: Settings) -> int | None:
    """The runsvdir of this platform, found by its command line: a file with its id could be stale."""
    wanted = supervisor_argv(settings)[1:]
    for pid, argv in processes.command_lines():
        if Path(argv[0]).name == "runsvdir" and argv[1:3] == wanted and processes.same_root(pid):
            return pid
    return None


def _is_role(settings: Settings, argv: list[str]) -> bool:
    return argv[-4:-3] == ["role"] and argv[-2:] == ["--home", str(settings.home)]


def _members(settings: Settings) -> dict[int, str]:
    """Process id → program of everything in the tree: runsv, svlogd, and the roles themselves as "role"."""
    return {
        pid: program
        for pid, argv in processes.command_lines()
        if (program := _program(settings, pid, argv)) and processes.same_root(pid)
    }


def _program(settings: Settings, pid: int, argv: list[str]) -> str:
    name = Path(argv[0]).name
    match name:
        case "runsv":
            return name if processes.cwd(pid).is_relative_to(tree(settings)) else ""
        case "svlogd":
            return name if Path(argv[-1]).is_relative_to(settings.home / "log") else ""
        case _:
            return "role" if _is_role(settings, argv) else ""


def _write(path: Path, text: str, mode: int) -> None:
    if path.is_file() and path.read_text("utf-8") == text and path.stat().st_mode & 0o777 == mode:
        return
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, "utf-8")
    partial.chmod(mode)
    partial.rename(path)


def _quoted(value: str | Path) -> str:
    return shlex.quote(str(value))
