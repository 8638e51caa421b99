"""An app's git repository: what is asked of it, when it is large."""

from dataclasses import dataclass
from datetime import datetime

# Bytes. Beyond it a clone takes minutes on an ordinary line, and so does packing it.
LARGE = 500 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What the platform knows of an app's repository beside what is in it.

    `reset_requested` and `gc_requested` ask the git role to empty it, to pack it. `pushes` counts those since it was packed,
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
