"""Apps."""

from collections.abc import Sequence

from celadon.actions import apps
from celadon.api import account, shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.account import Account
from celadon.model.app import App
from celadon.model.errors import InvalidParams
from celadon.platform.settings import Settings


def create(call: Call) -> Answer:
    body = call.body()
    app = apps.create(
        call.context,
        call.actor,
        name=body.text("name"),
        region=body.reference("region"),
        stack=body.reference("stack"),
    )
    return answer(call, app, 201)


_NAMES = {"name": lambda named: named[0], "id": lambda named: named[1]}


def list_visible(call: Call) -> Listing:
    names = apps.names_visible(call.context, call.actor)
    return Listing(items=names, attributes=_NAMES, shape=dict, fetch=lambda chosen: _fetch(call, chosen))


def _fetch(call: Call, chosen: Sequence[tuple[str, str]]) -> list[dict[str, object]]:
    """The chosen apps in their order, without those destroyed in the meantime."""
    found = apps.list_visible(call.context, call.actor, only=[app_id for _, app_id in chosen])
    owners = apps.owners(call.context, found)
    shaped = {app.id: shape(call.settings, app, owners[app.owner_id]) for app in found}
    return [shaped[app_id] for _, app_id in chosen if app_id in shaped]


def list_of_user(call: Call) -> Listing:
    account.require_self(call)
    return list_visible(call)


def show(call: Call) -> Answer:
    return answer(call, apps.find(call.context, call.actor, call.app))


def update(call: Call) -> Answer:
    body = call.body()
    stack = body.reference("build_stack")
    if stack not in (None, shapes.STACK):
        raise InvalidParams(f"cannot build on stack {str(stack)[:40]!r}: the only stack here is {shapes.STACK}")
    app = apps.update(call.context, call.actor, call.app, name=body.text("name"), maintenance=body.flag("maintenance"))
    return answer(call, app)


def destroy(call: Call) -> Answer:
    app = apps.find(call.context, call.actor, call.app)
    return answer(call, apps.destroy(call.context, call.actor, app.id))


def answer(call: Call, app: App, status: int = 200) -> Answer:
    """The app as the answer to a change of it."""
    me = call.actor.account
    owner = me if app.owner_id == me.id else apps.owners(call.context, [app])[app.owner_id]
    return Answer(value=shape(call.settings, app, owner), status=status, changed_at=app.updated_at)


def shape(settings: Settings, app: App, owner: Account) -> dict[str, object]:
    return {
        "acm": app.acm,
        "archived_at": None,
        "build_stack": shapes.stack(app.stack),
        "buildpack_provided_description": app.buildpack_provided_description,
        "create_status": "complete",
        "created_at": shapes.instant(app.created_at),
        "generation": shapes.generation(),
        "git_url": settings.git_url(app.name),
        "id": app.id,
        "internal_routing": None,
        "maintenance": app.maintenance,
        "name": app.name,
        "organization": None,
        "owner": shapes.user(owner),
        "region": shapes.region(app.region),
        "released_at": shapes.instant_or_none(app.released_at),
        "repo_size": app.repo_size,
        "slug_size": app.slug_size,
        "space": None,
        "stack": shapes.stack(app.stack),
        "team": None,
        "updated_at": shapes.instant(app.updated_at),
        "web_url": settings.web_url(app.name),
    }
