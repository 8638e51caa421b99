"""Incidents: what an operator tells everybody of the platform."""

import uuid
from collections.abc import Sequence

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model import status as rules
from celadon.model.account import Actor
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.status import Incident, IncidentUpdate, UpdateType
from celadon.store import events, status
from celadon.store.database import Transaction


def create(
    context: Context, actor: Actor, *, title: str, severity: str, components: Sequence[str], contents: str
) -> Incident:
    """Open one; raises Forbidden for anybody but an operator, InvalidParams."""
    access.require_operator(actor)
    incident = Incident(
        id=str(uuid.uuid4()),
        title=rules.check_title(title),
        severity=rules.check_severity(severity),
        components=rules.check_components(components),
        created_at=now(),
        updated_at=now(),
    )
    with context.database.transaction() as tx:
        status.insert_incident(tx, incident)
        _tell(tx, actor, incident, UpdateType.ISSUE, contents)
    return incident


def update(context: Context, actor: Actor, incident_id: str, contents: str, *, resolved: bool) -> Incident:
    """Tell what is new; one that is resolved is over. Raises Forbidden, NotFound, InvalidParams."""
    access.require_operator(actor)
    with context.database.transaction() as tx:
        found = status.find_incident(tx, incident_id)
        if found is None:
            raise NotFound("incident")
        if found.resolved_at is not None:
            raise InvalidParams("cannot update that incident: it is resolved; open another one")
        status.update_incident(tx, found.id, now=now(), resolved_at=now() if resolved else None)
        _tell(tx, actor, found, UpdateType.RESOLVED if resolved else UpdateType.UPDATE, contents)
    return found


def _tell(tx: Transaction, actor: Actor, incident: Incident, kind: UpdateType, contents: str) -> None:
    update = IncidentUpdate(
        id=str(uuid.uuid4()),
        incident_id=incident.id,
        type=kind,
        contents=rules.check_contents(contents),
        account_id=actor.account.id,
        created_at=now(),
    )
    status.insert_update(tx, update)
    events.insert(tx, f"incident:{kind}", by=actor, resource_id=incident.id, payload={"title": incident.title})
