"""Teams: create, rename, delete; which one an account means when it names none."""

import uuid

import sqlalchemy as sa

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model import team as rules
from celadon.model.account import Account, Actor
from celadon.model.errors import Forbidden, InvalidParams
from celadon.model.team import Team, TeamMember, TeamRole
from celadon.store import accounts, apps, changes, events, teams
from celadon.store.database import Transaction


def list_of(context: Context, actor: Actor) -> list[tuple[Team, TeamMember]]:
    """The teams the actor is in, by name, each with what they are there."""
    access.require_scope(actor, access.TEAM_PERMISSIONS["team:read"][1])
    with context.database.read() as tx:
        return teams.list_of(tx, actor.account.id)


def find(context: Context, actor: Actor, name_or_id: str) -> tuple[Team, TeamMember | None]:
    """The team and what the actor is in it (None for an operator who is not); raises NotFound."""
    with context.database.read() as tx:
        team = access.team_for(tx, actor, name_or_id, "team:read")
        return team, teams.member(tx, team.id, actor.account.id)


def check(context: Context, actor: Actor, name_or_id: str, permission: str) -> None:
    """Raises NotFound, Forbidden unless the actor may do this with the team."""
    with context.database.transaction() as tx:
        access.team_for(tx, actor, name_or_id, permission)


def of_apps(context: Context, owner_ids: set[str]) -> dict[str, Team]:
    """Owner's account id → team, for those of these owners that are teams."""
    with context.database.read() as tx:
        return teams.by_accounts(tx, owner_ids)


def default_of(context: Context, account_id: str) -> Team | None:
    """The team an account means when it names none."""
    with context.database.read() as tx:
        return teams.default_of(tx, account_id)


def create(context: Context, actor: Actor, name: str) -> tuple[Team, TeamMember]:
    """Make a team; the actor is its first admin. Raises InvalidParams, Forbidden."""
    access.require_account_write(actor)
    rules.check_name(name)
    try:
        with context.database.transaction() as tx:
            accounts.lock(tx, actor.account.id)
            if teams.count_led(tx, actor.account.id) >= rules.MOST_TEAMS and not actor.account.operator:
                raise Forbidden(
                    f"cannot create {name}: you are an admin of {rules.MOST_TEAMS} teams already, which is the limit"
                )
            account = _account(name)
            accounts.insert(tx, account)
            team = Team(id=str(uuid.uuid4()), name=name, account_id=account.id, created_at=now(), updated_at=now())
            teams.insert(tx, team)
            member = new_member(team, actor.account.id, TeamRole.ADMIN)
            teams.insert_member(tx, member)
            events.insert(tx, "team:create", by=actor, resource_id=team.id, payload={"name": name})
            changes.record(tx, "team")
            return team, member
    except sa.exc.IntegrityError:
        raise InvalidParams(f"Name {name} is already taken") from None


def _account(name: str) -> Account:
    """What owns the team's apps: no password fits it, and nobody finds it by its address."""
    return Account(
        id=str(uuid.uuid4()),
        email=rules.address(name),
        name=None,
        password_hash="",
        operator=False,
        verified=False,
        created_at=now(),
        updated_at=now(),
    )


def new_member(team: Team, account_id: str, role: TeamRole) -> TeamMember:
    return TeamMember(
        id=str(uuid.uuid4()),
        team_id=team.id,
        account_id=account_id,
        role=role,
        is_default=False,
        created_at=now(),
        updated_at=now(),
    )


def update(
    context: Context, actor: Actor, name_or_id: str, *, name: str | None = None, default: bool | None = None
) -> tuple[Team, TeamMember | None]:
    """Rename the team, which admins may; or let it be the one the actor means. Raises InvalidParams, Forbidden."""
    try:
        with context.database.transaction() as tx:
            team = access.team_for(tx, actor, name_or_id, "team:leave" if name is None else "team:manage")
            if name is not None and name != team.name:
                teams.update(tx, team.id, now=now(), name=rules.check_name(name))
                accounts.update(tx, team.account_id, now=now(), email=rules.address(name))
                events.insert(tx, "team:update", by=actor, resource_id=team.id, payload={"name": name})
            if default is not None:
                _choose(tx, actor, team, default)
            changes.record(tx, "team")
    except sa.exc.IntegrityError:
        raise InvalidParams(f"Name {name} is already taken") from None
    return find(context, actor, team.id)


def _choose(tx: Transaction, actor: Actor, team: Team, default: bool) -> None:
    member = teams.member(tx, team.id, actor.account.id)
    if member is None:
        raise Forbidden(f"cannot make {team.name} your default: you are not a member of it")
    if default or member.is_default:
        teams.choose(tx, actor.account.id, team.id if default else None)


def destroy(context: Context, actor: Actor, name_or_id: str) -> tuple[Team, TeamMember | None]:
    """Delete a team that has no apps; its name is free. Raises NotFound, Forbidden, InvalidParams."""
    with context.database.transaction() as tx:
        team = access.team_for(tx, actor, name_or_id, "team:manage")
        member = teams.member(tx, team.id, actor.account.id)
        if left := apps.names_owned(tx, team.account_id):
            shown = ", ".join(name for name, _ in left[:3]) + (", …" if len(left) > 3 else "")
            raise InvalidParams(
                f"cannot delete the team {team.name}: it owns {len(left)} app{'s' * (len(left) > 1)} ({shown}). Transfer "
                "them (apps:transfer) or destroy them first"
            )
        teams.delete(tx, team.id)
        # The row stays, as destroyed apps and events name it; no team's name is as long as an id.
        accounts.update(tx, team.account_id, now=now(), email=rules.address(team.account_id), deleted_at=now())
        events.insert(tx, "team:destroy", by=actor, resource_id=team.id, payload={"name": team.name})
        changes.record(tx, "team")
    return team, member
