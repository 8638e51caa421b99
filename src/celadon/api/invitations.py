"""Invitations to make an account."""

from celadon.actions import invitations
from celadon.api import account, shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model.errors import InvalidParams
from celadon.model.invitation import Invitation


def create(call: Call) -> Answer:
    found = invitations.invite(call.context, call.actor, call.body().needed_text("email"))
    return Answer(value=shape(found), status=201)


def show(call: Call) -> Answer:
    return Answer(value=shape(invitations.find(call.context, call.params["token"])))


def finalize(call: Call) -> Answer:
    body = call.body()
    password = body.needed_text("password", 1024)
    if body.text("password_confirmation", 1024) not in (None, password):
        raise InvalidParams("cannot make the account: password and password_confirmation are not the same")
    made = invitations.accept(call.context, call.params["token"], password, call.request.address)
    return Answer(value=account.shape(made))


def shape(invitation: Invitation) -> dict[str, object]:
    return {
        "created_at": shapes.instant(invitation.created_at),
        "expires_at": shapes.instant(invitation.expires_at),
        "id": invitation.id,
        "user": {"email": invitation.email},
    }
