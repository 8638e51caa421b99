"""Procfiles: `<process type>: <command>`, one a line."""

import re
from collections.abc import Mapping

PROCESS_TYPE = re.compile(r"^[A-Za-z0-9_-]{1,30}\Z")
_LIMIT = 64 << 10
_MOST = 100
# One-off dynos are called so; `release`, the other name of the platform's, is a type of its own meaning.
_RESERVED = "run"


class ProcfileError(ValueError):
    """The Procfile cannot be used; the message names the line and what to write instead."""


def parse(text: str) -> dict[str, str]:
    """Process types and their commands, in the order of the file.

    Blank lines and lines that start with `#` are skipped; tabs and CRLF line ends are fine. Raises ProcfileError for a
    line that is none, a type with other characters than letters, digits, `_` and `-`, a type named twice, no command.
    """
    if len(text) > _LIMIT:
        raise ProcfileError(f"cannot read Procfile: it is larger than {_LIMIT // 1024} KB")
    if "\x00" in text:
        raise ProcfileError("cannot read Procfile: it has a NUL character, save it as plain text")
    types: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, colon, command = stripped.partition(":")
        name, command = name.strip(), command.strip()
        if not colon:
            raise ProcfileError(
                f"cannot read Procfile line {number}: expected `<process type>: <command>`, got {line[:60]!r}"
            )
        if not PROCESS_TYPE.match(name):
            raise ProcfileError(
                f"cannot read Procfile line {number}: process type {name[:60]!r} may have letters, digits, `_` and `-` only"
            )
        if not command:
            raise ProcfileError(f"cannot read Procfile line {number}: process type {name} has no command")
        if name in types:
            raise ProcfileError(f"cannot read Procfile line {number}: process type {name} is declared twice")
        types[name] = command
    try:
        check(types)
    except ProcfileError as error:
        raise ProcfileError(f"cannot read Procfile: {error}") from None
    return types


def check(types: Mapping[str, str]) -> None:
    """Raise ProcfileError unless these, from wherever they come, can be process types and their commands."""
    if len(types) > _MOST:
        raise ProcfileError(f"there are {len(types)} process types, at most {_MOST} can be had")
    for name, command in types.items():
        if not PROCESS_TYPE.match(name):
            raise ProcfileError(f"process type {name[:60]!r} may have letters, digits, `_` and `-` only")
        if name == _RESERVED:
            raise ProcfileError("`run` is what one-off dynos are called, choose another name for this process type")
        if "\x00" in command or (not command.isascii() and not _encodable(command)):
            raise ProcfileError(f"the command of {name} is no text: it has a NUL character or half a character")
        if len(command) > _LIMIT:
            raise ProcfileError(f"the command of {name} is longer than {_LIMIT // 1024} KB")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
