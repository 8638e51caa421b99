"""Who is on a team's app, and with which permissions."""

from celadon.actions import team_app_collaborators
from celadon.actions.team_app_collaborators import OnApp
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.app import Permission
from celadon.model.errors import InvalidParams


def list_of(call: Call) -> Listing:
    found = team_app_collaborators.list_of(call.context, call.actor, call.app)
    by_email = {
        "email": lambda entry: entry.account.email,
        "id": lambda entry: shapes.collaborator_id(entry.app, entry.account),
    }
    return Listing(items=found, attributes=by_email, shape=shape)


def show(call: Call) -> Answer:
    found = team_app_collaborators.find(call.context, call.actor, call.app, call.params["collaborator"])
    return Answer(value=shape(found))


def create(call: Call) -> Answer:
    body = call.body()
    user = body.reference("user")
    if user is None:
        raise InvalidParams("cannot add anybody: give their address as `user`")
    wanted = body.texts("permissions")
    permissions = None if wanted is None else tuple(wanted)
    added = team_app_collaborators.add(call.context, call.actor, call.app, user, permissions)
    return Answer(value=shape(added), status=201)


def update(call: Call) -> Answer:
    wanted = call.body().texts("permissions")
    if wanted is None:
        raise InvalidParams(f"cannot change access: give `permissions`, a list of {', '.join(Permission)}")
    params = call.params
    changed = team_app_collaborators.update(call.context, call.actor, call.app, params["collaborator"], tuple(wanted))
    return Answer(value=shape(changed))


def destroy(call: Call) -> Answer:
    removed = team_app_collaborators.remove(call.context, call.actor, call.app, call.params["collaborator"])
    return Answer(value=shape(removed))


def shape(entry: OnApp) -> dict[str, object]:
    since = entry.collaborator.created_at if entry.collaborator else entry.app.created_at
    return {
        "app": shapes.app(entry.app),
        "created_at": shapes.instant(since),
        "id": shapes.collaborator_id(entry.app, entry.account),
        "permissions": [shapes.permission(Permission(name)) for name in sorted(entry.permissions)],
        "role": entry.role,
        "updated_at": shapes.instant(since),
        "user": {**shapes.user(entry.account), "federated": False},
    }
