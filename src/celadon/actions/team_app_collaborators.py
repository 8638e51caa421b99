"""Who is on a team's app: joining it, giving and taking permissions."""

from typing import NamedTuple

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.actions.team_apps import app_of_team
from celadon.model import app as rules
from celadon.model.account import Account, Actor
from celadon.model.app import App, Collaborator, Permission
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.team import Team, TeamRole
from celadon.store import accounts, apps, changes, events, teams
from celadon.store.database import Transaction


class OnApp(NamedTuple):
    """Somebody on an app. `role`: owner (the team itself), what they are in the team, or collaborator."""

    app: App
    account: Account
    role: str
    permissions: tuple[str, ...]
    collaborator: Collaborator | None


def list_of(context: Context, actor: Actor, app_name: str) -> list[OnApp]:
    """The team first, its admins, then who joined or was added. Raises NotFound."""
    with context.database.read() as tx:
        app, team = app_of_team(tx, actor, app_name, "app:read")
        return _list(tx, app, team)


def _list(tx: Transaction, app: App, team: Team) -> list[OnApp]:
    members = {member.account_id: member.role for member in teams.members(tx, team.id)}
    admins = [account_id for account_id, role in members.items() if role is TeamRole.ADMIN]
    given = {collaborator.account_id: collaborator for collaborator in apps.collaborators(tx, app.id)}
    people = accounts.by_ids(tx, {team.account_id, *admins, *given})
    found = [OnApp(app, people[team.account_id], "owner", tuple(Permission), None)]
    for account_id in dict.fromkeys([*admins, *given]):
        collaborator = given.get(account_id)
        role = members.get(account_id)
        # What they were given, not what they could do without: every member of an open app works on it.
        held = tuple(Permission) if role is TeamRole.ADMIN or not collaborator else collaborator.permissions
        found.append(OnApp(app, people[account_id], role or "collaborator", held, collaborator))
    return found


def find(context: Context, actor: Actor, app_name: str, email_or_id: str) -> OnApp:
    """Raises NotFound."""
    with context.database.read() as tx:
        app, team = app_of_team(tx, actor, app_name, "app:read")
        return _find(tx, app, team, email_or_id)


def _find(tx: Transaction, app: App, team: Team, email_or_id: str) -> OnApp:
    for entry in _list(tx, app, team):
        if email_or_id.lower() in (entry.account.email, entry.account.id):
            return entry
    raise NotFound("collaborator", f"Couldn't find that collaborator: {email_or_id[:80]} is not on {app.name}.")


def add(
    context: Context, actor: Actor, app_name: str, email_or_id: str, permissions: tuple[str, ...] | None = None
) -> OnApp:
    """Give somebody who has an account permissions on a team's app; a member may so join an app that is not locked.

    Without permissions: what every member has. Raises NotFound, Forbidden, InvalidParams.
    """
    with context.database.transaction() as tx:
        app, team = app_of_team(tx, actor, app_name, "app:read")
        account = accounts.find_by_email_or_id(tx, email_or_id)
        if not (account and account.id == actor.account.id and permissions is None and _may_join(tx, actor, team)):
            access.app_for(tx, actor, app.id, "app:share")
        if account is None:
            raise InvalidParams(
                f"cannot add {email_or_id[:80]} to {app.name}: nobody has an account with this address; invite them to "
                f"the team (members:add {email_or_id[:80]} --team {team.name}), or let them make an account first"
            )
        if apps.is_collaborator(tx, app.id, account.id):
            raise InvalidParams(f"cannot add {account.email}: they are on {app.name} already; use access:update")
        wanted = rules.COLLABORATORS if permissions is None else rules.check_permissions(permissions)
        apps.add_collaborator(
            tx, Collaborator(app_id=app.id, account_id=account.id, created_at=now(), permissions=wanted)
        )
        _tell(tx, actor, app, "collaborator:create", account, f"Add {account.email} ({', '.join(wanted)})")
        return _find(tx, app, team, account.email)


def _may_join(tx: Transaction, actor: Actor, team: Team) -> bool:
    """Whether somebody who sees the app may put themselves on it: who works in the team. It is locked to others."""
    access.require_write(actor)
    return access.team_role_of(tx, actor, team) in (TeamRole.ADMIN, TeamRole.MEMBER)


def update(context: Context, actor: Actor, app_name: str, email_or_id: str, permissions: tuple[str, ...]) -> OnApp:
    """Give other permissions. Raises NotFound, Forbidden, InvalidParams."""
    wanted = rules.check_permissions(permissions)
    with context.database.transaction() as tx:
        app, team = app_of_team(tx, actor, app_name, "app:share")
        found = _find(tx, app, team, email_or_id)
        if found.collaborator is None:
            raise InvalidParams(
                f"cannot change what {found.account.email} may do: admins of {team.name} may everything"
            )
        apps.set_permissions(tx, app.id, found.account.id, wanted)
        _tell(
            tx, actor, app, "collaborator:update", found.account, f"Update {found.account.email} ({', '.join(wanted)})"
        )
        return _find(tx, app, team, found.account.email)


def remove(context: Context, actor: Actor, app_name: str, email_or_id: str) -> OnApp:
    """Take somebody's permissions on the app, or leave it. Raises NotFound, Forbidden."""
    with context.database.transaction() as tx:
        app, team = app_of_team(tx, actor, app_name, "app:read")
        found = _find(tx, app, team, email_or_id)
        if found.account.id != actor.account.id:
            access.app_for(tx, actor, app.id, "app:share")
        else:
            access.require_write(actor)
        if found.collaborator is None:
            raise Forbidden(
                f"cannot remove {found.account.email} from {app.name}: they have access as admins of the team {team.name}"
            )
        apps.delete_collaborators(tx, app_id=app.id, account_ids=[found.account.id])
        _tell(tx, actor, app, "collaborator:destroy", found.account, f"Remove {found.account.email}")
    return found


def _tell(tx: Transaction, actor: Actor, app: App, action: str, account: Account, line: str) -> None:
    events.insert(
        tx,
        action,
        app_id=app.id,
        by=actor,
        resource_id=account.id,
        payload={"email": account.email},
        line=f"{line} by user {actor.email}",
    )
    changes.record(tx, "app", app.id)
