"""Events: who did what, kept as rows; Logplex shows those of an app as lines from the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from celadon.model.logline import Source

API = Source(source="app", ps="api")
# What nobody did: add-ons whose events are lines of their own, and what the platform saw.
_SOURCES = {
    "postgres": Source(source="app", ps="heroku-postgres"),
    "alert-state": Source(source="heroku", ps="alerts"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`seq` orders all events of the platform. `line` is what the app's log says of it; it never holds a secret."""

    seq: int
    app_id: str | None
    account_id: str | None
    action: str
    resource_id: str | None
    payload: Mapping[str, object]
    line: str | None
    at: datetime
    # Where the request came from: an IP address; None for what the platform did by itself.
    address: str | None = None


def line(event: Event) -> tuple[Source, str] | None:
    """The log line of an event: `app[api]`, as Heroku writes what users did, or an add-on's; None when it has none."""
    if event.app_id is None or event.line is None:
        return None
    return _SOURCES.get(event.action.partition(":")[0], API), event.line
