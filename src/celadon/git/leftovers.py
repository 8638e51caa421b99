"""What git programs that were killed have left in a repository: locks that keep others out, and half-written files.

Age alone tells: a lock on refs is held for moments, when a push has been decided or refs are packed; what is written beside
its place grows, and moves there within the hour.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

# Seconds since something was last written to.
_LOCK_AGE = 600.0
_PART_AGE = 86_400.0
# Quarantines of pushes, packs that were being written; both stand below objects.
_QUARANTINE = "tmp_objdir-"
_PARTS = ("tmp_", ".tmp-")


def clear(repository: Path, now: float) -> int:
    """Remove what is left from earlier; returns how much."""
    return sum(_remove(path) for path, age in _found(repository) if _older(path, now - age))


def _found(repository: Path) -> Iterator[tuple[Path, float]]:
    for directory in (repository, repository / "objects" / "info", repository / "objects" / "pack"):
        yield from ((path, _LOCK_AGE) for path in directory.glob("*.lock"))
    # No ref's name ends so: git allows none.
    yield from ((path, _LOCK_AGE) for path in (repository / "refs").rglob("*.lock"))
    yield from ((path, _PART_AGE) for path in (repository / "objects").glob(f"{_QUARANTINE}*"))
    with contextlib.suppress(FileNotFoundError):
        for path in (repository / "objects" / "pack").iterdir():
            if path.name.startswith(_PARTS):
                yield path, _PART_AGE


def _older(path: Path, than: float) -> bool:
    try:
        return path.lstat().st_mtime < than
    except FileNotFoundError:
        return False


def _remove(path: Path) -> bool:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except FileNotFoundError:
        return False
    return True
