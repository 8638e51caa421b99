"""An app's git repository: what is asked of it, when it is large, when it is to be packed, which folder is built."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from celadon.model.errors import InvalidParams

# Bytes. Beyond it a clone takes minutes on an ordinary line, and so does packing it.
LARGE = 500 << 20

# Bytes of a source path.
_LONGEST_PATH = 500

# Pushes after which a repository is packed, or fewer when no more have come for so long.
_PUSHES = 20
_STILL = timedelta(days=7)
# It is not packed so soon after a push: the next one often follows.
_CALM = timedelta(minutes=10)
# Where it is never quiet, it is packed all the same after so many.
_OVERDUE = 200
# What went wrong, or was not enough, is tried again no sooner.
_AGAIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What the platform knows of an app's repository beside what is in it.

    `reset_requested` and `gc_requested` ask the git role to reset it, to pack it. `pushes` counts those since it was packed,
    `pushed_at` is when the last came, `gc_at` when it was packed last, or that was tried. `source_path` is the folder that
    is built, None for all of it.
    """

    app_id: str
    reset_requested: bool = False
    gc_requested: bool = False
    pushes: int = 0
    pushed_at: datetime | None = None
    gc_at: datetime | None = None
    source_path: str | None = None


def size_hint(app_name: str, size: int) -> list[str]:
    """What a push to a repository of so many bytes is told of that; nothing for one that is not large."""
    if size <= LARGE:
        return []
    return [
        f"The repository of {app_name} has {size >> 20:,} MB: pushes to it and clones of it take long.",
        "Take large files out of its history, or begin anew: see the guide about repositories.",
    ]


def packing_due(repository: Repository, now: datetime, *, quiet: bool) -> bool:
    """Whether it is time to pack a repository; `quiet` says that nothing is built on the platform."""
    if repository.pushed_at is None or repository.pushes == 0:
        return False
    if repository.gc_at is not None and now - repository.gc_at < _AGAIN:
        return False
    if repository.pushes >= _OVERDUE:
        return True
    still = now - repository.pushed_at
    return quiet and still >= _CALM and (repository.pushes >= _PUSHES or still >= _STILL)


def check_source_path(path: str) -> str | None:
    """The folder as it is kept, None for the whole source; raises InvalidParams for what can be no folder of it."""
    cut = path.strip().removesuffix("/").removeprefix("./").strip()
    if cut in ("", "."):
        return None
    names = cut.split("/")
    why = None
    if cut.startswith("/"):
        why = "it must be relative to the top of the source"
    elif ".." in names or "." in names or "" in names:
        why = "it must name folders, without `.`, `..` and empty names"
    elif any(name.lower() == ".git" for name in names):
        why = "a folder .git is no part of the source"
    elif not cut.isprintable() or "\\" in cut or len(cut.encode()) > _LONGEST_PATH:
        why = "it has characters that it cannot have, or is too long"
    if why:
        raise InvalidParams(f"cannot build the folder {ascii(cut[:80])[1:-1]}: {why}, as in services/api")
    return cut
