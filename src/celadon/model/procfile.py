"""Procfiles: `<process type>: <command>`, one a line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

PROCESS_TYPE = re.compile(r"^[A-Za-z0-9_-]{1,30}\Z")
# As `web gunicorn app:app`: its only colon is the command's.
_WITHOUT_COLON = re.compile(r"([A-Za-z0-9_-]{1,30})[ \t]+([^:]*\S:\S.*)")
_LIMIT = 64 << 10
_MOST = 100
# One-off dynos are called so; `release`, the other name of the platform's, is a type of its own meaning.
_RESERVED = "run"


class ProcfileError(ValueError):
    """The Procfile cannot be used; the message names the line and what to write instead."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a Procfile. `line` is None when it is the whole file."""

    line: int | None
    reason: str

    def told(self, called: str = "Procfile") -> str:
        """A sentence about the file, which may have another name."""
        return f"cannot read {called}{f' line {self.line}' if self.line else ''}: {self.reason}"


def parse(text: str) -> dict[str, str]:
    """Process types and their commands, in the order of the file.

    Blank lines and lines that start with `#` are skipped; tabs and CRLF line ends are fine. Raises ProcfileError for
    a line that is none, a type with other characters than letters, digits, `_` and `-`, a type named twice, no command.
    """
    types, problems = read(text)
    if problems:
        raise ProcfileError(problems[0].told())
    return types


def read(text: str) -> tuple[dict[str, str], list[Problem]]:
    """What can be read, and all that is wrong, from top to bottom: a Procfile is good when nothing is."""
    if len(text) > _LIMIT:
        return {}, [Problem(None, f"it is larger than {_LIMIT // 1024} KB")]
    types: dict[str, str] = {}
    problems = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, colon, command = (part.strip() for part in stripped.partition(":"))
        if not colon:
            reason: str | None = f"expected `<process type>: <command>`, got {line.strip()[:60]!r}"
        elif forgotten := _WITHOUT_COLON.match(stripped):
            reason = f"a colon is missing: write `{forgotten[1]}: {forgotten[2][:60]}`"
        elif name in types:
            reason = f"process type {name} is declared twice"
        else:
            reason = _wrong(name, command) or (None if command else f"process type {name} has no command")
        if reason is None:
            types[name] = command
        else:
            problems.append(Problem(number, reason))
    if len(types) > _MOST:
        problems.append(Problem(None, _too_many(types)))
    return types, problems


def check(types: Mapping[str, str]) -> None:
    """Raise ProcfileError unless these, from wherever they come, can be process types and their commands."""
    if len(types) > _MOST:
        raise ProcfileError(_too_many(types))
    for name, command in types.items():
        if reason := _wrong(name, command):
            raise ProcfileError(reason)


def _wrong(name: str, command: str) -> str | None:
    """Why this cannot be a process type and its command; None when it can."""
    if not PROCESS_TYPE.match(name):
        return f"process type {name[:60]!r} may have letters, digits, `_` and `-` only, at most 30"
    if name == _RESERVED:
        return "`run` is what one-off dynos are called, choose another name for this process type"
    if "\x00" in command or (not command.isascii() and not _encodable(command)):
        return f"the command of {name} is no text: it has a NUL character or half a character"
    if len(command) > _LIMIT:
        return f"the command of {name} is longer than {_LIMIT // 1024} KB"
    return None


def _too_many(types: Mapping[str, str]) -> str:
    return f"there are {len(types)} process types, at most {_MOST} can be had"


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
