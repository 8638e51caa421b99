"""Apps of teams: as apps are, and whether they are locked and joined."""

from collections.abc import Sequence

from celadon.actions import apps as owned
from celadon.actions import team_apps, teams
from celadon.api import apps
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model.errors import InvalidParams


def list_of(call: Call) -> Listing:
    return listing(call, team_apps.names(call.context, call.actor, call.params["team"]))


def listing(call: Call, names: list[tuple[str, str]]) -> Listing:
    """Apps of one team, found by name and id."""
    return Listing(items=names, attributes=apps.NAMES, shape=dict, fetch=lambda chosen: _fetch(call, chosen))


def _fetch(call: Call, chosen: Sequence[tuple[str, str]]) -> list[dict[str, object]]:
    found, joined = team_apps.by_ids(call.context, call.actor, [app_id for _, app_id in chosen])
    shaped = {
        app.id: {**value, "locked": app.locked, "joined": app.id in joined}
        for app, value in apps.shapes_of(call, found)
    }
    return [shaped[app_id] for _, app_id in chosen if app_id in shaped]


def create(call: Call) -> Answer:
    """In the team that is named, else the actor's default one; `personal` is for themselves."""
    body = call.body()
    if body.reference("space") or body.flag("internal_routing"):
        raise InvalidParams("cannot create an app in a private space: there are none here, leave `space` out")
    team = body.reference("team")
    if team is None and not body.flag("personal"):
        default = teams.default_of(call.context, call.actor.account.id)
        team = default.id if default else None
    app = owned.create(
        call.context,
        call.actor,
        name=body.text("name"),
        region=body.reference("region"),
        stack=body.reference("stack"),
        team=team,
        locked=bool(team and body.flag("locked")),
    )
    return _answer(call, app.id, 201)


def show(call: Call) -> Answer:
    app, _ = team_apps.find(call.context, call.actor, call.app)
    return _answer(call, app.id)


def update(call: Call) -> Answer:
    """Hand the app over (`owner`), and lock or unlock it (`locked`)."""
    body = call.body()
    owner, locked = body.reference("owner"), body.flag("locked")
    if owner is None and locked is None:
        raise InvalidParams("cannot change the app: give `locked` as true or false, or its new `owner`")
    app_id = owned.find(call.context, call.actor, call.app).id
    if owner is not None:
        team_apps.transfer(call.context, call.actor, app_id, owner)
    if locked is not None:
        team_apps.lock(call.context, call.actor, app_id, locked)
    return _answer(call, app_id)


def _answer(call: Call, app_id: str, status: int = 200) -> Answer:
    """The app as it is now; who gave it away may not see it any more, and is told all the same."""
    (app,), joined = team_apps.by_ids(call.context, call.actor, [app_id])
    ((_, value),) = apps.shapes_of(call, [app])
    value |= {"locked": app.locked, "joined": app.id in joined}
    return Answer(value=value, status=status, changed_at=app.updated_at)
