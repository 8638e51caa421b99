"""A clip's result as somebody reads it: a table, CSV, JSON."""

import csv
import io
from collections.abc import Iterator

import msgspec

from celadon.api import shapes
from celadon.model.dataclip import Dataclip, Result
from celadon.model.errors import InvalidParams
from celadon.postgres.clip_outcome import Failure, Outcome

# What a page shows; CSV and JSON have it all.
_PAGE_ROWS = 1_000
_PAGE_CELLS = 20_000
_PAGE_CELL = 1_000

_JSON = ("json", "jsonb")


def outcome_of(result: Result) -> Outcome:
    return msgspec.json.decode(result.content, type=Outcome)


def answered(result: Result) -> Outcome:
    """The outcome that has rows; raises InvalidParams that says all the server did, for those who may change the query."""
    outcome = outcome_of(result)
    if outcome.failure is not None:
        raise InvalidParams(sentence(outcome.failure))
    return outcome


def sentence(failure: Failure) -> str:
    """What the server said, in one line."""
    if failure.message.startswith("cannot "):
        return failure.message
    told = f"cannot run the query: {failure.message}"
    told += f" at character {failure.position}" if failure.position else ""
    return ". ".join([told, *(text.rstrip(".") for text in (failure.detail, failure.hint) if text)])


def as_json(dataclip: Dataclip, result: Result, outcome: Outcome) -> dict[str, object]:
    """`values` has the rows; numbers have all their digits."""
    return {
        "duration": outcome.milliseconds,
        "executed_at": shapes.instant(result.ran_at),
        "fields": [column.name for column in outcome.columns],
        "row_count": outcome.count,
        "title": dataclip.title,
        "truncated": outcome.cut,
        "types": [column.type for column in outcome.columns],
        "values": outcome.rows,
        "version": result.version,
    }


def as_csv(outcome: Outcome) -> str:
    """RFC 4180, with a header; null is empty. What a cell holds is not changed: see the guide on spreadsheets."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([column.name for column in outcome.columns])
    for row in cells(outcome):
        writer.writerow(["" if cell is None else cell for cell in row])
    return written.getvalue()


def as_table(outcome: Outcome) -> tuple[list[list[str | None]], bool]:
    """The rows of a page, and whether there are more than those."""
    most = min(_PAGE_ROWS, _PAGE_CELLS // max(1, len(outcome.columns)))
    shown = [[_shortened(cell) for cell in row] for _, row in zip(range(most), cells(outcome), strict=False)]
    return shown, outcome.cut or outcome.count > len(shown)


def cells(outcome: Outcome) -> Iterator[list[str | None]]:
    """Every value as text; None for null."""
    for row in msgspec.json.decode(outcome.rows, type=list[list[msgspec.Raw]]):
        yield [_text(raw, column.type) for raw, column in zip(row, outcome.columns, strict=True)]


def _text(raw: msgspec.Raw, kind: str) -> str | None:
    content = bytes(raw)
    if content == b"null":
        return None
    if content.startswith(b'"') and kind not in _JSON:
        return msgspec.json.decode(content, type=str)
    return content.decode()


def _shortened(cell: str | None) -> str | None:
    return cell if cell is None or len(cell) <= _PAGE_CELL else f"{cell[:_PAGE_CELL]}…"
