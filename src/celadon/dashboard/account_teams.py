"""Teams: those that one is in, and one of them with its members and invitations."""

from celadon.actions import team_invitations, team_members, teams
from celadon.actions.team_members import Way
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.account_pages import HOME, Form, Step, account_page, answered
from celadon.dashboard.pages import told
from celadon.model.errors import InvalidParams
from celadon.model.team import TeamRole, role_of

_TEAMS = f"{HOME}/teams"


@told
def list_of(call: Call) -> Page:
    return _list(call)


@told
def create(call: Call) -> Page:
    return answered(call, {"create": _create}, _list)


@told
def show(call: Call) -> Page:
    return _team(call)


@told
def update(call: Call) -> Page:
    return answered(call, _STEPS, _team)


def _list(call: Call, status: int = 200, wrong: str = "", typed: Form | None = None) -> Page:
    found = teams.list_of(call.context, call.actor)
    return account_page(call, "teams", "account_teams.html", status, wrong, teams=found, typed=typed or {})


def _create(call: Call, form: Form) -> Page:
    team, _ = teams.create(call.context, call.actor, form.get("name", "").strip())
    return Page(status=303, location=f"{_TEAMS}/{team.name}")


def _team(call: Call, status: int = 200, wrong: str = "", typed: Form | None = None) -> Page:
    team, mine = teams.find(call.context, call.actor, call.params["team"])
    return account_page(
        call,
        "teams",
        "account_team.html",
        status,
        wrong,
        team=team,
        mine=mine,
        manages=call.actor.account.operator or (mine is not None and mine.role is TeamRole.ADMIN),
        members=team_members.list_of(call.context, call.actor, team.id),
        invited=team_invitations.list_of(call.context, call.actor, team.id),
        roles=list(TeamRole),
        typed=typed or {},
    )


def _role(call: Call, form: Form) -> str:
    role = role_of(form.get("role", ""))
    team_members.put(call.context, call.actor, call.params["team"], form.get("email", ""), role, Way.UPDATE)
    return "saved"


def _remove(call: Call, form: Form) -> str:
    team_members.remove(call.context, call.actor, call.params["team"], form.get("email", ""))
    return "removed"


def _leave(call: Call, form: Form) -> Page:
    team_members.remove(call.context, call.actor, call.params["team"], call.actor.account.id)
    return Page(status=303, location=f"{_TEAMS}?done=left")


def _invite(call: Call, form: Form) -> str:
    role, email = role_of(form.get("role", "")), form.get("email", "").strip()[:320]
    team_invitations.put(call.context, call.actor, call.params["team"], email, role)
    return "invited"


def _withdraw(call: Call, form: Form) -> str:
    team_invitations.revoke(call.context, call.actor, call.params["team"], form.get("id", ""))
    return "cancelled"


def _rename(call: Call, form: Form) -> Page:
    team, _ = teams.update(call.context, call.actor, call.params["team"], name=form.get("name", "").strip())
    return Page(status=303, location=f"{_TEAMS}/{team.name}?done=saved")


def _default(call: Call, form: Form) -> str:
    teams.update(call.context, call.actor, call.params["team"], default=form.get("default") == "yes")
    return "saved"


def _destroy(call: Call, form: Form) -> Page:
    """What cannot be undone asks for the name."""
    team, _ = teams.find(call.context, call.actor, call.params["team"])
    if form.get("confirm", "").strip() != team.name:
        raise InvalidParams(f"cannot delete the team {team.name}: type its name to confirm that")
    teams.destroy(call.context, call.actor, team.id)
    return Page(status=303, location=f"{_TEAMS}?done=removed")


_STEPS: dict[str, Step] = {
    "role": _role,
    "remove": _remove,
    "leave": _leave,
    "invite": _invite,
    "withdraw": _withdraw,
    "rename": _rename,
    "default": _default,
    "destroy": _destroy,
}
