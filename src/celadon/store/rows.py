"""Row ↔ dataclass: columns are named as fields are, so one pair of functions serves every noun."""

import dataclasses
import json
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from celadon.store.database import Transaction

T = TypeVar("T")
U = TypeVar("U")


def to_row(value: Any) -> dict[str, Any]:
    """Column values of a dataclass instance (not its nested values: fields are columns)."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def insert(tx: Transaction, table: sa.Table, value: Any) -> None:
    # Values beside the statement, not in it: building it anew costs more than running it.
    tx.connection.execute(table.insert(), to_row(value))


def one(tx: Transaction, kind: type[T], query: sa.Select[Any], **parameters: Any) -> T | None:
    """The first row as a value, or None. `parameters` are those of a query that is built once for all."""
    found = tx.connection.execute(query, parameters)
    names = tuple(found.keys())
    row = found.first()
    return None if row is None else kind(**dict(zip(names, row, strict=True)))


def every(tx: Transaction, kind: type[T], query: sa.Select[Any], **parameters: Any) -> list[T]:
    found = tx.connection.execute(query, parameters)
    names = tuple(found.keys())
    # Half the time of a mapping for each row.
    return [kind(**dict(zip(names, row, strict=True))) for row in found.all()]


def pairs(
    tx: Transaction, kinds: tuple[type[T], type[U]], query: sa.Select[Any], **parameters: Any
) -> list[tuple[T, U | None]]:
    """Rows of two joined tables, the first table's columns first, each as two values.

    The second is None where an outer join found nothing: its first column, which is never null, is.
    """
    found = tx.connection.execute(query, parameters)
    names = [column.name for column in query.selected_columns]
    second = len(dataclasses.fields(kinds[0]))  # type: ignore[arg-type]
    return [
        (
            kinds[0](**dict(zip(names, row[:second], strict=False))),
            None if row[second] is None else kinds[1](**dict(zip(names[second:], row[second:], strict=True))),
        )
        for row in found.all()
    ]


def among(tx: Transaction, column: sa.ColumnElement[str], values: Collection[str]) -> sa.ColumnElement[bool]:
    """Whether a column has one of many values.

    On PostgreSQL they are one parameter, hashed as a table of its own: a list of parameters is planned anew each time,
    and an array is searched from its start for each row (3 ms for 200 of 1,000).
    """
    if tx.connection.dialect.name == "postgresql":
        return column.in_(sa.select(sa.func.unnest(sa.bindparam(None, list(values), type_=postgresql.ARRAY(sa.Text)))))
    return column.in_(values)


def update(tx: Transaction, table: sa.Table, row_id: str, **values: Any) -> bool:
    """Change columns of one row; False when it is not there."""
    found = tx.connection.execute(
        table.update().where(table.c.id == sa.bindparam("row_id")), {"row_id": row_id, **values}
    )
    return bool(found.rowcount)


def sealed(tx: Transaction, values: Mapping[str, str]) -> bytes:
    """A mapping as encrypted JSON; nothing at all for an empty one, which most dynos have."""
    return b"" if not values else tx.secrets.encrypt(json.dumps(dict(values)))


def opened(tx: Transaction, token: bytes) -> dict[str, str]:
    """What `sealed` made; raises SecretsError."""
    if not token:
        return {}
    read: dict[str, str] = json.loads(tx.secrets.decrypt(token))
    return read
