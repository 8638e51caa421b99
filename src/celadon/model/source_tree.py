"""The files of a commit, and what an editor changes of them. Paths come from users: nothing here trusts one."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from celadon.model.errors import InvalidParams

# Bytes of a text that is edited; changes in one commit; files of a tree that is shown; characters of a message.
EDITED = 256 << 10
MOST_CHANGES = 500
MOST_FILES = 20_000
LONGEST_MESSAGE = 10_000
# What file systems hold.
_LONGEST_PATH, _LONGEST_NAME = 1024, 255
# Format characters and the like are invisible; some file systems leave them out of names.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Kind(StrEnum):
    """What git has at a path."""

    FILE = "file"
    LINK = "link"
    SUBMODULE = "submodule"


_KINDS = {"100644": Kind.FILE, "100755": Kind.FILE, "120000": Kind.LINK, "160000": Kind.SUBMODULE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One path of a tree; `size` in bytes is that of a file."""

    path: str
    mode: str
    blob: str
    size: int

    @property
    def kind(self) -> Kind:
        return _KINDS.get(self.mode, Kind.FILE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of a path: it has this text; or what stood at `origin` (which goes away); or, without both, it is deleted.

    With both, the file moves and has a new text.
    """

    path: str
    text: str | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A path as it is to be: with a new text, or with a blob that is there; with neither it goes."""

    path: str
    mode: str = "100644"
    text: bytes | None = None
    blob: str | None = None

    @property
    def goes(self) -> bool:
        return self.text is None and self.blob is None


def check_path(path: str) -> str:
    """A path that a file may be given; raises InvalidParams."""
    shown = ascii(path[:80])
    if not path or len(path.encode("utf-8", "replace")) > _LONGEST_PATH:
        raise InvalidParams(f"cannot name a file {shown}: a path has 1 to {_LONGEST_PATH} bytes")
    if "\\" in path or any(unicodedata.category(character) in _UNSEEN for character in path):
        raise InvalidParams(f"cannot name a file {shown}: it has a character that cannot be seen, or a backslash")
    for name in path.split("/"):
        if name in ("", ".", "..") or len(name.encode()) > _LONGEST_NAME or name != name.strip():
            raise InvalidParams(
                f"cannot name a file {shown}: between slashes there must be a name, of {_LONGEST_NAME} bytes at most, "
                "that is not `.` or `..` and neither begins nor ends with a blank"
            )
        if _is_git(name):
            raise InvalidParams(f"cannot name a file {shown}: `.git` is git's own")
    return path


def _is_git(name: str) -> bool:
    """Whether some file system takes this name for `.git`: by its case, its short name, what it cuts off at the end."""
    folded = unicodedata.normalize("NFKC", name).casefold().partition(":")[0].rstrip(" .")
    return folded == ".git" or folded.startswith("git~")


def check_message(message: str) -> str:
    """A commit's message; raises InvalidParams."""
    text = message.replace("\r\n", "\n").strip()
    if not text:
        raise InvalidParams("cannot commit without a message: say in a few words what has changed")
    if len(text) > LONGEST_MESSAGE or "\0" in text:
        raise InvalidParams(f"cannot use that message: it is longer than {LONGEST_MESSAGE:,} characters or has a NUL")
    return text


def plan(entries: Sequence[Entry], changes: Sequence[Change]) -> list[Placed]:
    """What becomes of the tree: first what goes, then what comes. Raises InvalidParams."""
    if not changes:
        raise InvalidParams("cannot commit: nothing has been changed")
    if len(changes) > MOST_CHANGES:
        raise InvalidParams(f"cannot change more than {MOST_CHANGES} files in one commit: push with git instead")
    present = {entry.path: entry for entry in entries}
    going: dict[str, Placed] = {}
    coming: dict[str, Placed] = {}
    for change in changes:
        if change.path in coming or (change.path in going and _deletes(change)):
            raise InvalidParams(f"cannot change {_shown(change.path)} twice in one commit")
        _take(change, present, going, coming)
    _check_places(set(present) - set(going), coming)
    return [*(placed for path, placed in going.items() if path not in coming), *coming.values()]


def _deletes(change: Change) -> bool:
    return change.text is None and change.origin is None


def _take(change: Change, present: Mapping[str, Entry], going: dict[str, Placed], coming: dict[str, Placed]) -> None:
    source = change.path if change.origin is None else change.origin
    there = present.get(source)
    if _deletes(change):
        if there is None:
            raise InvalidParams(f"cannot delete {_shown(source)}: it is not there")
        going[source] = Placed(path=source)
        return
    if change.origin is not None:
        if there is None or source in going or there.kind is Kind.SUBMODULE:
            raise InvalidParams(f"cannot rename {_shown(source)}: it is not there, or no file")
        going[source] = Placed(path=source)
    # A path that git has already may be one that we would not make.
    if change.path not in present:
        check_path(change.path)
    coming[change.path] = _placed(change, there)


def _placed(change: Change, there: Entry | None) -> Placed:
    if change.text is None:
        assert there is not None, "what is moved is there"
        return Placed(path=change.path, mode=there.mode, blob=there.blob)
    if there is not None and there.kind is not Kind.FILE:
        raise InvalidParams(f"cannot edit {_shown(there.path)}: it is a {there.kind}, not a file")
    try:
        text = change.text.encode()
    except UnicodeEncodeError:
        raise InvalidParams(f"cannot write {_shown(change.path)}: its text is not valid Unicode") from None
    if len(text) > EDITED:
        raise InvalidParams(
            f"cannot write {_shown(change.path)}: it is larger than {EDITED >> 10} KB; push it with git instead"
        )
    return Placed(path=change.path, mode=there.mode if there else "100644", text=text)


def _check_places(staying: set[str], coming: Mapping[str, Placed]) -> None:
    """No file stands where a directory does, and no two differ only in case: many machines could hold one of them alone."""
    everything = staying | set(coming)
    directories = {parent for path in everything for parent in _parents(path)}
    there = staying.union(*map(_parents, staying))
    folded = {path.casefold(): path for path in there}
    for path in sorted(coming):
        if path in directories or not everything.isdisjoint(_parents(path)):
            raise InvalidParams(f"cannot write {_shown(path)}: there is a directory and a file of one name")
        for name in (path, *_parents(path)):
            other = folded.setdefault(name.casefold(), name)
            if other != name and name not in there:
                raise InvalidParams(
                    f"cannot write {_shown(path)}: there is {_shown(other)}, which differs only in case"
                )


def _parents(path: str) -> list[str]:
    pieces = path.split("/")[:-1]
    return ["/".join(pieces[: count + 1]) for count in range(len(pieces))]


def _shown(path: str) -> str:
    return path if path.isprintable() and len(path) <= 200 else ascii(path[:200])
