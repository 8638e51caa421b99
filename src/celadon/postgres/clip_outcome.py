"""What a clip's program is asked and what it answers, as JSON; an outcome is kept in the store as it is."""

import msgspec


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """See `clips.Place` and `clips.Limits`."""

    directory: str
    port: int
    database: str
    role: str
    query: str
    rows: int
    octets: int
    seconds: float
    connect: int
    memory: int
    deadline: float


class Column(msgspec.Struct, frozen=True):
    """`type` is PostgreSQL's name of it, `unknown` for what the database has defined itself."""

    name: str
    type: str


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no result. `position` is the character of the query, from 1, that the server points at."""

    message: str
    detail: str = ""
    hint: str = ""
    code: str = ""
    position: int | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` is a JSON array of arrays, not read until somebody shows its cells. `cut` says that there were more."""

    columns: tuple[Column, ...] = ()
    rows: msgspec.Raw = msgspec.Raw(b"[]")
    count: int = 0
    cut: bool = False
    milliseconds: int = 0
    failure: Failure | None = None


def failed(message: str) -> Outcome:
    return Outcome(failure=Failure(message=message))


def took_too_long(seconds: float) -> str:
    return f"cannot run the query: there was no result within {seconds:g} seconds; make it faster or read less"


# What the server says when the clip's role lacks a right: of a table that somebody else has made since.
NOT_ALLOWED = frozenset({"42501"})
