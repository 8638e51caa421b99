"""The platform's status: what the clock sees each minute, and what everybody may know of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from celadon.actions.context import Context, now
from celadon.model import status as rules
from celadon.model.status import (
    COMPONENTS,
    Component,
    ComponentState,
    Health,
    Incident,
    IncidentUpdate,
    Look,
    StatusDay,
    System,
)
from celadon.store import status
from celadon.store.database import Transaction

# Incidents that are over are shown for so long, and so many at most.
_SHOWN_FOR, _SHOWN = timedelta(days=30), 20

Told = tuple[Incident, list[IncidentUpdate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A component as everybody may see it; `days` has those on which somebody looked."""

    component: Component
    health: Health
    state: ComponentState | None
    days: dict[date, StatusDay]

    @property
    def uptime(self) -> float | None:
        """Of all looks that are kept, 0 to 1; None before the first."""
        looks = sum(day.looks for day in self.days.values())
        return 1 - sum(day.failures for day in self.days.values()) / looks if looks else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """`systems` are what Heroku's clients show; incidents come with their updates, the newest first."""

    at: datetime
    components: list[Shown]
    systems: dict[System, Health]
    incidents: list[Told]


def states(context: Context) -> dict[str, ComponentState]:
    """Component → how it was at the last look."""
    with context.database.read() as tx:
        return status.states(tx)


def keep(context: Context, looks: Sequence[Look], at: datetime) -> int:
    """Keep what was seen, once a minute whoever looks how often; returns how many looks counted."""
    with context.database.transaction() as tx:
        before = status.states(tx)
        return sum(_kept(tx, one, before.get(one.component), at) for one in looks)


def _kept(tx: Transaction, seen: Look, before: ComponentState | None, at: datetime) -> bool:
    if before and rules.minute_of(before.looked_at) >= rules.minute_of(at):
        return False
    same = before is not None and before.health is seen.health
    since = before.since if before and same else at
    restarted = before is not None and before.pid is not None and seen.pid not in (None, before.pid)
    # The process that ran last is remembered while none runs: what comes after it began anew.
    pid = seen.pid or (before.pid if before else None)
    status.put_state(
        tx,
        ComponentState(component=seen.component, health=seen.health, why=seen.why, pid=pid, since=since, looked_at=at),
    )
    failed = seen.health is Health.RED
    status.count(tx, seen.component, rules.day_of(at), failed=failed, restarted=restarted)
    return True


def summary(context: Context) -> Summary:
    """What everybody may know."""
    at = now()
    first = rules.days_until(rules.day_of(at))[0]
    with context.database.read() as tx:
        states, days = status.states(tx), status.days_since(tx, first)
        incidents = status.recent_incidents(tx, at - _SHOWN_FOR, _SHOWN)
        updates = status.updates_of(tx, {one.id for one in incidents})
    shown = [
        Shown(
            component=one,
            health=rules.present(one.name, states.get(one.name), incidents, at),
            state=states.get(one.name),
            days={day.day: day for day in days if day.component == one.name},
        )
        for one in COMPONENTS
    ]
    return Summary(
        at=at,
        components=shown,
        systems=rules.systems({one.component.name: one.health for one in shown}),
        incidents=[(one, updates[one.id]) for one in incidents],
    )
