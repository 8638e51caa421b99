"""A table as `psql` draws it, which is how Heroku's client shows what it asks a database."""

from collections.abc import Mapping, Sequence
from typing import Any

from celadon.cli.terminal.output import say


def show(table: Mapping[str, Any]) -> None:
    """What the data API calls a table: `columns` and `rows`."""
    columns = table["columns"]
    say(drawn([one["name"] for one in columns], table["rows"], [one["numeric"] for one in columns]))


def drawn(names: Sequence[str], rows: Sequence[Sequence[str | None]], numeric: Sequence[bool]) -> str:
    """Titles in the middle, numbers to the right, all else to the left; a cell of several lines has a `+` at the end of each but the last."""
    cells = [[lines(cell or "") for cell in row] for row in rows]
    widths = [max(map(len, [name, *(line for row in cells for line in row[at])])) for at, name in enumerate(names)]
    drawn = ["|".join(f" {_centred(name, width)} " for name, width in zip(names, widths, strict=True))]
    drawn.append("+".join("-" * (width + 2) for width in widths))
    for row in cells:
        drawn += _drawn_row(row, widths, numeric)
    drawn.append(f"({len(rows)} row{'' if len(rows) == 1 else 's'})\n")
    return "\n".join(drawn)


def _drawn_row(row: Sequence[list[str]], widths: Sequence[int], numeric: Sequence[bool]) -> list[str]:
    drawn = []
    for level in range(max(map(len, row))):
        shown = []
        for at, cell in enumerate(row):
            text, more = (cell[level] if level < len(cell) else ""), level < len(cell) - 1
            if numeric[at] and level < len(cell):
                text = text.rjust(widths[at])
            # Behind the text of the last column is nothing, but the sign that it goes on.
            ends = at == len(row) - 1 and not more
            shown.append(f" {text}" if ends else f" {text.ljust(widths[at])}{'+' if more else ' '}")
        drawn.append("|".join(shown))
    return drawn


def _centred(name: str, width: int) -> str:
    left = (width - len(name)) // 2
    return " " * left + name + " " * (width - len(name) - left)


def lines(text: str) -> list[str]:
    """Without what a terminal would take for an order."""
    return ["".join(_visible(line)) for line in text.split("\n")]


def _visible(line: str) -> list[str]:
    shown: list[str] = []
    for character in line:
        if character == "\t":
            shown.append(" " * (8 - sum(map(len, shown)) % 8))
        elif character == "\r":
            shown.append("\\r")
        elif character < " " or character == "\x7f":
            shown.append(f"\\x{ord(character):02X}")
        elif "\x80" <= character <= "\x9f":
            shown.append(f"\\u{ord(character):04X}")
        else:
            shown.append(character)
    return shown
