"""Sessions: browser log-ins of other kinds than a token; there are none here."""

from celadon.api.answer import Answer, Listing, nothing
from celadon.api.request import Call
from celadon.model.errors import NotFound


def list_of(call: Call) -> Listing:
    return nothing()


def destroy(call: Call) -> Answer:
    # Clients that log out expect exactly this kind when they have no session, and go on.
    raise NotFound("session")
