"""Teams, with their features and preferences."""

from celadon.actions import allowed_addon_services, team_apps, teams
from celadon.api import shapes
from celadon.api.answer import BY_NAME, Answer, Listing
from celadon.api.request import Call
from celadon.model.app import Permission
from celadon.model.errors import NotFound
from celadon.model.feature import TEAM_FEATURES, Feature
from celadon.model.team import Team, TeamMember

_NAMES = {"name": BY_NAME["name"]}


def list_of(call: Call) -> Listing:
    found = teams.list_of(call.context, call.actor)
    by_name = {"name": lambda entry: entry[0].name, "id": lambda entry: entry[0].id}
    return Listing(items=found, attributes=by_name, shape=lambda entry: shape(*entry))


def show(call: Call) -> Answer:
    return _answer(*teams.find(call.context, call.actor, call.params["team"]))


def create(call: Call) -> Answer:
    return _answer(*teams.create(call.context, call.actor, call.body().needed_text("name")), status=201)


def update(call: Call) -> Answer:
    body = call.body()
    name, default = body.text("name"), body.flag("default")
    return _answer(*teams.update(call.context, call.actor, call.params["team"], name=name, default=default))


def destroy(call: Call) -> Answer:
    return _answer(*teams.destroy(call.context, call.actor, call.params["team"]))


def list_features(call: Call) -> Listing:
    team, _ = teams.find(call.context, call.actor, call.params["team"])
    return Listing(items=TEAM_FEATURES, attributes=_NAMES, shape=lambda feature: _feature(team, feature))


def show_feature(call: Call) -> Answer:
    team, _ = teams.find(call.context, call.actor, call.params["team"])
    for feature in TEAM_FEATURES:
        if call.params["feature"] in (feature.name, _feature_id(team, feature)):
            return Answer(value=_feature(team, feature))
    raise NotFound("team_feature")


def show_preferences(call: Call) -> Answer:
    team, _ = teams.find(call.context, call.actor, call.params["team"])
    return Answer(value={"addons-controls": team.addons_controls, "default-permission": None})


def update_preferences(call: Call) -> Answer:
    teams.check(call.context, call.actor, call.params["team"], "team:manage")
    if (controls := call.body().flag("addons-controls")) is not None:
        allowed_addon_services.control(call.context, call.actor, call.params["team"], on=controls)
    return show_preferences(call)


def list_permissions(call: Call) -> Listing:
    """What a person may be given on an app of a team."""
    return Listing(items=tuple(Permission), attributes={"name": str}, shape=shapes.permission)


def list_entities(call: Call) -> Listing:
    team, found = team_apps.entities(call.context, call.actor, call.params["team"])
    by_name = {"name": lambda entry: entry[0].name, "id": lambda entry: entry[0].id}
    return Listing(
        items=found,
        attributes=by_name,
        shape=lambda entry: {
            **shapes.app(entry[0]),
            "team_id": team.id,
            "type": "app",
            "users": [{**shapes.user(account), "permissions": list(held)} for account, held in entry[1]],
        },
    )


def _answer(team: Team, member: TeamMember | None, status: int = 200) -> Answer:
    return Answer(value=shape(team, member), status=status, changed_at=team.updated_at)


def shape(team: Team, member: TeamMember | None) -> dict[str, object]:
    """A team as somebody in it sees it."""
    return {
        "created_at": shapes.instant(team.created_at),
        "credit_card_collections": False,
        "default": member.is_default if member else False,
        "enterprise_account": None,
        "id": team.id,
        "identity_provider": None,
        "membership_limit": None,
        "name": team.name,
        "provisioned_licenses": False,
        "role": member.role if member else None,
        "type": "team",
        "updated_at": shapes.instant(team.updated_at),
    }


def _feature_id(team: Team, feature: Feature) -> str:
    return shapes.fixed_id("feature", team.id, feature.name)


def _feature(team: Team, feature: Feature) -> dict[str, object]:
    return {
        "created_at": shapes.instant(team.created_at),
        "description": feature.description,
        "display_name": feature.name,
        "doc_url": "",
        "enabled": feature.on,
        "feedback_email": "",
        "id": _feature_id(team, feature),
        "name": feature.name,
        "state": "general",
        "updated_at": shapes.instant(team.created_at),
    }
