"""Teams, their members and invitations."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.team import Team, TeamInvitation, TeamMember, TeamRole
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.teams
_members = tables.team_members
_invitations = tables.team_invitations


def find(tx: Transaction, name_or_id: str) -> Team | None:
    return rows.one(tx, Team, sa.select(_t).where(sa.or_(_t.c.name == name_or_id, _t.c.id == name_or_id)))


def by_account(tx: Transaction, account_id: str) -> Team | None:
    """The team whose apps this account owns; None for a person's account."""
    return rows.one(tx, Team, sa.select(_t).where(_t.c.account_id == account_id))


def by_accounts(tx: Transaction, account_ids: set[str]) -> dict[str, Team]:
    """Account id → team, for those of these accounts that are teams'."""
    return {
        team.account_id: team for team in rows.every(tx, Team, sa.select(_t).where(_t.c.account_id.in_(account_ids)))
    }


def lock(tx: Transaction, team_id: str) -> Team | None:
    """The team, its row locked until the transaction ends: what decides on its members or apps starts so."""
    return rows.one(tx, Team, sa.select(_t).where(_t.c.id == team_id).with_for_update())


def list_of(tx: Transaction, account_id: str) -> list[tuple[Team, TeamMember]]:
    """The teams an account is in, by name, each with what it is there."""
    found = rows.every(tx, TeamMember, sa.select(_members).where(_members.c.account_id == account_id))
    by_team = {member.team_id: member for member in found}
    query = sa.select(_t).where(_t.c.id.in_(by_team)).order_by(_t.c.name)
    return [(team, by_team[team.id]) for team in rows.every(tx, Team, query)]


def insert(tx: Transaction, team: Team) -> None:
    rows.insert(tx, _t, team)


def update(tx: Transaction, team_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _t, team_id, updated_at=now, **values)


def delete(tx: Transaction, team_id: str) -> None:
    """The team with its members and invitations; its account stays, as destroyed apps and events name it."""
    tx.connection.execute(_t.delete().where(_t.c.id == team_id))


def role_on(tx: Transaction, owner_id: str, account_id: str) -> TeamRole | None:
    """What the account is in the team that owns an app by this account; None for no member, or an app of a person."""
    query = sa.select(_members.c.role).join(_t, _t.c.id == _members.c.team_id)
    found = tx.connection.execute(query.where(_t.c.account_id == owner_id, _members.c.account_id == account_id)).first()
    return None if found is None else TeamRole(found.role)


def member(tx: Transaction, team_id: str, account_id: str) -> TeamMember | None:
    query = sa.select(_members).where(_members.c.team_id == team_id, _members.c.account_id == account_id)
    return rows.one(tx, TeamMember, query)


def members(tx: Transaction, team_id: str) -> list[TeamMember]:
    """All of a team, those who came first first."""
    query = sa.select(_members).where(_members.c.team_id == team_id).order_by(_members.c.created_at, _members.c.id)
    return rows.every(tx, TeamMember, query)


def count_members(tx: Transaction, team_id: str) -> int:
    """Members, and those who are invited."""
    queries = [sa.select(sa.func.count()).where(table.c.team_id == team_id) for table in (_members, _invitations)]
    return sum(int(tx.connection.execute(query).scalar_one()) for query in queries)


def count_led(tx: Transaction, account_id: str) -> int:
    """Teams the account is an admin of."""
    admin = sa.and_(_members.c.account_id == account_id, _members.c.role == TeamRole.ADMIN)
    return int(tx.connection.execute(sa.select(sa.func.count()).select_from(_members).where(admin)).scalar_one())


def count_admins(tx: Transaction, team_id: str) -> int:
    admins = sa.and_(_members.c.team_id == team_id, _members.c.role == TeamRole.ADMIN)
    return int(tx.connection.execute(sa.select(sa.func.count()).select_from(_members).where(admins)).scalar_one())


def insert_member(tx: Transaction, added: TeamMember) -> None:
    rows.insert(tx, _members, added)


def update_member(tx: Transaction, member_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _members, member_id, updated_at=now, **values)


def delete_member(tx: Transaction, member_id: str) -> None:
    tx.connection.execute(_members.delete().where(_members.c.id == member_id))


def choose(tx: Transaction, account_id: str, team_id: str | None) -> None:
    """The one team that this account means when it names none; None for no team."""
    mine = _members.update().where(_members.c.account_id == account_id)
    tx.connection.execute(mine.values(is_default=_members.c.team_id == team_id if team_id else sa.false()))


def default_of(tx: Transaction, account_id: str) -> Team | None:
    """The team an account means when it names none."""
    query = sa.select(_t).join(_members, _members.c.team_id == _t.c.id)
    return rows.one(tx, Team, query.where(_members.c.account_id == account_id, _members.c.is_default))


def invitations(tx: Transaction, team_id: str, now: datetime) -> list[TeamInvitation]:
    """Those that still hold, by address."""
    valid = sa.and_(_invitations.c.team_id == team_id, _invitations.c.expires_at > now)
    return rows.every(tx, TeamInvitation, sa.select(_invitations).where(valid).order_by(_invitations.c.email))


def invitations_to(tx: Transaction, email: str, now: datetime) -> list[TeamInvitation]:
    """Those of an address that still hold, the oldest first."""
    valid = sa.and_(_invitations.c.email == email, _invitations.c.expires_at > now)
    return rows.every(
        tx, TeamInvitation, sa.select(_invitations).where(valid).order_by(_invitations.c.created_at, _invitations.c.id)
    )


def find_invitation(tx: Transaction, token_hash: str, now: datetime) -> TeamInvitation | None:
    valid = sa.and_(_invitations.c.token_hash == token_hash, _invitations.c.expires_at > now)
    return rows.one(tx, TeamInvitation, sa.select(_invitations).where(valid))


def invitation_of(tx: Transaction, team_id: str, email: str, now: datetime) -> TeamInvitation | None:
    """The one of an address, if it still holds."""
    valid = sa.and_(_invitations.c.team_id == team_id, _invitations.c.email == email, _invitations.c.expires_at > now)
    return rows.one(tx, TeamInvitation, sa.select(_invitations).where(valid))


def update_invitation(tx: Transaction, invitation_id: str, *, now: datetime, **values: object) -> None:
    rows.update(tx, _invitations, invitation_id, updated_at=now, **values)


def insert_invitation(tx: Transaction, invitation: TeamInvitation) -> None:
    """In place of an older one for the same address."""
    delete_invitation(tx, invitation.team_id, invitation.email)
    rows.insert(tx, _invitations, invitation)


def delete_invitation(tx: Transaction, team_id: str, email: str) -> None:
    same = sa.and_(_invitations.c.team_id == team_id, _invitations.c.email == email)
    tx.connection.execute(_invitations.delete().where(same))
