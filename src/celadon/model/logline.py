"""Log lines: the one format every source writes and Logplex reads.

A source file holds records as conmon writes them (the Kubernetes CRI format), one per line:

    2026-11-23T10:13:57.821929693+00:00 stdout F the message

The prefix is 45 bytes for every record: a 35-byte time, a blank, the stream (`stdout` or `stderr`), a blank, `F` for a
full line or `P` for a part whose rest follows in the same stream, a blank. A rendered line is what users see:

    2026-11-23T10:13:57.821929+00:00 app[web.1]: the message

Rendered lines keep the bytes of the message as they are; `readable` makes them safe for somebody's terminal.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

PREFIX_LENGTH = 45
# The time of a record, and what of it (to the microsecond, without the zone) begins a rendered line and orders lines.
RECORD_TIME_LENGTH = 35
TIME_LENGTH = 26
# Longer lines are split: Heroku cuts at 1,024, we keep everything.
MAX_LINE = 10_000

# A source's file name is its header: "app[web.1]" is kept in `app.web.1.<anything without a dot>.log`.
_FILE_NAME = re.compile(r"^(app|heroku)\.([a-zA-Z0-9_-]+(?:\.[0-9]+)?)(?:\.[0-9a-f-]{8,})?\.log$")

_RECORD = re.compile(
    rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6})\d{3}([+-]\d\d:\d\d) (stdout|stderr) ([FP]) (.*)", re.DOTALL
)
# What follows the 29th byte of a record that needs no care: UTC, a full line.
_PLAIN = frozenset((b"+00:00 stdout F ", b"+00:00 stderr F "))
_PLAIN_START = TIME_LENGTH + 3

# Control characters but tab and newline: C0, DEL, and C1 as UTF-8, which some terminals obey too; and what turns the
# direction of writing.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who speaks: `app` or `heroku` (the platform), and which process: `web.1`, `router`, `api`, `slugc`."""

    source: str
    ps: str

    @property
    def header(self) -> str:
        return f"{self.source}[{self.ps}]:"


# Logplex itself, where it says what was lost.
LOGPLEX = Source(source="heroku", ps="logplex")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The beginning of a line whose end has not been written yet; `time` is that of its first record, in UTC."""

    time: bytes
    text: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What a block of records says: whole lines, the parts left open by stream, and how many records made no sense."""

    lines: list[bytes]
    parts: Mapping[str, Part]
    malformed: int = 0


def file_name(source: Source, dyno_id: str | None = None) -> str:
    """The name of the file a source appends to; a dyno's own output has one file for each start."""
    middle = f".{dyno_id}" if dyno_id else ""
    return f"{source.source}.{source.ps}{middle}.log"


def source_of(name: str) -> Source | None:
    """The source that writes the file of this name, or None when it is no log file of ours."""
    found = _FILE_NAME.match(name)
    return Source(source=found[1], ps=found[2]) if found else None


def record(message: str, now: datetime) -> bytes:
    """One full record (or several, for a message of several lines or a very long one) in the source format."""
    time = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000+00:00 stdout F ".encode()
    lines = [line.encode("utf-8", "replace") for line in message.splitlines()] or [b""]
    return b"".join(time + piece + b"\n" for line in lines for piece in pieces(line))


def line(source: Source, message: str, now: datetime) -> bytes:
    """A message as rendered lines, newline included."""
    start = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}+00:00 {source.header} ".encode()
    lines = [text.encode("utf-8", "replace") for text in message.splitlines()] or [b""]
    return b"".join(start + piece + b"\n" for text in lines for piece in pieces(text))


def pieces(text: bytes) -> list[bytes]:
    """A line as pieces of at most MAX_LINE bytes, cut between characters where it is UTF-8."""
    found = []
    while len(text) > MAX_LINE:
        cut = next((at for at in range(MAX_LINE, MAX_LINE - 4, -1) if text[at] & 0xC0 != 0x80), MAX_LINE)
        found.append(text[:cut])
        text = text[cut:]
    return [*found, text]


def rendered(block: bytes, source: Source, parts: Mapping[str, Part]) -> Rendering:
    """The lines of a block of whole records; `parts` is what the block before left open. Never fails."""
    records = block.split(b"\n")
    records.pop()
    middle = f"+00:00 {source.header} ".encode()
    if parts or not _plain(records):
        return _joined(records, middle, parts)
    lines = [entry[:TIME_LENGTH] + middle + entry[PREFIX_LENGTH:] + b"\n" for entry in records]
    return Rendering(lines=lines, parts={})


def flushed(source: Source, parts: Mapping[str, Part]) -> list[bytes]:
    """The open parts as lines: their ends are not coming."""
    middle = f"+00:00 {source.header} ".encode()
    return [part.time + middle + part.text + b"\n" for part in parts.values()]


def last_time(block: bytes, beginning: bytes) -> bytes | None:
    """The time, as `Part` has it, of the last of the platform's own records whose message begins so."""
    at = block.rfind(b" stdout F " + beginning)
    if at < 0:
        return None
    start = block.rfind(b"\n", 0, at) + 1
    return block[start : start + TIME_LENGTH] if at - start == RECORD_TIME_LENGTH else None


def readable(block: bytes) -> str:
    """Rendered lines for somebody's terminal: control characters (tab excepted) are shown as `^[`, bytes that are not
    UTF-8 as the replacement character, a carriage return before a newline goes."""
    return cleaned(block.replace(b"\r\n", b"\n").decode("utf-8", "replace"))


def cleaned(text: str) -> str:
    """The same of text."""
    return _CONTROL.sub(_caret, text) if _CONTROL.search(text) else text


def pattern(source: str | None, dyno: str | None) -> re.Pattern[bytes] | None:
    """What finds the wanted lines in a block of rendered ones; None when all are wanted.

    `dyno` is a dyno (`web.1`), a process type (`web`) or another process; `postgres` finds `heroku-postgres` too.
    """
    if not source and not dyno:
        return None
    who = re.escape(source) if source else r"[a-z]+"
    what = r"[^]\n]+"
    if dyno:
        number = "" if re.search(r"\.\d+$", dyno) else r"(?:\.\d+)?"
        what = rf"(?:heroku-)?{re.escape(dyno)}{number}"
    return re.compile(rf"^[^ \n]+ {who}\[{what}\]:.*\n".encode(), re.MULTILINE)


def expression(source: str | None, dyno: str | None) -> str:
    """The same as an extended regular expression, for grep."""
    what = r"[^]]+"
    if dyno:
        number = "" if re.search(r"\.\d+$", dyno) else r"(\.[0-9]+)?"
        what = "(heroku-)?" + re.sub(r"[][\\.^$*+?(){}|]", r"\\\g<0>", dyno) + number
    return rf"^[^ ]+ {source or '[a-z]+'}\[{what}\]:"


def _plain(records: list[bytes]) -> bool:
    """Full lines in UTC of bearable length, nothing else: the case that must be quick."""
    kinds = {entry[_PLAIN_START:PREFIX_LENGTH] for entry in records}
    return kinds <= _PLAIN and max(map(len, records), default=0) <= PREFIX_LENGTH + MAX_LINE


def _joined(records: list[bytes], middle: bytes, before: Mapping[str, Part]) -> Rendering:
    """Records one by one: parts are joined by stream, long lines split, other zones turned into UTC."""
    lines: list[bytes] = []
    parts = dict(before)
    malformed = 0
    for entry in records:
        found = _RECORD.fullmatch(entry)
        if not found:
            malformed += entry != b""
            continue
        stream, text = found[3].decode(), found[5]
        part = parts.pop(stream, None)
        time = part.time if part else _utc(found[1], found[2])
        *whole, rest = pieces(part.text + text if part else text)
        if found[4] == b"F":
            whole.append(rest)
        elif rest:
            parts[stream] = Part(time=time, text=rest)
        lines += [time + middle + piece + b"\n" for piece in whole]
    return Rendering(lines=lines, parts=parts, malformed=malformed)


def _utc(time: bytes, zone: bytes) -> bytes:
    if zone == b"+00:00":
        return time
    try:
        moment = datetime.fromisoformat((time + zone).decode()).astimezone(UTC)
    except (ValueError, OverflowError):
        return time
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}".encode()


def _caret(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code >= 0x80:
        return "\N{REPLACEMENT CHARACTER}"
    return "^?" if code == 0x7F else "^" + chr(code + 0x40)


def plain_text(block: bytes) -> bytes:
    """The messages of whole records, without their prefixes; a part has no line end."""
    text = bytearray()
    for found in block.split(b"\n")[:-1]:
        text += found[PREFIX_LENGTH:]
        if found[PREFIX_LENGTH - 2 : PREFIX_LENGTH - 1] != b"P":
            text += b"\n"
    return bytes(text)
