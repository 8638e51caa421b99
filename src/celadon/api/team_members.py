"""Members of a team."""

from celadon.actions import team_members
from celadon.actions.team_members import Way
from celadon.api import shapes, team_apps
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.model import team as rules
from celadon.model.account import Account
from celadon.model.team import TeamMember


def list_of(call: Call) -> Listing:
    found = team_members.list_of(call.context, call.actor, call.params["team"])
    by_email = {"email": lambda entry: entry[1].email, "id": lambda entry: entry[0].id}
    return Listing(items=found, attributes=by_email, shape=lambda entry: shape(*entry))


def create(call: Call) -> Answer:
    return _put(call, Way.CREATE, 201)


def update(call: Call) -> Answer:
    return _put(call, Way.UPDATE)


def put(call: Call) -> Answer:
    return _put(call, Way.EITHER)


def _put(call: Call, way: Way, status: int = 200) -> Answer:
    body = call.body()
    email, role = body.needed_text("email"), rules.role_of(body.needed_text("role"))
    found = team_members.put(call.context, call.actor, call.params["team"], email, role, way)
    return answer(*found, status=status)


def destroy(call: Call) -> Answer:
    return answer(*team_members.remove(call.context, call.actor, call.params["team"], call.params["member"]))


def list_apps(call: Call) -> Listing:
    params = call.params
    return team_apps.listing(call, team_members.app_names(call.context, call.actor, params["team"], params["member"]))


def answer(member: TeamMember, account: Account, status: int = 200) -> Answer:
    return Answer(value=shape(member, account), status=status, changed_at=member.updated_at)


def shape(member: TeamMember, account: Account) -> dict[str, object]:
    return {
        "created_at": shapes.instant(member.created_at),
        "email": account.email,
        "federated": False,
        "id": member.id,
        "identity_provider": None,
        "role": member.role,
        "two_factor_authentication": account.two_factor,
        "updated_at": shapes.instant(member.updated_at),
        "user": {**shapes.user(account), "name": account.name},
    }
