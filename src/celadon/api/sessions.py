"""Sessions: browser log-ins of other kinds than a token; there are none here."""

from celadon.api.answer import Answer, Listing, nothing
from celadon.api.request import Call
from celadon.model.errors import NotFound


def list_of(call: Call) -> Listing:
    return nothing()


def create(call: Call) -> Answer:
    """What the official client's `login` asks for, unless it is told `-i`."""
    raise NotFound(
        "session", "cannot log in by a browser here: use `heroku login -i`, it asks for address and password"
    )


def destroy(call: Call) -> Answer:
    # Clients that log out expect exactly this kind when they have no session, and go on.
    raise NotFound("session")
