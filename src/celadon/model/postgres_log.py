"""Lines of a database's server as its apps' logs show them, in Heroku's form, and what of them nobody may see.

A server writes JSON, one line for each message however many lines its statement has (PostgreSQL's `jsonlog`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from celadon.model.logline import Source

SOURCE = Source(source="app", ps="heroku-postgres")

# Whose sessions are the platform's own: what they do is nothing to anybody, and may hold passwords.
_PLATFORM = frozenset(("postgres", "replicator", "rewinder"))
# Of one text, and of one message.
_LONGEST, _MOST_LINES = 4_000, 20

# An object of the server's begins with these, in this order; a quote within a value is escaped.
_DATABASE = re.compile(rb'^\{"timestamp":"[^"]*"(?:,"user":"(?:[^"\\]|\\.)*")?,"dbname":"((?:[^"\\]|\\.)*)"')

# One after the other: where a role is made or changed.
_ROLE = tuple(
    re.compile(rf"\b(?:{words})\b", re.I)
    for words in ("create|alter", "role|user|group|subscription|server|mapping", "password")
)
# Nothing here is tried in two ways: who writes the statement is not to choose how long it takes.
_SPACE = r"(?:\s++|/\*(?:(?!\*/).)*+\*/|--[^\n]*+\n)*+"
_LITERAL = r"(?:(?:e|u&|b|x|n)?'(?:[^'\\]|''|\\.)*+(?:'|\Z)|(\$\w*+\$)(?:(?!\2).)*+(?:\2|\Z))"
_PASSWORD = re.compile(rf"\b(password\w*+\"?{_SPACE}(?:=>|:=|=|to\b|:)?{_SPACE}){_LITERAL}", re.I | re.S)
_CONNECTION = re.compile(r"\b(password\s*+=\s*+)[^\s'\"@,;)]++", re.I)
_URL = re.compile(r"(://[^:/@\s']*+:)[^@\s'\"]++(?=@)")
MASK = "'***'"

# What readers take for the end of a line, or a terminal for an order: control characters but tab and newline, the
# separators of lines and paragraphs, and what turns the direction of text.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A message: `number` counts those of its session. `database` is None for one of the server itself."""

    database: str | None
    number: int
    code: str
    severity: str
    texts: Sequence[tuple[str, str]]


def database_of(line: bytes) -> str | None:
    """The database of a server's line, found without reading the rest; None for the server's own."""
    found = _DATABASE.match(line)
    return found[1].decode("utf-8", "replace") if found else None


def entry(line: bytes) -> Entry | None:
    """A line of the server; None for what is not for its tenants, and for what makes no sense."""
    try:
        found = json.loads(line.decode("utf-8", "replace"))
    except ValueError:
        return None
    if not isinstance(found, Mapping) or found.get("user") in _PLATFORM:
        return None
    severity, message = str(found.get("error_severity", "LOG")), str(found.get("message", ""))
    position = found.get("cursor_position")
    texts = [(severity, message if position is None else f"{message} at character {position}")]
    for key in ("detail", "hint", "context", "statement"):
        if found.get(key):
            texts.append((key.upper(), str(found[key])))
    database, number = found.get("dbname"), found.get("line_num")
    return Entry(
        database=str(database) if database else None,
        number=number if isinstance(number, int) else 0,
        code=str(found.get("state_code", "00000")),
        severity=severity,
        texts=[(name, masked(_shortened(text))) for name, text in texts],
    )


def lines(found: Entry, name: str) -> list[str]:
    """An entry as lines of the log of an app that calls the database so: `[ROSE] [12-1]  sql_error_code = …`.

    Whoever writes a statement makes no line without that beginning, whatever a reader takes for a line's end.
    """
    whole = [
        (f"{kind}:  " if at == 0 else "\t") + _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", line.replace("\r", ""))
        for kind, text in found.texts
        for at, line in enumerate(text.split("\n"))
    ]
    if len(whole) > _MOST_LINES:
        whole = [*whole[: _MOST_LINES - 1], f"\t… ({len(whole) - _MOST_LINES + 1} more lines)"]
    code = f"sql_error_code = {found.code} "
    return [
        f"[{name}] [{found.number}-{at}]  {code if at == 1 else ''}{line}" for at, line in enumerate(whole, start=1)
    ]


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def masked(text: str) -> str:
    """A statement, or what was said of one, without the passwords in it.

    Where a role is made or changed nothing is left behind the word: what a server made of quotes is not looked into.
    """
    if "password" in text.lower():
        end: int | None = 0
        for words in _ROLE:
            found = words.search(text, end) if end is not None else None
            end = found.end() if found else None
        if end is not None:
            return f"{text[:end]} {MASK}"
        text = _PASSWORD.sub(lambda match: f"{match[1]}{MASK}", text)
        text = _CONNECTION.sub(rf"\1{MASK}", text)
    return _URL.sub(r"\1***", text)


class Bucket:
    """How many lines may come: so many at once, and so many more each second. `lost` are those that came too many."""

    def __init__(self, burst: int, rate: float) -> None:
        self._burst, self._rate = burst, rate
        self._left, self._at = float(burst), 0.0
        self.lost = 0

    def room(self, now: float) -> bool:
        """Whether there is room for a few again: a tenth of what may come at once."""
        return self._left + self._rate * max(0.0, now - self._at) >= self._burst / 10

    def take(self, count: int, now: float) -> bool:
        """Whether so many may come now (seconds, of a clock that only goes forward)."""
        self._left = min(float(self._burst), self._left + self._rate * max(0.0, now - self._at))
        self._at = now
        if self._left < count:
            self.lost += 1
            return False
        self._left -= count
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a server is at: `octets` and `tables` of its database; rates are those of blocks that were in memory."""

    transaction: int
    octets: int
    tables: int
    active: int
    waiting: int
    index_rate: float | None
    table_rate: float | None


def sample_line(found: Sample, var: str, addon: str) -> str:
    """Heroku's line of what a database is at; `var` is the config var that the app has it by."""
    rates = {"index-cache-hit-rate": found.index_rate, "table-cache-hit-rate": found.table_rate}
    words = {
        "current_transaction": str(found.transaction),
        "db_size": f"{found.octets}bytes",
        "tables": str(found.tables),
        "active-connections": str(found.active),
        "waiting-connections": str(found.waiting),
        # Nothing has been read yet: nothing was missed.
        **{name: f"{1.0 if rate is None else rate:.5g}" for name, rate in rates.items()},
    }
    return " ".join((f"source={var}", f"addon={addon}", *(f"sample#{name}={value}" for name, value in words.items())))
