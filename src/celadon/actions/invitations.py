"""Invitations: who may make an account, and making it."""

import uuid

from celadon.actions import access, accounts, mails
from celadon.actions.context import Context, now
from celadon.model.account import Account, Actor, check_email
from celadon.model.app import Collaborator
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.invitation import BETWEEN_LETTERS, INVITED_FOR, Invitation
from celadon.store import accounts as stored_accounts
from celadon.store import apps, changes, events, invitations, secrets
from celadon.store.database import Transaction

_TEXT = """\
{who} to Celadon at {url}.

Set your password here, and the account is yours:

{link}

The link works once, until {until:%Y-%m-%d %H:%M} UTC. If you did not expect this letter, do nothing.
"""


def invite(context: Context, actor: Actor, email: str) -> Invitation:
    """The operator invites somebody, or anybody where sign-up is open; raises Forbidden, InvalidParams."""
    access.require_account_write(actor)
    if not actor.account.operator and context.settings.signup != "open":
        raise Forbidden(
            "cannot invite people: on this platform only its operator does, or you by `access:add` to an app "
            "or `members:add` to a team"
        )
    email = check_email(email)
    with context.database.transaction() as tx:
        if stored_accounts.find_by_email(tx, email):
            raise InvalidParams(f"cannot invite {email}: that address has an account already")
        invitation = write(context, tx, email, actor)
        events.insert(tx, "invitation:create", by=actor, payload={"email": email}, resource_id=invitation.id)
        changes.record(tx, "account")
    return invitation


def list_of(context: Context, actor: Actor) -> list[Invitation]:
    """Those that nobody has accepted yet: the actor's own, to an operator everybody's. The newest first."""
    access.require_account_read(actor)
    with context.database.read() as tx:
        return invitations.list_by(tx, None if actor.account.operator else actor.account.id, now())


def withdraw(context: Context, actor: Actor, email: str) -> None:
    """Take back an invitation of the actor's, or as an operator anybody's. Raises NotFound."""
    access.require_account_write(actor)
    with context.database.transaction() as tx:
        found = invitations.find_by_email(tx, email)
        if found is None or not (actor.account.operator or found.invited_by == actor.account.id):
            raise NotFound("invitation")
        invitations.delete(tx, found.email)
        events.insert(tx, "invitation:destroy", by=actor, payload={"email": found.email}, resource_id=found.id)
        changes.record(tx, "account")


def sign_up(context: Context, email: str) -> None:
    """Somebody asks for an account: a letter goes to the address, whether or not it has one already.

    Raises Forbidden where one must be invited, InvalidParams.
    """
    if context.settings.signup != "open":
        raise Forbidden("cannot sign up here: ask the platform's operator for an invitation")
    email = check_email(email)
    with context.database.transaction() as tx:
        if stored_accounts.find_by_email(tx, email):
            # The same answer as to others: whoever reads the letter learns it, and nobody else.
            text = (
                f"Somebody asked for an account at {context.settings.api_https_url} with this address, which has one.\n"
            )
            mails.send(tx, email, "You have an account already", text)
        else:
            write(context, tx, email, None)
        changes.record(tx, "account")


def open_to_all(context: Context) -> bool:
    """Whether whoever comes may make an account."""
    return context.settings.signup == "open"


def write(context: Context, tx: Transaction, email: str, inviter: Actor | None) -> Invitation:
    """Invite an address that has no account: the newest invitation counts, and a letter goes out once a minute at most."""
    # One after the other: of two for the same address the second finds the first.
    changes.lock(tx)
    before = invitations.find_by_email(tx, email)
    if before and (now() - before.created_at < BETWEEN_LETTERS or (inviter is None and before.expires_at > now())):
        # A link that somebody was sent goes on working, whoever else asks.
        return before
    token = secrets.random_token()
    invitation = Invitation(
        id=str(uuid.uuid4()),
        email=email,
        token_hash=secrets.hash_token(token),
        invited_by=inviter.account.id if inviter else None,
        created_at=now(),
        expires_at=now() + INVITED_FOR,
    )
    invitations.replace(tx, invitation)
    url = context.settings.api_https_url
    who = f"{inviter.email} invites you" if inviter else "Welcome"
    link = f"{url}/account/accept/{token}"
    mails.send(
        tx, email, "Your account at Celadon", _TEXT.format(who=who, url=url, link=link, until=invitation.expires_at)
    )
    return invitation


def find(context: Context, token: str) -> Invitation:
    """Raises NotFound for one that was used or has run out."""
    with context.database.read() as tx:
        found = invitations.find_by_token(tx, token, now())
    if found is None:
        raise NotFound("invitation", "Couldn't find that invitation: it was used, or has run out. Ask for another one.")
    return found


def accept(context: Context, token: str, password: str, address: str | None = None) -> Account:
    """Make the account, a collaborator of the apps that waited for it; raises NotFound, InvalidParams."""
    password_hash = secrets.hash_password(accounts.check_password(password))
    email = find(context, token).email
    with context.database.transaction() as tx:
        if invitations.find_by_token(tx, token, now()) is None:
            raise NotFound("invitation", "Couldn't find that invitation: it was used. Log in with your password.")
        account = accounts.insert(tx, email, password_hash, operator=False, address=address)
        invitations.delete(tx, email)
        for app_id in apps.invited_to(tx, email):
            apps.add_collaborator(tx, Collaborator(app_id=app_id, account_id=account.id, created_at=now()))
            by = Actor(account=account, address=address)
            events.insert(
                tx, "collaborator:create", by=by, app_id=app_id, payload={"email": email}, resource_id=account.id
            )
        changes.record(tx, "account")
    return account
