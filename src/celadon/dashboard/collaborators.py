"""Who has access to an app: its owner, collaborators and who is invited; on a team's app each with permissions."""

from collections.abc import Mapping
from dataclasses import dataclass

from celadon.actions import apps, collaborators, team_app_collaborators, teams
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.pages import Shown, app_page, shown, told
from celadon.model.app import COLLABORATORS, Permission
from celadon.model.errors import CeladonError, InvalidParams, NotFound
from celadon.model.team import Team

MEANINGS: Mapping[Permission, str] = {
    Permission.VIEW: "see the app, its dynos, logs and releases",
    Permission.DEPLOY: "push code, and read and set config vars",
    Permission.OPERATE: "scale, restart, run commands, domains, free add-ons",
    Permission.MANAGE: "rename, transfer and delete it, paid add-ons, who has access",
}

# So many are shown.
_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """`removable`: by who looks at the page. `fixed`: what they may do cannot be changed on this app."""

    email: str
    role: str
    permissions: tuple[str, ...]
    me: bool
    removable: bool
    fixed: bool


@told
def show(call: Call) -> Page:
    return _page(call, shown(call))


@told
def change(call: Call) -> Page:
    """Add somebody, change what they may do, or end their access; who leaves sees the list of apps next."""
    found, form = shown(call), call.form()
    team, email = _team(call, found), form.get("email", "").strip()
    steps = {"add": _add, "update": _update, "remove": _remove}
    step = form.get("step", "")
    try:
        if step not in steps:
            raise NotFound("step", "Couldn't find that step: go back and use the page's buttons.")
        if not email:
            raise InvalidParams("cannot tell who is meant: give an e-mail address")
        steps[step](call, found, team, email)
    except CeladonError as error:
        return _page(call, found, error.status, error.message)
    left = step == "remove" and email.lower() == call.actor.account.email and not _sees(call, found)
    return Page(status=303, location="/dashboard" if left else _path(found))


def _path(found: Shown) -> str:
    return f"/dashboard/apps/{found.app.name}/access"


def _sees(call: Call, found: Shown) -> bool:
    try:
        apps.find(call.context, call.actor, found.app.id)
    except NotFound:
        return False
    return True


def _team(call: Call, found: Shown) -> Team | None:
    return teams.of_apps(call.context, {found.app.owner_id}).get(found.app.owner_id)


def _add(call: Call, found: Shown, team: Team | None, email: str) -> None:
    if team:
        team_app_collaborators.add(call.context, call.actor, found.app.id, email, _permissions(call.form()))
    else:
        collaborators.add(call.context, call.actor, found.app.id, email, silent=False)


def _update(call: Call, found: Shown, team: Team | None, email: str) -> None:
    if team is None:
        raise InvalidParams("cannot change what collaborators of a person's app may do: all of them may the same")
    team_app_collaborators.update(call.context, call.actor, found.app.id, email, _permissions(call.form()))


def _remove(call: Call, found: Shown, team: Team | None, email: str) -> None:
    if team:
        team_app_collaborators.remove(call.context, call.actor, found.app.id, email)
    else:
        collaborators.remove(call.context, call.actor, found.app.id, email)


def _permissions(form: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(permission for permission in Permission if form.get(f"may:{permission}"))


def _page(call: Call, found: Shown, status: int = 200, wrong: str = "") -> Page:
    team, may = _team(call, found), apps.allowed(call.context, call.actor, found.app.id)
    shares = ("app:share" if team else "collaborator:update") in may
    form = call.form() if wrong else {}
    typed = form if form.get("step") == "add" else {}
    chosen = _permissions(typed) if typed else COLLABORATORS
    people = _of_team(call, found, shares) if team else _of_person(call, found, shares)
    return app_page(
        call,
        found,
        "access",
        "access.html",
        status,
        wrong,
        team=team,
        people=people[:_SHOWN],
        left=len(people[_SHOWN:]),
        waiting=collaborators.waiting(call.context, call.actor, found.app.id)[:_SHOWN] if shares and not team else [],
        shares=shares,
        typed=typed.get("email", "")[:320],
        chosen=chosen,
        meanings=MEANINGS,
        mailed=bool(call.settings.smtp_url),
    )


def _of_person(call: Call, found: Shown, shares: bool) -> list[Person]:
    me = call.actor.account.id
    return [
        Person(
            email=account.email,
            role=role,
            permissions=tuple(Permission) if role == "owner" else COLLABORATORS,
            me=account.id == me,
            removable=role != "owner" and (shares or account.id == me),
            fixed=True,
        )
        for account, role in apps.collaborators(call.context, call.actor, found.app.id)
    ]


def _of_team(call: Call, found: Shown, shares: bool) -> list[Person]:
    me = call.actor.account.id
    return [
        Person(
            email=one.account.email,
            role=one.role,
            permissions=one.permissions,
            me=one.account.id == me,
            # The team's admins may everything, whatever they were given here.
            removable=bool(one.collaborator) and one.role != "admin" and (shares or one.account.id == me),
            fixed=one.collaborator is None or one.role == "admin" or not shares,
        )
        for one in team_app_collaborators.list_of(call.context, call.actor, found.app.id)
        if one.role != "owner"
    ]
