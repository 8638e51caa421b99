"""What was seen of the platform's components, and incidents."""

from datetime import date, datetime

import sqlalchemy as sa

from celadon.model.status import ComponentState, Incident, IncidentUpdate, StatusDay
from celadon.store import rows, tables
from celadon.store.database import Transaction

_components = tables.status_components
_days = tables.status_days
_incidents = tables.incidents
_updates = tables.incident_updates


def states(tx: Transaction) -> dict[str, ComponentState]:
    """Component → its last look."""
    return {one.component: one for one in rows.every(tx, ComponentState, sa.select(_components))}


def put_state(tx: Transaction, state: ComponentState) -> None:
    values = rows.to_row(state)
    same = _components.c.component == state.component
    if not tx.connection.execute(_components.update().where(same).values(values)).rowcount:
        tx.connection.execute(_components.insert(), values)


def count(tx: Transaction, component: str, day: date, *, failed: bool, restarted: bool) -> None:
    """One look more of this day."""
    c = _days.c
    values = {c.looks: c.looks + 1, c.failures: c.failures + int(failed), c.restarts: c.restarts + int(restarted)}
    same = sa.and_(c.component == component, c.day == day)
    if not tx.connection.execute(_days.update().where(same).values(values)).rowcount:
        first = StatusDay(component=component, day=day, looks=1, failures=int(failed), restarts=int(restarted))
        rows.insert(tx, _days, first)


def days_since(tx: Transaction, first: date) -> list[StatusDay]:
    return rows.every(tx, StatusDay, sa.select(_days).where(_days.c.day >= first))


def prune(tx: Transaction, before: date) -> None:
    tx.connection.execute(_days.delete().where(_days.c.day < before))


def recent_incidents(tx: Transaction, since: datetime, limit: int) -> list[Incident]:
    """Those that are open, and those that ended since then; the newest first."""
    recent = sa.or_(_incidents.c.resolved_at.is_(None), _incidents.c.resolved_at >= since)
    return _found(tx, sa.select(_incidents).where(recent).limit(limit))


def _found(tx: Transaction, query: sa.Select[tuple[object, ...]]) -> list[Incident]:
    return rows.every(tx, Incident, query.order_by(_incidents.c.created_at.desc(), _incidents.c.id))


def find_incident(tx: Transaction, incident_id: str) -> Incident | None:
    """With its row locked: of two who change it one comes second."""
    return rows.one(tx, Incident, sa.select(_incidents).where(_incidents.c.id == incident_id).with_for_update())


def insert_incident(tx: Transaction, incident: Incident) -> None:
    rows.insert(tx, _incidents, incident)


def update_incident(tx: Transaction, incident_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _incidents, incident_id, updated_at=now, **values)


def insert_update(tx: Transaction, update: IncidentUpdate) -> None:
    rows.insert(tx, _updates, update)


def updates_of(tx: Transaction, incident_ids: set[str]) -> dict[str, list[IncidentUpdate]]:
    """Incident's id → its updates, the newest first."""
    found: dict[str, list[IncidentUpdate]] = {one: [] for one in incident_ids}
    query = sa.select(_updates).where(_updates.c.incident_id.in_(incident_ids))
    for update in rows.every(tx, IncidentUpdate, query.order_by(_updates.c.created_at.desc(), _updates.c.id)):
        found[update.incident_id].append(update)
    return found
