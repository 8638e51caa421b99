"""Members of a team: who they are, adding, changing and removing them."""

from enum import StrEnum

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.actions.teams import new_member
from celadon.model import team as rules
from celadon.model.account import Account, Actor
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.team import Team, TeamMember, TeamRole
from celadon.store import accounts, apps, changes, events, teams
from celadon.store.database import Transaction


class Way(StrEnum):
    """What is to be there before: nobody, a member, or either."""

    CREATE = "create"
    UPDATE = "update"
    EITHER = "either"


def list_of(context: Context, actor: Actor, team_name: str) -> list[tuple[TeamMember, Account]]:
    """Raises NotFound."""
    with context.database.read() as tx:
        team = access.team_for(tx, actor, team_name, "team:read")
        found = teams.members(tx, team.id)
        people = accounts.by_ids(tx, {member.account_id for member in found})
        return [(member, people[member.account_id]) for member in found]


def put(
    context: Context, actor: Actor, team_name: str, email: str, role: TeamRole, way: Way
) -> tuple[TeamMember, Account]:
    """Add somebody who has an account, or change what they are; raises InvalidParams, NotFound, Forbidden."""
    with context.database.transaction() as tx:
        team = access.team_for(tx, actor, team_name, "team:manage")
        account = accounts.find_by_email(tx, email)
        present = teams.member(tx, team.id, account.id) if account else None
        if way is Way.UPDATE and present is None:
            raise NotFound("team_member", f"Couldn't find that team member: {email[:80]} is not in {team.name}.")
        if account is None:
            raise InvalidParams(
                f"cannot add {email[:80]}: nobody has an account with this address, invite them instead"
            )
        if way is Way.CREATE and present is not None:
            raise InvalidParams(f"cannot add {account.email}: they are in {team.name} already, as {present.role}")
        if present is None:
            join(tx, actor, team, account, role)
        else:
            _change(tx, actor, team, present, role)
        changes.record(tx, "team")
        member = teams.member(tx, team.id, account.id)
    assert member is not None
    return member, account


def join(tx: Transaction, actor: Actor, team: Team, account: Account, role: TeamRole) -> TeamMember:
    """Make an account a member; what it was invited to be is over."""
    check_room(tx, team)
    member = new_member(team, account.id, role)
    teams.insert_member(tx, member)
    teams.delete_invitation(tx, team.id, account.email)
    payload = {"team": team.name, "email": account.email, "role": role}
    events.insert(tx, "team-member:create", by=actor, resource_id=team.id, payload=payload)
    return member


def check_room(tx: Transaction, team: Team) -> None:
    """Raises InvalidParams when the team is full."""
    if teams.count_members(tx, team.id) >= rules.MOST_MEMBERS:
        raise InvalidParams(
            f"cannot add anybody to {team.name}: it has {rules.MOST_MEMBERS} members and invitations, which is the limit"
        )


def _change(tx: Transaction, actor: Actor, team: Team, member: TeamMember, role: TeamRole) -> None:
    rules.check_admin_stays(team, teams.count_admins(tx, team.id), member.role, role)
    teams.update_member(tx, member.id, now=now(), role=role)
    if role is TeamRole.VIEWER and member.role is not TeamRole.VIEWER:
        # Viewers look: what they were given to work with goes.
        apps.delete_collaborators(tx, owner_id=team.account_id, account_ids=[member.account_id])
    payload = {"team": team.name, "account": member.account_id, "role": role}
    events.insert(tx, "team-member:update", by=actor, resource_id=team.id, payload=payload)


def remove(context: Context, actor: Actor, team_name: str, email_or_id: str) -> tuple[TeamMember, Account]:
    """Take somebody out, which admins may, and everybody themselves: all access to the team's apps ends at once.

    Raises NotFound, Forbidden when no admin would be left.
    """
    with context.database.transaction() as tx:
        team = access.team_for(tx, actor, team_name, "team:leave")
        member, account = _find(tx, team, email_or_id)
        if account.id != actor.account.id:
            access.team_for(tx, actor, team.id, "team:manage")
        rules.check_admin_stays(team, teams.count_admins(tx, team.id), member.role, None)
        leave(tx, actor, team, member)
        changes.record(tx, "team")
    return member, account


def leave(tx: Transaction, actor: Actor, team: Team, member: TeamMember) -> None:
    """End a membership and what was given by name on the team's apps."""
    teams.delete_member(tx, member.id)
    apps.delete_collaborators(tx, owner_id=team.account_id, account_ids=[member.account_id])
    payload = {"team": team.name, "account": member.account_id}
    events.insert(tx, "team-member:destroy", by=actor, resource_id=team.id, payload=payload)


def leave_all(tx: Transaction, actor: Actor, account: Account) -> None:
    """An account leaves all its teams, as it is deleted; raises Forbidden when one would have no admin left."""
    for team, _ in teams.list_of(tx, account.id):
        if teams.lock(tx, team.id) is not None and (member := teams.member(tx, team.id, account.id)):
            rules.check_admin_stays(team, teams.count_admins(tx, team.id), member.role, None)
            leave(tx, actor, team, member)


def app_names(context: Context, actor: Actor, team_name: str, email_or_id: str) -> list[tuple[str, str]]:
    """Name and id of the team's apps that a member has access to, as far as the actor has too."""
    with context.database.read() as tx:
        team = access.team_for(tx, actor, team_name, "team:read")
        _, account = _find(tx, team, email_or_id)
        return apps.names_owned(tx, team.account_id, {account.id} | seeing(actor))


def seeing(actor: Actor) -> set[str]:
    """Whose eyes limit a list of apps for the actor: their own, unless they see everything."""
    return set() if actor.account.operator else {actor.account.id}


def _find(tx: Transaction, team: Team, email_or_id: str) -> tuple[TeamMember, Account]:
    found = teams.members(tx, team.id)
    people = accounts.by_ids(tx, {member.account_id for member in found})
    for member in found:
        account = people[member.account_id]
        if email_or_id.lower() in (account.email, account.id, member.id):
            return member, account
    raise NotFound("team_member", f"Couldn't find that team member: {email_or_id[:80]} is not in {team.name}.")
