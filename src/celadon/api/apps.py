"""Apps."""

from collections.abc import Sequence

from celadon.actions import apps
from celadon.api import account, ranges, shapes
from celadon.api.answer import Answer, Listing, Part
from celadon.api.request import Call
from celadon.model import stack as stacks
from celadon.model.account import Account
from celadon.model.app import App
from celadon.model.range import Range
from celadon.model.team import Team
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


# Of apps by their names and ids, and of apps with their owners.
NAMES = {"name": lambda named: named[0], "id": lambda named: named[1]}
_OWNED = {"name": lambda owned: owned[0].name, "id": lambda owned: owned[0].id}


def list_visible(call: Call) -> Listing:
    return _listing(call, shared_only=False)


def list_of_user(call: Call) -> Listing:
    account.require_self(call)
    return _listing(call, shared_only=True)


def _listing(call: Call, *, shared_only: bool) -> Listing:
    def read(wanted: Range) -> Part:
        inside = apps.list_visible(call.context, call.actor, wanted, shared_only=shared_only)
        whole = wanted.first is None and wanted.last is None
        return ranges.part_of(inside, _OWNED[wanted.attribute], wanted, whole=whole)

    return Listing(attributes=_OWNED, shape=lambda owned: shape(call.settings, *owned), read=read)


def show(call: Call) -> Answer:
    return answer(call, apps.find(call.context, call.actor, call.app))


def update(call: Call) -> Answer:
    body = call.body()
    stacks.check(body.reference("build_stack"), "build on")
    # Null takes the link away, as an empty text does.
    link = body.text("repository_url") or ("" if "repository_url" in body.values else None)
    app = apps.update(
        call.context,
        call.actor,
        call.app,
        name=body.text("name"),
        maintenance=body.flag("maintenance"),
        repository_url=link,
    )
    return answer(call, app)


def destroy(call: Call) -> Answer:
    app = apps.find(call.context, call.actor, call.app)
    return answer(call, apps.destroy(call.context, call.actor, app.id))


def answer(call: Call, app: App, status: int = 200) -> Answer:
    """The app as the answer to a change of it."""
    if app.owner_id == call.actor.account.id:
        value = shape(call.settings, app, call.actor.account)
    else:
        ((_, value),) = shapes_of(call, [app])
    return Answer(value=value, status=status, changed_at=app.updated_at)


def shapes_of(call: Call, found: Sequence[App]) -> list[tuple[App, dict[str, object]]]:
    """These apps, each with its JSON."""
    return [(owned[0], shape(call.settings, *owned)) for owned in apps.owned(call.context, found)]


def shape(settings: Settings, app: App, owner: Account, team: Team | None = None) -> dict[str, object]:
    """An app; `team` is the one that owns it, by its account."""
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
        "organization": shapes.team(team) if team else None,
        "owner": shapes.user(owner),
        "region": shapes.region(app.region),
        "repository_url": app.repository_url,
        "released_at": shapes.instant_or_none(app.released_at),
        "repo_size": app.repo_size,
        "slug_size": app.slug_size,
        "space": None,
        "stack": shapes.stack(app.stack),
        "team": shapes.team(team) if team else None,
        "updated_at": shapes.instant(app.updated_at),
        "web_url": settings.web_url(app.name),
    }
