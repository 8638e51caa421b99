"""Accounts: who is there, and how somebody proves to be one."""

import functools
import uuid
from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from celadon.actions import access, mails, team_members, two_factor
from celadon.actions.context import Context, now
from celadon.model.account import Account, Actor, check_email
from celadon.model.errors import Forbidden, InvalidParams, NotFound, Unauthorized
from celadon.model.invitation import CONFIRMED_WITHIN, Confirmation, Purpose
from celadon.store import (
    accounts,
    apps,
    authorizations,
    changes,
    events,
    invitations,
    keys,
    oauth_clients,
    pipelines,
    secrets,
    sessions,
)
from celadon.store.database import Database, Transaction

MIN_PASSWORD = 8


@functools.cache
def _nobody() -> str:
    """Compared against when there is no such account, so that an unknown address takes as long as a wrong password."""
    return secrets.hash_password("nobody has this password")


def create_operator(database: Database, *, email: str, password: str) -> Account:
    """Make the platform's first account, or return it when there is one already; raises InvalidParams."""
    with database.read() as tx:
        present = accounts.operator(tx)
    if present:
        return present
    password_hash = secrets.hash_password(check_password(password))
    with database.transaction() as tx:
        return accounts.operator(tx) or insert(tx, email, password_hash, operator=True)


def create(context: Context, actor: Actor, *, email: str, password: str) -> Account:
    """The operator makes an account; raises InvalidParams when the address is taken or the password too short."""
    access.require_account_write(actor)
    if not actor.account.operator:
        raise Unauthorized("cannot create an account: only the platform's operator may")
    password_hash = secrets.hash_password(check_password(password))
    with context.database.transaction() as tx:
        return insert(tx, email, password_hash, operator=False)


def log_in(
    context: Context, email: str, password: str, *, code: str | None = None, address: str | None = None
) -> Actor:
    """Who has this address, password and, where there is a second factor, its code.

    Raises Unauthorized, TwoFactorRequired, RateLimited after too many wrong ones from this IP address.
    """
    context.guesses.check(address, email.lower())
    with context.database.read() as tx:
        account = accounts.find_by_email(tx, email)
    fits = secrets.password_fits(account.password_hash if account else _nobody(), password)
    if account is None or not fits:
        context.guesses.wrong(address, email.lower())
        raise Unauthorized("There was a problem with your login: the e-mail address or the password is wrong.")
    two_factor.check(context, account, code)
    with context.database.transaction() as tx:
        accounts.update(tx, account.id, now=now(), last_login=now())
        events.insert(tx, "account:login", by=Actor(account=account, address=address), resource_id=account.id)
    return Actor(account=account, address=address)


def actor_of_token(context: Context, token: str, address: str | None = None) -> Actor:
    """Who holds this token, and asks from this IP address; raises Unauthorized for an unknown or expired one."""
    with context.database.read() as tx:
        authorization, account = authorizations.find_by_token_hash(tx, secrets.hash_token(token)) or (None, None)
    expired = authorization and authorization.expires_at and authorization.expires_at <= now()
    if authorization is None or expired or account is None or account.deleted_at is not None:
        raise Unauthorized("Invalid credentials provided: log in again to get a new token.")
    return Actor(account=account, scope=authorization.scope, authorization_id=authorization.id, address=address or None)


def actor_of_key(context: Context, fingerprint: str) -> Actor | None:
    """Whose SSH key this is, or None; the caller has checked that the client holds the private part."""
    with context.database.read() as tx:
        key = keys.find_by_fingerprint(tx, fingerprint)
        account = accounts.find(tx, key.account_id) if key else None
    return Actor(account=account) if account else None


def update(
    context: Context,
    actor: Actor,
    *,
    name: str | None = None,
    allow_tracking: bool | None = None,
    password: tuple[str, str] | None = None,
) -> Account:
    """Change the name, or the password (old, new): then every other token and session ends.

    Raises Unauthorized for a wrong old one, InvalidParams for a bad new one.
    """
    access.require_account_write(actor)
    values: dict[str, object] = {}
    if name is not None:
        if len(name) > 100 or "\x00" in name:
            raise InvalidParams("cannot use that name: at most 100 characters")
        values["name"] = name
    if allow_tracking is not None:
        values["allow_tracking"] = allow_tracking
    if password is not None:
        two_factor.check_password(context, actor, password[0])
        values["password_hash"] = secrets.hash_password(check_password(password[1]))
    with context.database.transaction() as tx:
        accounts.update(tx, actor.account.id, now=now(), **values)
        if password is not None:
            _end_others(tx, actor)
        events.insert(tx, "account:update", by=actor, payload={"changed": sorted(values)}, resource_id=actor.account.id)
        updated = accounts.find(tx, actor.account.id)
    assert updated is not None
    return updated


def _end_others(tx: Transaction, actor: Actor) -> None:
    """End every token, session and link of the account but those of this request."""
    own = authorizations.find(tx, actor.account.id, actor.authorization_id) if actor.authorization_id else None
    authorizations.delete_of(tx, actor.account.id, keep=own.id if own else None)
    sessions.delete_of(tx, actor.account.id, keep=own.session_id if own else None)
    invitations.delete_confirmations(tx, actor.account.id)


def offer_email(context: Context, actor: Actor, email: str, password: str) -> None:
    """Send a link to a new address; it is the account's once the link was followed. Raises Unauthorized, InvalidParams."""
    access.require_account_write(actor)
    two_factor.check_password(context, actor, password)
    email = check_email(email)
    token = secrets.random_token()
    confirmation = Confirmation(
        id=str(uuid.uuid4()),
        account_id=actor.account.id,
        purpose=Purpose.EMAIL,
        value=email,
        token_hash=secrets.hash_token(token),
        created_at=now(),
        expires_at=now() + CONFIRMED_WITHIN,
    )
    with context.database.transaction() as tx:
        if accounts.find_by_email(tx, email):
            raise InvalidParams(f"cannot use {email}: that address has an account already")
        invitations.delete_confirmations(tx, actor.account.id, Purpose.EMAIL)
        invitations.insert_confirmation(tx, confirmation)
        link = f"{context.settings.api_https_url}/account/email/{token}"
        mails.send(tx, email, "Your new address", f"Follow this link to use this address for your account:\n\n{link}\n")
        changes.record(tx, "account")


def take_email(context: Context, token: str, address: str | None = None) -> Account:
    """Use the address whose link was followed; the old one gets a letter. Raises NotFound, InvalidParams."""
    try:
        with context.database.transaction() as tx:
            found = invitations.confirmation_by_token(tx, Purpose.EMAIL, token, now())
            account = accounts.find(tx, found.account_id) if found else None
            if found is None or account is None or account.deleted_at is not None:
                raise NotFound("confirmation", "Couldn't find that link: it was used, or has run out. Ask for another.")
            accounts.update(tx, account.id, now=now(), email=found.value)
            invitations.delete_confirmations(tx, account.id)
            by = Actor(account=account, address=address)
            events.insert(tx, "account:email", by=by, resource_id=account.id)
            mails.send(
                tx, account.email, "Your address was changed", f"Your account has the address {found.value} now.\n"
            )
            changes.record(tx, "account")
    except sa.exc.IntegrityError:
        raise InvalidParams("cannot use that address: it has an account by now") from None
    return account


def delete(context: Context, actor: Actor, password: str) -> Account:
    """End the account: its keys, tokens and access go at once.

    Raises Unauthorized; Forbidden while it owns apps or pipelines, or leads a team alone.
    """
    access.require_account_write(actor)
    two_factor.check_password(context, actor, password)
    account = actor.account
    with context.database.transaction() as tx:
        accounts.lock(tx, account.id)
        if account.operator:
            raise Forbidden("cannot delete this account: it is the platform's operator")
        if owned := apps.count_owned(tx, account.id):
            raise Forbidden(f"cannot delete your account: it owns {owned} apps; transfer or destroy them first")
        if owned := pipelines.count_owned(tx, account.id):
            raise Forbidden(f"cannot delete your account: it owns {owned} pipelines; transfer or destroy them first")
        team_members.leave_all(tx, actor, account)
        authorizations.delete_of(tx, account.id)
        sessions.delete_of(tx, account.id)
        accounts.replace_recovery_codes(tx, account.id, [])
        apps.remove_collaborator_everywhere(tx, account.id)
        for key in keys.list_of(tx, account.id):
            keys.delete(tx, key.id)
        for client in oauth_clients.list_of(tx, account.id):
            oauth_clients.delete(tx, client.id)
        accounts.update(
            tx,
            account.id,
            now=now(),
            deleted_at=now(),
            email=f"{account.id}@deleted.invalid",
            name=None,
            password_hash="",
            two_factor=False,
            two_factor_secret=None,
        )
        events.insert(tx, "account:destroy", by=actor, resource_id=account.id)
        changes.record(tx, "account")
    return account


def preferences(context: Context, actor: Actor, values: Mapping[str, object]) -> Account:
    """Change preferences; what is None goes back to its default."""
    access.require_account_write(actor)
    with context.database.transaction() as tx:
        account = accounts.find(tx, actor.account.id)
        assert account is not None
        merged = {name: value for name, value in {**account.preferences, **values}.items() if value is not None}
        accounts.update(tx, account.id, now=now(), preferences=merged)
    return replace(account, preferences=merged)


def insert(tx: Transaction, email: str, password_hash: str, *, operator: bool, address: str | None = None) -> Account:
    """Make an account within a transaction; raises InvalidParams when the address is taken."""
    account = Account(
        id=str(uuid.uuid4()),
        email=check_email(email),
        name=None,
        password_hash=password_hash,
        operator=operator,
        verified=operator,
        created_at=now(),
        updated_at=now(),
    )
    try:
        accounts.insert(tx, account)
    except sa.exc.IntegrityError:
        raise InvalidParams(f"cannot create an account for {account.email}: the address has one already") from None
    events.insert(tx, "account:create", by=Actor(account=account, address=address), resource_id=account.id)
    changes.record(tx, "account")
    return account


def check_password(password: str) -> str:
    """The password itself; raises InvalidParams for one that is too short or too long."""
    if not MIN_PASSWORD <= len(password) <= 1024:
        raise InvalidParams(f"cannot use that password: it must have {MIN_PASSWORD} to 1,024 characters")
    return password
