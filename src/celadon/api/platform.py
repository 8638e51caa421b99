"""The platform itself: whether it is well, and what a client of it must know."""

import sqlalchemy as sa

import celadon
from celadon.actions import apps
from celadon.api.answer import Answer, Listing, nothing
from celadon.api.failures import Unavailable
from celadon.api.request import Call
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
    systems = [{"system": name, "status": "green"} for name in ("Apps", "Data", "Tools")]
    return Answer(value={"status": systems, "incidents": [], "scheduled": []})


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


def none_of_app(call: Call) -> Listing:
    apps.find(call.context, call.actor, call.app)
    return nothing()
