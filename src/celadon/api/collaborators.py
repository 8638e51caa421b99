"""Collaborators: who has access to an app, its owner first."""

from celadon.actions import apps, collaborators
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.account import Account
from celadon.model.app import App
from celadon.model.errors import NotFound

_PERMISSIONS = {
    "deploy": "Can push code and change config vars, buildpacks and releases.",
    "manage": "Can rename, transfer and destroy the app, and say who else has access.",
    "operate": "Can scale, restart and run dynos.",
    "view": "Can see the app, its dynos and its logs.",
}
_OF_ROLE = {"owner": ("deploy", "manage", "operate", "view"), "collaborator": ("deploy", "operate", "view")}


def list_of(call: Call) -> Listing:
    app = apps.find(call.context, call.actor, call.app)
    found = apps.collaborators(call.context, call.actor, app.id)
    by_email = {"email": lambda person: person[0].email, "id": lambda person: _id(app, person[0])}
    return Listing(items=found, attributes=by_email, shape=lambda person: shape(app, *person))


def show(call: Call) -> Answer:
    app = apps.find(call.context, call.actor, call.app)
    wanted = call.params["collaborator"].lower()
    for account, role in apps.collaborators(call.context, call.actor, app.id):
        if wanted in (account.email, account.id, _id(app, account)):
            return Answer(value=shape(app, account, role), changed_at=app.created_at)
    raise NotFound("collaborator")


def create(call: Call) -> Answer:
    body = call.body()
    person, silent = body.needed_reference("user"), bool(body.flag("silent"))
    app, account = collaborators.add(call.context, call.actor, call.app, person, silent=silent)
    warning = None
    if not account.password_hash:
        warning = ("invited", f"{account.email} has no account yet: an invitation is on its way by mail.")
    return Answer(value=shape(app, account, "collaborator"), status=201, warning=warning)


def destroy(call: Call) -> Answer:
    wanted = call.params["collaborator"]
    app = apps.find(call.context, call.actor, call.app)
    for account, _ in apps.collaborators(call.context, call.actor, app.id):
        if wanted == _id(app, account):
            wanted = account.id
    app, account = collaborators.remove(call.context, call.actor, call.app, wanted)
    return Answer(value=shape(app, account, "collaborator"))


def _id(app: App, account: Account) -> str:
    return shapes.fixed_id("collaborator", app.id, account.id)


def shape(app: App, account: Account, role: str) -> dict[str, object]:
    return {
        "app": shapes.app(app),
        "created_at": shapes.instant(app.created_at),
        "id": _id(app, account),
        "permissions": [{"name": name, "description": _PERMISSIONS[name]} for name in _OF_ROLE[role]],
        "role": role,
        "updated_at": shapes.instant(app.created_at),
        "user": {**shapes.user(account), "federated": False},
    }
