"""The user's `.netrc`: credentials of one machine are read, replaced and removed; everything else stays as it is.

Machines are named `host:port`, as Heroku's own client names them.
"""

import functools
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from celadon.cli import files
from celadon.cli.failure import Failure, warn

# Permissions of the file's group and of everybody.
_OTHERS = 0o077
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
    return files.home() / ("_netrc" if os.name == "nt" else ".netrc")


def find(machine: str) -> tuple[str, str] | None:
    """Login and password of a machine, by its exact name; warns when others can read them. Raises Failure."""
    file = path()
    for entry in entries(_text(file)):
        if entry.machine == machine:
            _warn_if_open(file)
            return entry.login, entry.password
    return None


@functools.cache
def _warn_if_open(file: Path) -> None:
    """Once in a run."""
    if os.name != "nt" and file.stat().st_mode & _OTHERS:
        warn([f"{file} can be read by others, and your tokens are in it: chmod 600 {file}"])


def write(credentials: Mapping[str, tuple[str, str]], *, own: str | None = None) -> None:
    """Put these machines' logins and passwords in; the file is readable by its owner alone afterwards. Raises Failure.

    With `own`, a machine that has another login than that one is somebody else's: it stays, with a warning.
    """
    for machine, (login, password) in credentials.items():
        _check(machine=machine, login=login, password=password)
    # A link (people keep such files in a repository) stays one: what it points to is replaced.
    file = path().resolve()
    with files.changing(file):
        text = _text(file)
        others = _of_others(text, credentials, own)
        for machine, (login, password) in credentials.items():
            if machine in others:
                continue
            text = _put(text, machine, f"machine {machine}\n  login {login}\n  password {password}\n")
        _replace(file, text)
    for machine in others:
        warn(
            [
                f"{path()} has another login for {machine}: it stays as it is.",
                "If it is of no use any more, take it out there, and log in again.",
            ]
        )


def _check(**fields: str) -> None:
    """No text of others makes more of an entry than its field; raises Failure."""
    for name, text in fields.items():
        if not text or not text.isprintable() or " " in text:
            raise Failure(
                f"cannot keep this login in {path()}: its {name} is empty, or has blanks or control characters"
            )


def _of_others(text: str, machines: Iterable[str], own: str | None) -> list[str]:
    """Those of these machines that have another login than `own` has; none where that is not said."""
    if own is None:
        return []
    logins: dict[str | None, tuple[str, str]] = {}
    for entry in entries(text):
        logins.setdefault(entry.machine, (entry.login, entry.password))
    return [
        machine for machine in machines if machine != own and machine in logins and logins[machine] != logins.get(own)
    ]


def remove(machines: Sequence[str], *, own: str | None = None) -> None:
    """Take these machines out, with `own` those that have its login; a file that has none of them is not touched.

    Raises Failure.
    """
    file = path().resolve()
    if not file.exists():
        return
    with files.changing(file):
        before = text = _text(file)
        others = _of_others(text, machines, own)
        for machine in (machine for machine in machines if machine not in others):
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
    while (token := _next_field(text, at)) is not None:
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


def _next_field(text: str, at: int) -> "re.Match[str] | None":
    """The next field of the entry, behind comments if need be; None where it has no more."""
    token = _next(text, at)
    while token is not None and token[0].startswith("#"):
        token = _next(text, _end_of_line(text, token.end()))
    return token if token is not None and token[0] in _FIELDS else None


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
    # A macro goes on to an empty line: what follows it without one would be part of it.
    return before + separator + ("\n" if _is_in_macro(before + separator) else "") + block + after


def _is_in_macro(text: str) -> bool:
    """Whether what is written behind this text belongs to its last macro."""
    at = 0
    while (token := _next(text, at)) is not None:
        at = token.end()
        if token[0] == "macdef":
            end = _MACRO_END.search(text, at)
            at = end.end() if end else len(text)
            if end is None or not end[0]:
                return True
        elif token[0].startswith("#"):
            at = _end_of_line(text, at)
    return False


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
    except OSError as error:
        raise Failure(
            f"cannot read {file}, where logins are kept: {error.strerror}",
            "Make it a file that you may read, or set CELADON_API_KEY to a token.",
        ) from None


def _replace(file: Path, text: str) -> None:
    files.replace(file, text.encode("utf-8", "surrogateescape"), mode=0o600)
