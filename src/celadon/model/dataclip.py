"""Dataclips: queries that are kept, the versions they have had, and the links that show their results to others."""

from dataclasses import dataclass, field
from datetime import datetime

from celadon.model.errors import InvalidParams

# Of one database.
MOST = 200
# Of one clip; older ones are forgotten.
MOST_VERSIONS = 50
# Seconds for which a result is shown before the query is run again for a reader.
FRESH = 60.0
UNTITLED = "Untitled dataclip"

_QUERY_LIMIT = 64 << 10
_TITLE_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataclip:
    """`account_id` is who made it. `link` is what a URL ends in that shows the result to everybody who has it; None while
    there is no such URL.
    """

    id: str
    addon_id: str
    account_id: str
    title: str
    query: str = field(repr=False)
    version: int
    link: str | None = field(repr=False, default=None)
    shared_at: datetime | None = None
    revoked_at: datetime | None = None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a clip was from `created_at` on, and whose change it was. Versions count from 1."""

    id: str
    dataclip_id: str
    version: int
    account_id: str
    title: str
    query: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a version of the clip answered; `content` is the outcome as JSON (postgres/clip_outcome.py)."""

    dataclip_id: str
    version: int
    content: str = field(repr=False)
    ran_at: datetime


def check_query(query: str) -> str:
    """Raises InvalidParams. Whether it is SQL is the database's to say."""
    if not query.strip():
        raise InvalidParams("cannot keep a dataclip without a query: give SQL such as `select count(*) from users`")
    if len(query.encode()) > _QUERY_LIMIT or "\0" in query:
        raise InvalidParams(f"cannot keep that query: it is text without NUL, {_QUERY_LIMIT >> 10} KB at most")
    return query


def check_title(title: str) -> str:
    """Raises InvalidParams."""
    told = " ".join(title.split())
    if len(told) > _TITLE_LIMIT or not told.isprintable():
        raise InvalidParams(f"cannot give a dataclip that title: it is one line of {_TITLE_LIMIT} characters at most")
    return told or UNTITLED
