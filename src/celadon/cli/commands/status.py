"""The platform's status."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from celadon.cli.command import command
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import aligned, header, say, show_json

_GOOD = "No known issues at this time."
_UNITS = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@command(json=True)
def show(invocation: Invocation) -> None:
    """Show whether the platform has issues, and what its operator tells of them."""
    found = invocation.client.get("/api/v4/current-status")
    if invocation.json:
        show_json(found)
        return
    header("Celadon Status")
    rows = [(f"{one['system']}:", _GOOD if one["status"] == "green" else one["status"]) for one in found["status"]]
    for line in aligned(rows):
        say(line)
    for incident in found["incidents"]:
        say()
        _show(incident, datetime.now(UTC))


def _show(incident: Mapping[str, Any], now: datetime) -> None:
    """Updates with what is new first."""
    began = _instant(incident["created_at"])
    header(f"{incident['title']}  {_written(began)} (~ {_ago(began, now)}+)")
    rows = []
    for update in incident["updates"]:
        at = _instant(update["created_at"])
        first, *more = update["contents"].splitlines() or [""]
        rows.append((f"{_written(at)} (~ {_ago(at, now)} ago)", update["update_type"], first))
        rows.extend(("", "", line) for line in more)
    for line in aligned(rows):
        say(line.rstrip())


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y/%m/%d %H:%M:%S}"


def _ago(at: datetime, now: datetime) -> str:
    seconds = max(0, int((now - at).total_seconds()))
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return "0s"
