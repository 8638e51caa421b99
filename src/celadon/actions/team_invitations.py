"""Invitations into a team: made by its admins, sent by mail, accepted by whom they are for."""

import uuid
from typing import NamedTuple

from celadon.actions import access, invitations, mails, team_members
from celadon.actions.context import Context, now
from celadon.model import team as rules
from celadon.model.account import Account, Actor, check_email
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.team import Team, TeamInvitation, TeamMember, TeamRole
from celadon.store import accounts, changes, events, secrets, teams
from celadon.store.database import Transaction


class Invited(NamedTuple):
    """An invitation with whom it concerns; `account` is None while nobody has one with its address."""

    invitation: TeamInvitation
    team: Team
    by: Account
    account: Account | None


def list_of(context: Context, actor: Actor, team_name: str) -> list[Invited]:
    """Those that still hold, by address: every member sees them, as they do members. Raises NotFound."""
    with context.database.read() as tx:
        team = access.team_for(tx, actor, team_name, "team:read")
        return [_invited(tx, team, invitation) for invitation in teams.invitations(tx, team.id, now())]


def put(context: Context, actor: Actor, team_name: str, email: str, role: TeamRole) -> Invited:
    """Invite an address, with an account or without; again: another role, another mail. Raises InvalidParams."""
    address = check_email(email)
    with context.database.transaction() as tx:
        team = access.team_for(tx, actor, team_name, "team:manage")
        account = accounts.find_by_email(tx, address)
        if account and teams.member(tx, team.id, account.id):
            raise InvalidParams(f"cannot invite {address}: they are in {team.name} already; change their role instead")
        older = teams.invitation_of(tx, team.id, address, now())
        if older is None:
            team_members.check_room(tx, team)
        elif now() - older.created_at < rules.INVITATION_PAUSE:
            teams.update_invitation(tx, older.id, now=now(), role=role)
            return _invited(tx, team, teams.invitation_of(tx, team.id, address, now()) or older)
        token = secrets.random_token("invitation-")
        invitation = _new(team, address, role, token, actor)
        teams.insert_invitation(tx, invitation)
        mails.send(
            tx,
            address,
            f"{actor.email} invites you to the team {team.name}",
            _text(context, invitation, team, actor, token),
        )
        if account is None:
            invitations.write(context, tx, address, actor)
        payload = {"team": team.name, "email": address, "role": role}
        events.insert(tx, "team-invitation:create", by=actor, resource_id=team.id, payload=payload)
        changes.record(tx, "team")
        return _invited(tx, team, invitation)


def _new(team: Team, address: str, role: TeamRole, token: str, actor: Actor) -> TeamInvitation:
    return TeamInvitation(
        id=str(uuid.uuid4()),
        team_id=team.id,
        email=address,
        role=role,
        token_hash=secrets.hash_token(token),
        invited_by=actor.account.id,
        created_at=now(),
        updated_at=now(),
        expires_at=now() + rules.INVITATION_LASTS,
    )


def _text(context: Context, invitation: TeamInvitation, team: Team, actor: Actor, token: str) -> str:
    settings = context.settings
    return (
        f"{actor.email} invites you to the team {team.name} at {settings.domain}, as {invitation.role}.\n\n"
        f"To accept, log in as {invitation.email} and run:\n\n"
        f"    celadon teams:accept {token} --platform {settings.api_url}\n\n"
        f"If you have no account with this address yet, make one first: another letter says how. The invitation holds until "
        f"{invitation.expires_at:%Y-%m-%d}. If you do not know what this is about, ignore it.\n"
    )


def revoke(context: Context, actor: Actor, team_name: str, email_or_id: str) -> Invited:
    """Take an invitation back; its token is worth nothing any more. Raises NotFound, Forbidden."""
    with context.database.transaction() as tx:
        team = access.team_for(tx, actor, team_name, "team:manage")
        for invitation in teams.invitations(tx, team.id, now()):
            if email_or_id.lower() in (invitation.id, invitation.email):
                teams.delete_invitation(tx, team.id, invitation.email)
                payload = {"team": team.name, "email": invitation.email}
                events.insert(tx, "team-invitation:destroy", by=actor, resource_id=team.id, payload=payload)
                changes.record(tx, "team")
                return _invited(tx, team, invitation)
    raise NotFound(
        "team_invitation", f"Couldn't find that team invitation: {team.name} has none for {email_or_id[:80]}."
    )


def find(context: Context, actor: Actor, token: str) -> Invited:
    """The invitation of this token, for whom it is for. Raises NotFound."""
    access.require_account_read(actor)
    with context.database.read() as tx:
        return _of_token(tx, actor, token)


def accept(context: Context, actor: Actor, token: str) -> tuple[TeamMember, Account]:
    """Become a member; the invitation is used up. Raises NotFound, for what is for somebody else as for none."""
    access.require_account_write(actor)
    with context.database.transaction() as tx:
        invited = _of_token(tx, actor, token)
        # The team's row first, as everywhere; then the invitation must still be there.
        teams.lock(tx, invited.team.id)
        _of_token(tx, actor, token)
        member = _join(tx, actor, invited)
    return member, actor.account


def _join(tx: Transaction, actor: Actor, invited: Invited) -> TeamMember:
    teams.delete_invitation(tx, invited.team.id, invited.invitation.email)
    member = teams.member(tx, invited.team.id, actor.account.id)
    if member is None:
        member = team_members.join(tx, actor, invited.team, actor.account, invited.invitation.role)
    changes.record(tx, "team")
    return member


def list_mine(context: Context, actor: Actor) -> list[Invited]:
    """Those that the actor's address has, and that still hold."""
    access.require_account_read(actor)
    with context.database.read() as tx:
        return _mine(tx, actor)


def answer_mine(context: Context, actor: Actor, invitation_id: str, *, accepted: bool) -> Invited:
    """Accept or decline, by id, an invitation that the actor's address has. Raises NotFound."""
    access.require_account_write(actor)
    with context.database.transaction() as tx:
        for found in _mine(tx, actor):
            if found.invitation.id == invitation_id:
                teams.lock(tx, found.team.id)
        # Again, now that nobody else changes the team.
        for invited in _mine(tx, actor):
            if invited.invitation.id == invitation_id:
                if accepted:
                    _join(tx, actor, invited)
                else:
                    teams.delete_invitation(tx, invited.team.id, invited.invitation.email)
                    changes.record(tx, "team")
                return invited
    raise NotFound("team_invitation", "Couldn't find that team invitation: it is over, or was taken back.")


def _mine(tx: Transaction, actor: Actor) -> list[Invited]:
    found = teams.invitations_to(tx, actor.account.email, now())
    return [_invited(tx, team, one) for one in found if (team := teams.find(tx, one.team_id))]


def _of_token(tx: Transaction, actor: Actor, token: str) -> Invited:
    invitation = teams.find_invitation(tx, secrets.hash_token(token), now())
    team = teams.find(tx, invitation.team_id) if invitation else None
    if invitation is None or team is None or invitation.email != actor.account.email:
        raise NotFound(
            "team_invitation",
            f"Couldn't find that team invitation: it is over, was taken back, or is not for {actor.email}.",
        )
    return _invited(tx, team, invitation)


def _invited(tx: Transaction, team: Team, invitation: TeamInvitation) -> Invited:
    by = accounts.find(tx, invitation.invited_by)
    assert by is not None, "accounts keep their rows"
    return Invited(invitation, team, by, accounts.find_by_email(tx, invitation.email))
