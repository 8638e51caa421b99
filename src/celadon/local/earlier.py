"""What an earlier export of an app has left where it is exported again: removed where it carries the export's mark, which
names the app, and named otherwise.

What is read here others may have put there: no link is followed, and no file leads out of the directory.
"""

import contextlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from celadon.cli.failure import Failure
from celadon.local import place
from celadon.model import config

# What follows the app in the names of files and directories, where there is one for each entry.
_NAMES = {
    "inittab": r"-[A-Za-z0-9_-]+-[0-9]+",
    "runit": r"-[A-Za-z0-9_-]+-[0-9]+",
    "systemd": r"-[A-Za-z0-9_-]+\.(service|target)",
    "upstart": r"-[A-Za-z0-9_-]+\.conf",
}
_MARK = "# Written by celadon local:export for"
# The files of an envdir have no room for a mark: the program beside them names them.
_WITH = "# with env/"


def marked(format: str, app: str, content: str, variables: Iterable[str] = ()) -> str:
    """The content of a file that a later export may remove, with what tells so; the variables of its envdir if any."""
    if format not in _NAMES:
        return content
    start = content.index("\n") + 1 if content.startswith("#!") else 0
    mark = [f"{_MARK} {app}", *(f"{_WITH}{name}" for name in variables)]
    return content[:start] + "".join(f"{line}\n" for line in mark) + content[start:]


@dataclass(frozen=True, slots=True)
class _Mark:
    """The app whose export wrote a file, and the variables that its envdir was written with."""

    app: str
    variables: list[str]


def written(format: str, app: str, location: Path) -> set[Path]:
    """The files below `location` that an earlier export of this very app has written for its entries."""
    found: set[Path] = set()
    for path in _called_so(format, app, location):
        mark = _mark_of(format, path)
        if mark is None or mark.app != app:
            continue
        if format != "runit":
            found.add(path)
            continue
        found.add(path / "run")
        if not (env := path / "env").is_symlink():
            found |= {file for name in mark.variables if _is_plain(file := env / name)}
        log = _mark_in(path / "log" / "run") if not (path / "log").is_symlink() else None
        found |= {path / "log" / "run"} if log is not None and log.app == app else set()
    return found


def remove(files: Collection[Path], location: Path) -> list[Path]:
    """Remove these files below `location`, and the directories that are empty then; returns what is gone.

    Raises Failure.
    """
    gone = sorted(files)
    for file in gone:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise Failure(f"cannot remove {file}, which an earlier export has left: {error.strerror}") from None
    # The deepest first.
    for directory in sorted({parent for file in files for parent in file.parents if location in parent.parents})[::-1]:
        with contextlib.suppress(OSError):
            directory.rmdir()
    return gone


def left_over(format: str, app: str, location: Path, new: Collection[Path]) -> list[Path]:
    """What is there by the names of an export of this app, does not say whose it is, and is none of those written now.

    An app whose name begins with this one's has such names as well: they are told of, never removed.
    """
    tops = {file.relative_to(location).parts[0] for file in new}
    there = {path for path in _called_so(format, app, location) if path.name not in tops}
    left = {path for path in there if (mark := _mark_of(format, path)) is None or mark.app == app}
    # A variable that is in .env no more would still be set by its file.
    for directory in {file.parent for file in new if format == "runit" and file.parent.name == "env"}:
        left |= set(directory.iterdir()) - set(new)
    return sorted(left)


def _called_so(format: str, app: str, location: Path) -> list[Path]:
    if format not in _NAMES or not location.is_dir():
        return []
    names = re.compile(re.escape(app) + _NAMES[format])
    return [path for path in location.iterdir() if names.fullmatch(path.name)]


def _mark_of(format: str, path: Path) -> _Mark | None:
    """That of a file, or of the directory of a service."""
    if format != "runit":
        return _mark_in(path)
    return None if path.is_symlink() else _mark_in(path / "run")


def _mark_in(file: Path) -> _Mark | None:
    if not _is_plain(file):
        return None
    try:
        lines = place.read(file).splitlines()[:1000]
    except (Failure, FileNotFoundError):
        return None
    found = re.match(rf"(?:#![^\n]*\n)?{re.escape(_MARK)} (\S+)(?:\n|\Z)", "\n".join(lines))
    names = [line.removeprefix(_WITH) for line in lines if line.startswith(_WITH)]
    return _Mark(found[1], [name for name in names if config.NAME.match(name)]) if found else None


def _is_plain(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()
