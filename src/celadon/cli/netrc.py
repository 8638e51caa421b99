"""The user's `.netrc`: credentials of one machine are read, replaced and removed; everything else stays as it is.

Machines are named `host:port`, as Heroku's own client names them.
"""

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\S+')
_MACRO_END = re.compile(r"\n[ \t]*\r?\n|\Z")
_LINE_END = re.compile(r"[ \t]*\r?\n?")
_FIELDS = frozenset({"login", "user", "password", "account"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One machine's entry: where it stands in the text and what it says. `default` has no machine."""

    machine: str | None
    login: str
    password: str
    start: int
    end: int


def path() -> Path:
    name = "_netrc" if os.name == "nt" else ".netrc"
    return Path(os.environ.get("HOME") or Path.home()) / name


def find(machine: str) -> tuple[str, str] | None:
    """Login and password of a machine, by its exact name."""
    for entry in entries(_text(path())):
        if entry.machine == machine:
            return entry.login, entry.password
    return None


def write(credentials: Mapping[str, tuple[str, str]]) -> None:
    """Put these machines' logins and passwords in; the file is readable by its owner alone afterwards."""
    file = path()
    text = _text(file)
    for machine, (login, password) in credentials.items():
        text = _put(text, machine, f"machine {machine}\n  login {login}\n  password {password}\n")
    _replace(file, text)


def remove(machines: Sequence[str]) -> None:
    """Take these machines out; a file that has none of them is not touched."""
    file = path()
    before = text = _text(file)
    for machine in machines:
        for entry in reversed(entries(text)):
            if entry.machine == machine:
                text = text[: entry.start] + text[entry.end :]
    if text != before:
        _replace(file, text)


def entries(text: str) -> list[Entry]:
    """All entries in order. Comments and macros belong to none."""
    found = []
    at = 0
    while (token := _next(text, at)) is not None:
        at = token.end()
        word = token[0]
        if word == "macdef":
            end = _MACRO_END.search(text, at)
            at = end.end() if end else len(text)
        elif word.startswith("#"):
            at = _end_of_line(text, at)
        elif word in ("machine", "default"):
            entry = _entry(text, token)
            at = entry.end
            found.append(entry)
    return found


def _entry(text: str, first: "re.Match[str]") -> Entry:
    at = first.end()
    machine = None
    if first[0] == "machine" and (name := _next(text, at)) is not None:
        machine, at = _plain(name[0]), name.end()
    fields: dict[str, str] = {}
    while (token := _next(text, at)) is not None and token[0] in _FIELDS:
        value = _next(text, token.end())
        at = value.end() if value else token.end()
        fields["login" if token[0] == "user" else token[0]] = _plain(value[0]) if value else ""
    line_end = _LINE_END.match(text, at)
    return Entry(
        machine=machine,
        login=fields.get("login", ""),
        password=fields.get("password", ""),
        start=first.start(),
        end=line_end.end() if line_end else at,
    )


def _put(text: str, machine: str, block: str) -> str:
    """The first entry of the machine is replaced, further ones go; a new one stands before `default`, which ends it."""
    present = [entry for entry in entries(text) if entry.machine == machine]
    for entry in reversed(present[1:]):
        text = text[: entry.start] + text[entry.end :]
    if present:
        return _joined(text[: present[0].start], block, text[present[0].end :])
    default = next((entry for entry in entries(text) if entry.machine is None), None)
    at = default.start if default else len(text)
    return _joined(text[:at], block, text[at:])


def _joined(before: str, block: str, after: str) -> str:
    separator = "" if not before or before.endswith("\n") else "\n"
    return before + separator + block + after


def _next(text: str, at: int) -> "re.Match[str] | None":
    return _TOKEN.search(text, at)


def _plain(token: str) -> str:
    if len(token) > 1 and token[0] == token[-1] == '"':
        return re.sub(r"\\(.)", r"\1", token[1:-1])
    return token


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _text(file: Path) -> str:
    # Bytes that are not UTF-8 come back as they were.
    try:
        with file.open(encoding="utf-8", errors="surrogateescape", newline="") as opened:
            return opened.read()
    except FileNotFoundError:
        return ""


def _replace(file: Path, text: str) -> None:
    # A link (people keep such files in a repository) stays one: what it points to is replaced.
    target = file.resolve()
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    with contextlib.suppress(FileNotFoundError):
        partial.unlink()
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as written:
        written.write(text)
    partial.replace(target)
