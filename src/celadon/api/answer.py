"""What a route's function answers: one value, or a listing that the client may ask a part of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from celadon.model.range import Range


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One value as JSON. `changed_at` is when a single resource last changed: its Last-Modified.

    `warning` is a word and a sentence for a person, of what was done but not as one may expect.
    """

    value: object
    status: int = 200
    changed_at: datetime | None = None
    warning: tuple[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def last_modified(self) -> str | None:
        """As HTTP writes times."""
        if self.changed_at is None:
            return None
        return format_datetime(self.changed_at.astimezone(UTC), usegmt=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """A change that is made, of which more will be known in a moment: `look` tells what is known, and whether that is all.

    The client is answered with all, or after `seconds` with what is known then.
    """

    look: "Callable[[], tuple[Answer | Page, bool]]"
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The chosen items; `content` and `following` are the Content-Range and, when more follow, the Next-Range."""

    items: Sequence[Any]
    whole: bool
    content: str
    following: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Many of one kind. `attributes` are unique ones that a Range may name, the first is the order without one;
    `shape` makes an item's JSON, only for those that are sent. Where reading all would cost too much, `items` are only
    what they are ordered by, and `fetch` reads the chosen ones; of very long lists only the wanted part is read, by
    `read`.
    """

    items: Sequence[Any] = ()
    attributes: Mapping[str, Callable[[Any], str | int]]
    shape: Callable[[Any], object]
    fetch: Callable[[Sequence[Any]], Sequence[Any]] | None = None
    read: Callable[[Range], Part] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page for a person, or the way to another one (`location`); text of another `kind` goes with the same care.

    Pages have style and scripts `of_dashboard`: files of ours. Their forms lead to us, and to the origin of `forms_to`
    (a URL), by themselves or by the answer that they get. A `nonce` lets a page's own scripts add style.
    """

    text: str = ""
    status: int = 200
    location: str = ""
    kind: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    forms_to: str = ""
    of_dashboard: bool = False
    nonce: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that is not text, the same for everybody; `etag` names its content, in quotes."""

    content: bytes
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What changes about an app behind this number of the change feed, as it happens (`celadon.api.live`)."""

    app_id: str
    account_id: str
    after: int


BY_NAME: Mapping[str, Callable[[Any], str | int]] = {"name": lambda item: item.name, "id": lambda item: item.id}
BY_ID: Mapping[str, Callable[[Any], str | int]] = {"id": lambda item: item.id}


def _moment(item: Any) -> str:
    """When an item was made, with its id, so that no two are the same."""
    return f"{item.created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}~{item.id}"


BY_TIME: Mapping[str, Callable[[Any], str | int]] = {"created_at": _moment, **BY_ID}


def nothing() -> Listing:
    """An empty list, of what this platform has none of."""
    return Listing(items=(), attributes=BY_ID, shape=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What goes over the wire. Where there may be another answer in a moment, `again` asks for it, at best after `pause`
    seconds. `live` follows the headers for as long as the client stays.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    again: "Callable[[], Response] | None" = None
    pause: float = 0.0
    live: Live | None = None
