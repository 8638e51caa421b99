"""Which roles live: read from the files of their supervisor, without asking them."""

from datetime import UTC, datetime
from pathlib import Path

from celadon.actions.context import Context
from celadon.model.status import RoleLife

# `supervise/status` of runit (runsv.c, update_status): 8 bytes of TAI64 seconds and 4 of nanoseconds, big-endian; 4 of
# the process's id, little-endian; paused, want, terminated, state.
_LENGTH = 20
_TAI64_EPOCH = (1 << 62) + 10
_RUNS = 1


def lives(context: Context) -> dict[str, RoleLife]:
    """Role → its life, for each role that is supervised here; empty where no supervisor has been."""
    found = {}
    for directory in sorted((context.settings.home / "roles").glob("*/run")):
        role = directory.parent.name
        found[role] = _life(role, directory.parent / "supervise" / "status")
    return found


def _life(role: str, path: Path) -> RoleLife:
    """A role whose process is gone although the file says that it runs has lost its supervisor too."""
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    if len(content) == _LENGTH and content[19] == _RUNS:
        pid = int.from_bytes(content[12:16], "little")
        since = datetime.fromtimestamp(int.from_bytes(content[:8], "big") - _TAI64_EPOCH, UTC)
        if Path("/proc", str(pid)).exists():
            return RoleLife(role=role, pid=pid, since=since)
    return RoleLife(role=role, pid=None, since=None)


def listens(context: Context, socket: str) -> bool:
    """Whether the socket of this name is there."""
    return (context.settings.run / socket).exists()
