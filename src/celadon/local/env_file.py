"""`.env` files: `KEY=value` lines, read strictly, and written so that every value of a config var comes back.

honcho's own reader passes over lines that it does not understand, drops blanks of bare values, and has no way to write
a backslash before an `n`. This one reads all that foreman, honcho, a shell and `celadon config --shell` write:

    KEY=bare value          # up to ` #`
    KEY='taken as it is'    # as in foreman and a shell, also over several lines
    KEY="a \\"b\\"\\n$HOME"   # \\n \\r \\t \\\\ \\" \\$ \\` \\uXXXX; nothing is replaced by other variables
    KEY='a'"'"'b'           # pieces side by side are one value

What it writes honcho reads alike, where honcho can express the value at all.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from celadon.cli.failure import Failure
from celadon.local import place
from celadon.model import config

_ASSIGNMENT = re.compile(r"[ \t]*(?:export[ \t]+)?([^\s=]+)[ \t]*=[ \t]*")
_BARE = re.compile(r"[^\n]*")
_COMMENT = re.compile(r"(?:^|[ \t])#.*")
_REST = re.compile(r"[ \t]*(?:[ \t]#[^\n]*)?\r?(?:\n|\Z)")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_PIECE = re.compile(r"(?:[^\s'\"\\#]|\\[^\n]|#)+")
_ESCAPE = re.compile(r'\\(?:([nrt"\\$`])|u([0-9a-fA-F]{4}))')
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
# What needs no quotes, neither here nor in honcho or a shell.
_PLAIN = re.compile(r"[A-Za-z0-9@%+=:,./_-]+")
# Some readers end a line at these; a `.env` of ours has none of them.
_ENDS_LINE = re.compile("[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Assignment:
    """`text[start:end]` is where it stands, with the end of its line."""

    name: str
    value: str
    start: int
    end: int


def parse(text: str, called: str) -> list[Assignment]:
    """The assignments in their order; `called` is the file. Raises Failure for a line that is none."""
    found = []
    at = 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        line = _line(text, at)
        if not line.strip() or line.lstrip().startswith("#"):
            at += len(line) + 1
            continue
        start = at
        assigned = _ASSIGNMENT.match(text, at)
        if assigned is None or assigned.end() > at + len(line):
            raise _bad(text, at, called, "expected KEY=value")
        name = assigned[1]
        if not config.NAME.match(name):
            raise _bad(text, at, called, "a name has letters, digits and underscores and starts with no digit")
        value, at = _value(text, assigned.end(), called, name)
        if "\x00" in value:
            raise _bad(text, start, called, f"the value of {name} has a NUL character, no program could read it")
        found.append(Assignment(name, value, start, at))
    return found


def values(text: str, called: str) -> dict[str, str]:
    """Names and values; of a name that is there twice the later one. Raises Failure."""
    return {assignment.name: assignment.value for assignment in parse(text, called)}


def read(file: Path) -> str:
    """Its text, with the ends of lines as they are; raises Failure."""
    try:
        return place.read(file)
    except FileNotFoundError:
        raise Failure(f"cannot read {file}: there is no such file") from None


def load(root: Path, named: Iterable[str]) -> dict[str, str]:
    """The variables of these files (`a,b` is two), later ones win; without any, of `.env` in `root`, if it is there.

    Raises Failure.
    """
    files = [Path(name.strip()) for names in named for name in names.split(",") if name.strip()]
    if not files and place.found(root / ".env") is not None:
        files = [root / ".env"]
    found: dict[str, str] = {}
    for file in files:
        found |= values(read(file), file.name)
    return found


def quoted(value: str) -> str:
    """The value as it is written behind `KEY=`."""
    if _PLAIN.fullmatch(value):
        return value
    if "'" not in value and "\n" not in value and not _ENDS_LINE.search(value):
        return f"'{value}'"
    text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + _ENDS_LINE.sub(lambda found: "\\r" if found[0] == "\r" else f"\\u{ord(found[0]):04x}", text) + '"'


def merged(text: str, changes: Mapping[str, str], called: str) -> str:
    """The text with these values: where a name stands, else at the end; other lines and comments stay. Raises Failure."""
    last = {assignment.name: assignment for assignment in parse(text, called)}
    parts, at = [], 0
    for assignment in sorted(last.values(), key=lambda one: one.start):
        if changes.get(assignment.name, assignment.value) != assignment.value:
            parts += [text[at : assignment.start], f"{assignment.name}={quoted(changes[assignment.name])}\n"]
            at = assignment.end
    parts.append(text[at:])
    before = "".join(parts)
    if before and not before.endswith("\n"):
        before += "\n"
    return before + "".join(f"{name}={quoted(changes[name])}\n" for name in sorted(set(changes) - set(last)))


def _value(text: str, at: int, called: str, name: str) -> tuple[str, int]:
    """The value that begins here, and where the next line does."""
    if text[at : at + 1] not in ("'", '"'):
        line = _line(text, at)
        return _COMMENT.sub("", line, count=1).strip(), at + len(line) + 1
    pieces, start = [], at
    while (end := _REST.match(text, at)) is None:
        if single := _SINGLE.match(text, at):
            pieces.append(single[1])
            at = single.end()
        elif double := _DOUBLE.match(text, at):
            pieces.append(_ESCAPE.sub(_unescaped, double[1]))
            at = double.end()
        elif text[at] in "'\"":
            raise _bad(text, at, called, f"the quote before the value of {name} is not closed")
        elif piece := _PIECE.match(text, at):
            pieces.append(shlex.split(piece[0])[0])
            at = piece.end()
        else:
            raise _bad(
                text, start, called, f"the value of {name} goes on behind its quotes: put quotes around all of it"
            )
    return "".join(pieces), end.end()


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[2], 16)) if escape[2] else _ESCAPED.get(escape[1], escape[1])


def _line(text: str, at: int) -> str:
    found = _BARE.match(text, at)
    assert found is not None, "also nothing is a line"
    return found[0]


def _bad(text: str, at: int, called: str, reason: str) -> Failure:
    """Nothing of the line is in the message: it may be a secret."""
    return Failure(f"cannot read {called} line {text.count(chr(10), 0, at) + 1}: {reason}")
