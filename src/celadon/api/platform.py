"""The platform itself: whether it is well, and what a client of it must know."""

import sqlalchemy as sa

import celadon
from celadon.actions import status as actions
from celadon.actions.status import Shown
from celadon.api import shapes
from celadon.api.answer import Answer, Listing, nothing
from celadon.api.failures import Unavailable
from celadon.api.request import Call
from celadon.model.status import Incident, IncidentUpdate
from celadon.store import changes


def health(call: Call) -> Answer:
    """For the installer and for monitoring; raises Unavailable when the store cannot be read."""
    try:
        changes.latest(call.context.database)
    except sa.exc.SQLAlchemyError as error:
        raise Unavailable(f"cannot read the store: {type(error).__name__}; see the log of the api role") from error
    return Answer(value={"status": "ok", "version": celadon.__version__})


def status(call: Call) -> Answer:
    """What the official client's `status` reads."""
    found = actions.summary(call.context)
    return Answer(
        value={
            "status": [{"system": system, "status": health} for system, health in found.systems.items()],
            "incidents": [
                _incident(call, incident, updates)
                for incident, updates in found.incidents
                if incident.resolved_at is None
            ],
            "scheduled": [],
            "components": [_component(shown) for shown in found.components],
        }
    )


def _component(shown: Shown) -> dict[str, object]:
    return {
        "name": shown.component.name,
        "title": shown.component.title,
        "system": shown.component.system,
        "status": shown.health,
        "looked_at": shapes.instant_or_none(shown.state.looked_at if shown.state else None),
        "uptime": None if shown.uptime is None else round(shown.uptime, 5),
    }


def _incident(call: Call, incident: Incident, updates: list[IncidentUpdate]) -> dict[str, object]:
    return {
        "id": incident.id,
        "title": incident.title,
        "status": incident.severity,
        "components": list(incident.components),
        "resolved": incident.resolved_at is not None,
        "created_at": shapes.instant(incident.created_at),
        "updated_at": shapes.instant(incident.updated_at),
        "full_url": f"{call.settings.api_https_url}/status#{incident.id}",
        "updates": [
            {
                "id": update.id,
                "update_type": update.type,
                "contents": update.contents,
                "created_at": shapes.instant(update.created_at),
                "updated_at": shapes.instant(update.created_at),
            }
            for update in updates
        ],
    }


def show(call: Call) -> Answer:
    """Where the platform's doors are, and the authority whose certificates they have; nothing secret."""
    settings = call.settings
    authority = settings.ca_file.read_text("ascii") if settings.ca_file.is_file() else None
    value = {
        "api_https_url": settings.api_https_url,
        "api_url": settings.api_url,
        "ca_certificate": authority,
        "domain": settings.domain,
        "http_port": settings.http_port,
        "https_port": settings.https_port,
        "rendezvous_port": settings.rendezvous_port,
        "ssh_port": settings.ssh_port,
        "version": celadon.__version__,
    }
    return Answer(value=value)


def none(call: Call) -> Listing:
    """What this platform has none of."""
    return nothing()
