"""Procfiles: `<process type>: <command>`, one a line."""

import re

PROCESS_TYPE = re.compile(r"^[A-Za-z0-9_-]{1,30}\Z")
_LIMIT = 64 << 10


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
    return types
