"""What commands print: headers, lists, tables, hashes, actions, times and sizes, in the toolbelt's forms."""

import contextlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from celadon.cli.failure import Failure
from celadon.cli.terminal import unfinished
from celadon.model.text import plain

# The exit status of who wrote for a reader that had gone.
PIPE_CLOSED = 141
# Characters that may be more than letters.
_OTHERS = re.compile(r"[^\t\n -~]")


def say(text: str = "") -> None:
    print(_shown(text))


def show_json(value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # The same value, for whoever copies it from the terminal.
    if sys.stdout.isatty():
        text = _OTHERS.sub(lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text)
    print(text)


def _shown(text: str, stream: TextIO | None = None) -> str:
    """Text as the stream gets it: names and values are others', and no terminal is to act on what is in them."""
    return _OTHERS.sub(lambda found: plain(found[0]), text) if (stream or sys.stdout).isatty() else text


def header(text: str) -> None:
    print(_shown(f"=== {text}"))


def listing(rows: Iterable[Sequence[str] | str], *, in_order: bool = True) -> None:
    """Columns joined by two blanks and a blank line after; sorted unless `in_order` is False."""
    tuples = [(row,) if isinstance(row, str) else tuple(row) for row in rows]
    if in_order:
        tuples.sort()
    for row in aligned(tuples):
        print(_shown(row))
    print()


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with each column but the last as wide as its longest cell."""
    if not rows:
        return []
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    widths[-1] = 0
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A header row, a row of dashes, the rows: text to the left, integers to the right, the last column unpadded."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(title), *(len(row[at]) for row in cells)) for at, title in enumerate(titles)]
    print(_shown("  ".join(_padded(list(titles), widths, titles))))
    print("  ".join("-" * width for width in widths))
    for row, shown in zip(rows, cells, strict=True):
        print(_shown("  ".join(_padded(shown, widths, row))))


def _padded(shown: list[str], widths: list[int], values: Sequence[object]) -> list[str]:
    last = len(shown) - 1
    return [
        text.rjust(width) if isinstance(value, int) else text if at == last else text.ljust(width)
        for at, (text, width, value) in enumerate(zip(shown, widths, values, strict=True))
    ]


def hash(values: Mapping[str, str | Sequence[str] | None], *, in_order: bool = True) -> None:
    """Keys with their values in one column, sorted unless `in_order` is False.

    A list has one line each, None and an empty list are skipped.
    """
    width = max((len(key) for key in values), default=0) + 2
    for key in sorted(values) if in_order else values:
        value = values[key]
        if value is None:
            continue
        if isinstance(value, str):
            print(_shown(f"{key}: ".ljust(width) + value))
            continue
        for at, element in enumerate(sorted(value)):
            print(_shown((f"{key}: " if at == 0 else "").ljust(width) + element))
        if len(value) > 1:
            print()


@dataclass(slots=True)
class Action:
    """What is going on; `status` is printed behind `done`, or behind another `word` for it."""

    status: str = ""
    word: str = "done"


@contextlib.contextmanager
def action(message: str, *, quiet: bool = False, stream: TextIO | None = None) -> Iterator[Action]:
    """`MESSAGE... done, STATUS`; a failure says `failed` before its error. A quiet one prints nothing."""
    out = stream or sys.stdout
    running = Action()
    if quiet:
        yield running
        return
    unfinished.begin(_shown(f"{message}... ", out), out)
    try:
        yield running
    except Failure:
        unfinished.end("failed", out)
        raise
    except BaseException:
        unfinished.end("", out)
        raise
    ended = f"{running.word}, {running.status}" if running.status else running.word
    unfinished.end(_shown(ended, out), out)


def moment(text: str) -> datetime:
    """A time of the API."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def time_ago(text: str, now: datetime | None = None) -> str:
    """`2012/09/11 12:34:56 (~ 5s ago)` in local time; what is older than 25 hours has no suffix."""
    then = moment(text)
    elapsed = max(0, int(((now or datetime.now(UTC)) - then).total_seconds()))
    shown = f"{then.astimezone():%Y/%m/%d %H:%M:%S}"
    if elapsed <= 60:
        return f"{shown} (~ {elapsed}s ago)"
    if elapsed <= 60 * 60:
        return f"{shown} (~ {elapsed // 60}m ago)"
    if elapsed <= 60 * 60 * 25:
        return f"{shown} (~ {elapsed // 3600}h ago)"
    return shown


def date(text: str) -> str:
    """`2013-08-01 21:34 UTC`."""
    return f"{moment(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def size(count: int | None) -> str:
    """Bytes as `(empty)`, `512`, `5k`, `3M`, `1G`."""
    if not count:
        return "(empty)"
    for limit, suffix in ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "k")):
        if count >= limit:
            return f"{round(count / limit)}{suffix}"
    return str(count)


def truncate(text: str, length: int) -> str:
    """At most `length` characters; what is longer ends in `..`."""
    return text if len(text) <= length else f"{text[: length - 2]}.."


def price(cost: Mapping[str, Any] | None) -> str:
    """A dyno size's cost as ` ($0.05/dyno-hour)`; nothing where the platform names none."""
    if not cost or cost.get("cents") is None:
        return ""
    unit = cost.get("unit") or "hour"
    return f" (${cost['cents'] / 100:.2f}/{'dyno-hour' if unit in ('hour', 'dyno-hour') else unit})"


def coloured(stream: TextIO, *, forced: bool = False) -> bool:
    """Whether colours may be printed: to a terminal that has them and whose user did not say NO_COLOR."""
    if forced:
        return True
    if os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
        return False
    return stream.isatty()


def end_with_reader() -> None:
    """From now on end as soon as nobody reads our output any more: what waits for its next line would not notice."""
    import select
    import stat
    import threading

    descriptor = sys.stdout.fileno()
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        return
    gone = select.poll()
    gone.register(descriptor, 0)

    def watch() -> None:
        gone.poll()
        # Nothing is left to be said, and to nobody.
        os._exit(PIPE_CLOSED)

    threading.Thread(target=watch, daemon=True).start()


def interactive() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()
