"""Invitations into a team."""

from celadon.actions import team_invitations
from celadon.actions.team_invitations import Invited
from celadon.api import shapes, team_members
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model import team as rules
from celadon.model.account import Account


def list_of(call: Call) -> Listing:
    found = team_invitations.list_of(call.context, call.actor, call.params["team"])
    by_email = {"email": lambda entry: entry.invitation.email, "id": lambda entry: entry.invitation.id}
    return Listing(items=found, attributes=by_email, shape=shape)


def put(call: Call) -> Answer:
    body = call.body()
    email, role = body.needed_text("email"), rules.role_of(body.needed_text("role"))
    return _answer(team_invitations.put(call.context, call.actor, call.params["team"], email, role))


def revoke(call: Call) -> Answer:
    params = call.params
    return _answer(team_invitations.revoke(call.context, call.actor, params["team"], params["invitation"]))


def show(call: Call) -> Answer:
    return _answer(team_invitations.find(call.context, call.actor, call.params["token"]))


def accept(call: Call) -> Answer:
    return team_members.answer(*team_invitations.accept(call.context, call.actor, call.params["token"]))


def _answer(invited: Invited) -> Answer:
    return Answer(value=shape(invited), changed_at=invited.invitation.updated_at)


def shape(invited: Invited) -> dict[str, object]:
    invitation = invited.invitation
    nobody = {"id": shapes.fixed_id("invited", invitation.email), "email": invitation.email, "name": None}
    return {
        "created_at": shapes.instant(invitation.created_at),
        "id": invitation.id,
        "invited_by": _person(invited.by),
        "role": invitation.role,
        "team": shapes.team(invited.team),
        "updated_at": shapes.instant(invitation.updated_at),
        "user": _person(invited.account) if invited.account else nobody,
    }


def _person(account: Account) -> dict[str, object]:
    return {**shapes.user(account), "name": account.name}
