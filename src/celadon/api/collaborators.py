"""Collaborators: who has access to an app, its owner first."""

from datetime import datetime

from celadon.actions import apps, collaborators, teams
from celadon.api import shapes, team_app_collaborators
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.account import Account
from celadon.model.app import COLLABORATORS, App, Permission
from celadon.model.errors import NotFound

_OF_ROLE = {"owner": sorted(Permission), "collaborator": sorted(COLLABORATORS)}


def list_of(call: Call) -> Listing:
    if _of_team(call):
        return team_app_collaborators.list_of(call)
    app = apps.find(call.context, call.actor, call.app)
    found = apps.collaborators(call.context, call.actor, app.id)
    by_email = {"email": lambda person: person[0].email, "id": lambda person: shapes.collaborator_id(app, person[0])}
    return Listing(items=found, attributes=by_email, shape=lambda person: shape(app, *person))


def show(call: Call) -> Answer:
    if _of_team(call):
        return team_app_collaborators.show(call)
    app = apps.find(call.context, call.actor, call.app)
    wanted = call.params["collaborator"].lower()
    for account, role in apps.collaborators(call.context, call.actor, app.id):
        if wanted in (account.email, account.id, shapes.collaborator_id(app, account)):
            return Answer(value=shape(app, account, role), changed_at=app.created_at)
    raise NotFound("collaborator")


def invitations(call: Call) -> Listing:
    """Who was invited to make an account, and works on the app once they have, which Heroku's schema has no place for."""
    app = apps.find(call.context, call.actor, call.app)
    found = collaborators.waiting(call.context, call.actor, app.id)
    by_email = {"email": lambda waiting: waiting[0]}
    return Listing(items=found, attributes=by_email, shape=lambda waiting: _invitation(app, *waiting))


def _invitation(app: App, email: str, at: datetime) -> dict[str, object]:
    times = {"created_at": shapes.instant(at), "updated_at": shapes.instant(at)}
    return {**shape(app, collaborators.invited(app, email), "collaborator"), **times, "invited": True}


def create(call: Call) -> Answer:
    if _of_team(call):
        return team_app_collaborators.create(call)
    body = call.body()
    person, silent = body.needed_reference("user"), bool(body.flag("silent"))
    app, account = collaborators.add(call.context, call.actor, call.app, person, silent=silent)
    warning = None
    if not account.password_hash:
        warning = ("invited", f"{account.email} has no account yet: an invitation is on its way by mail.")
    return Answer(value=shape(app, account, "collaborator"), status=201, warning=warning)


def destroy(call: Call) -> Answer:
    if _of_team(call):
        return team_app_collaborators.destroy(call)
    wanted = call.params["collaborator"]
    app = apps.find(call.context, call.actor, call.app)
    for account, _ in apps.collaborators(call.context, call.actor, app.id):
        if wanted == shapes.collaborator_id(app, account):
            wanted = account.id
    app, account = collaborators.remove(call.context, call.actor, call.app, wanted)
    return Answer(value=shape(app, account, "collaborator"))


def _of_team(call: Call) -> bool:
    """Whether a team owns the app: then its people have permissions of their own. Raises NotFound."""
    return bool(teams.of_apps(call.context, {apps.find(call.context, call.actor, call.app).owner_id}))


def shape(app: App, account: Account, role: str) -> dict[str, object]:
    return {
        "app": shapes.app(app),
        "created_at": shapes.instant(app.created_at),
        "id": shapes.collaborator_id(app, account),
        "permissions": [shapes.permission(name) for name in _OF_ROLE[role]],
        "role": role,
        "updated_at": shapes.instant(app.created_at),
        "user": {**shapes.user(account), "federated": False},
    }
