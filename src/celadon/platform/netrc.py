"""Entries of a `.netrc`: one machine, its login and password. What else the file holds is kept as it is."""

import contextlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Whose files are written: under sudo the one who called it."""

    home: Path
    uid: int
    gid: int


def read(path: Path, machine: str) -> tuple[str, str] | None:
    """Login and password of a machine; None when there is no entry."""
    match = _entry(machine).search(_text(path))
    if match is None:
        return None
    words = match[0].split()
    fields = dict(zip(words[::2], words[1::2], strict=False))
    return fields.get("login", ""), fields.get("password", "")


def write(person: Person, entries: Mapping[str, tuple[str, str]]) -> None:
    """Put the entries (machine → login, password) in place of older ones of the same machines."""
    path = person.home / ".netrc"
    text = _without(_text(path), entries)
    for machine, (login, password) in entries.items():
        text += f"machine {machine}\n  login {login}\n  password {password}\n"
    _replace(path, text, person)


def remove(person: Person, machines: list[str]) -> None:
    """Take the entries of these machines out; a file without them is not touched."""
    path = person.home / ".netrc"
    before = _text(path)
    after = _without(before, machines)
    if after != before:
        _replace(path, after, person)


def _entry(machine: str) -> "re.Pattern[str]":
    """An entry as Celadon, Heroku's client and people write it: on one line or several."""
    return re.compile(
        rf"^machine[ \t]+{re.escape(machine)}(?=\s|$)(?:\s+(?:login|password|account)\s+\S+)*[ \t]*\n?", re.MULTILINE
    )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""


def _without(text: str, machines: Mapping[str, object] | list[str]) -> str:
    for machine in machines:
        text = _entry(machine).sub("", text)
    return text if not text or text.endswith("\n") else f"{text}\n"


def _replace(path: Path, text: str, person: Person) -> None:
    # The directory belongs to the person: a name that is taken already must not be followed.
    partial = path.with_name(f".netrc.{os.getpid()}.partial")
    with contextlib.suppress(FileNotFoundError):
        partial.unlink()
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        os.fchown(file.fileno(), person.uid, person.gid)
    partial.rename(path)
