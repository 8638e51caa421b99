"""Sessions: log-ins by a browser; and how a command line asks for one (`heroku login` without `-i`)."""

import time

from celadon.actions import sessions
from celadon.api import failures, shapes
from celadon.api.answer import BY_TIME, Answer, Listing
from celadon.api.request import Call
from celadon.model.errors import Unauthorized
from celadon.model.session import Session


def list_of(call: Call) -> Listing:
    return Listing(items=sessions.list_of(call.context, call.actor), attributes=BY_TIME, shape=shape)


def destroy(call: Call) -> Answer:
    """Clients that log out expect `not_found` of kind `session` when they have none, and go on."""
    found = sessions.destroy(call.context, call.actor, call.params["session"])
    return Answer(value=shape(found), changed_at=found.updated_at)


def create(call: Call) -> Answer:
    login, secret = sessions.begin_login(call.context, call.body().text("description"), call.request.address or None)
    value = {"browser_url": f"/auth/browser/{login.id}", "cli_url": f"/auth/cli/{login.id}", "token": secret}
    return Answer(value=value, status=201)


def fetch(call: Call) -> Answer:
    """What the browser said; the answer is held back for a while until there is one."""
    kind, _, secret = call.request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise Unauthorized("cannot tell what became of this log-in: its token is missing")
    answer = sessions.fetch_login(call.context, call.params["login"], secret.strip())
    if answer is None:
        raise failures.Pending("Nobody has answered this log-in in a browser yet: ask again.")
    return Answer(value=answer)


def shape(session: Session) -> dict[str, object]:
    return {
        "created_at": shapes.instant(session.created_at),
        "description": session.description,
        "expires_in": max(0, round(session.expires_at.timestamp() - time.time())),
        "id": session.id,
        "updated_at": shapes.instant(session.updated_at),
    }
