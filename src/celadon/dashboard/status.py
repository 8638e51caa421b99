"""The platform's status, for everybody: its parts, incidents, and how long each lived on each of the last 90 days."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from celadon.actions import status
from celadon.actions.status import Shown
from celadon.api import credentials
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.pages import dashboard_page, page, percent, told
from celadon.model.status import COMPONENTS, Health, StatusDay, day_of, days_until, worst

_HEADINGS = {
    Health.GREEN: "Everything works",
    Health.YELLOW: "Something does not work as it should",
    Health.RED: "Something is down",
    Health.UNKNOWN: "Not looked at yet",
}
WORDS = {
    Health.GREEN: ("works", "good"),
    Health.YELLOW: ("degraded", "warn"),
    Health.RED: ("down", "bad"),
    Health.UNKNOWN: ("unknown", ""),
}
# Below this share of its looks a day is shown as bad, below 1 as warning.
_BAD = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A day of a component as it is drawn: `at` counts from the left; `kind` is good, warn or bad."""

    at: int
    kind: str
    title: str


@told
def show(call: Call) -> Page:
    """Who is logged in keeps the navigation."""
    found = status.summary(call.context)
    days = days_until(day_of(found.at))
    values: dict[str, Any] = {
        "heading": _HEADINGS[_overall(found.components)],
        "parts": [(shown, bars(shown, days)) for shown in found.components],
        "words": WORDS,
        "open": [one for one in found.incidents if one[0].resolved_at is None],
        "over": [one for one in found.incidents if one[0].resolved_at is not None],
        "titles": {one.name: one.title for one in COMPONENTS},
        "first": days[0],
        "last": days[-1],
        "at": found.at,
    }
    actor = credentials.actor_of_browser(call.context, call.request)
    if actor is None:
        return page("status.html", layout="page.html", **values)
    return dashboard_page(
        replace(call, known=actor), "status.html", section="status", layout="dashboard.html", **values
    )


def _overall(components: list[Shown]) -> Health:
    found = [shown.health for shown in components]
    return Health.UNKNOWN if set(found) == {Health.UNKNOWN} else worst(found)


def bars(shown: Shown, days: list[date]) -> list[Bar]:
    """The days on which somebody looked."""
    return [_bar(at, shown.days[day]) for at, day in enumerate(days) if day in shown.days]


def _bar(at: int, day: StatusDay) -> Bar:
    kind = "good" if not day.failures else "warn" if day.uptime >= _BAD else "bad"
    minutes = f", {day.failures} min down" if day.failures else ""
    return Bar(at=at, kind=kind, title=f"{day.day}: {percent(day.uptime)}{minutes}")
