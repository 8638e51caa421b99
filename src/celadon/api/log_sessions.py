"""Log sessions: a URL with a secret of its own, that clients read without any other credential."""

from datetime import UTC, datetime

from celadon.actions import log_sessions
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model.errors import InvalidParams


def create(call: Call) -> Answer:
    body = call.body()
    lines = body.integer("lines")
    tail = body.flag("tail") or False
    session, secret = log_sessions.create(
        call.context,
        call.actor,
        call.app,
        lines=100 if lines is None else lines,
        tail=tail,
        # Clients have three names for it: a dyno, a dyno by the schema's name, a process type.
        dyno=body.text("dyno") or body.text("dyno_name") or body.text("type"),
        source=body.text("source"),
        grep=body.text("grep"),
        request_id=body.text("request_id"),
        since=_instant(body.text("since")),
    )
    # Old clients tail only if the URL says so; and they take plain text for granted if it has a parameter `srv`.
    suffix = "?tail=true" if tail else ""
    at = shapes.instant(session.created_at)
    value = {
        "created_at": at,
        "id": session.id,
        "logplex_url": f"{call.api_url}/streams/{secret}{suffix}",
        "updated_at": at,
    }
    return Answer(value=value, status=201)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidParams("cannot read since: write a time as 2026-11-29T05:00:00Z") from None
