"""Accounts: who is there, and how somebody proves to be one."""

import functools
import uuid

import sqlalchemy as sa

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model.account import Account, Actor, check_email
from celadon.model.errors import InvalidParams, Unauthorized
from celadon.store import accounts, authorizations, changes, events, keys, secrets
from celadon.store.database import Database, Transaction

MIN_PASSWORD = 8


@functools.cache
def _nobody() -> str:
    """Compared against when there is no such account, so that an unknown address takes as long as a wrong password."""
    return secrets.hash_password("nobody has this password")


def create_operator(database: Database, *, email: str, password: str) -> Account:
    """Make the platform's first account, or return it when there is one already; raises InvalidParams."""
    with database.transaction() as tx:
        return accounts.operator(tx) or _insert(tx, email, password, operator=True)


def create(context: Context, actor: Actor, *, email: str, password: str) -> Account:
    """The operator makes an account; raises InvalidParams when the address is taken or the password too short."""
    access.require_account_write(actor)
    if not actor.account.operator:
        raise Unauthorized("cannot create an account: only the platform's operator may")
    with context.database.transaction() as tx:
        return _insert(tx, email, password, operator=False)


def log_in(context: Context, email: str, password: str) -> Actor:
    """Who has this address and password; raises Unauthorized."""
    with context.database.read() as tx:
        account = accounts.find_by_email(tx, email)
    fits = secrets.password_fits(account.password_hash if account else _nobody(), password)
    if account is None or not fits:
        raise Unauthorized("There was a problem with your login: the e-mail address or the password is wrong.")
    with context.database.transaction() as tx:
        accounts.update(tx, account.id, now=now(), last_login=now())
    return Actor(account=account)


def actor_of_token(context: Context, token: str) -> Actor:
    """Who holds this token; raises Unauthorized for an unknown or expired one."""
    with context.database.read() as tx:
        authorization = authorizations.find_by_token_hash(tx, secrets.hash_token(token))
        expired = authorization and authorization.expires_at and authorization.expires_at <= now()
        account = accounts.find(tx, authorization.account_id) if authorization and not expired else None
    if authorization is None or account is None:
        raise Unauthorized("Invalid credentials provided: log in again to get a new token.")
    return Actor(account=account, scope=authorization.scope, authorization_id=authorization.id)


def actor_of_key(context: Context, fingerprint: str) -> Actor | None:
    """Whose SSH key this is, or None; the caller has checked that the client holds the private part."""
    with context.database.read() as tx:
        key = keys.find_by_fingerprint(tx, fingerprint)
        account = accounts.find(tx, key.account_id) if key else None
    return Actor(account=account) if account else None


def update(
    context: Context, actor: Actor, *, name: str | None = None, password: tuple[str, str] | None = None
) -> Account:
    """Change the name, or the password (old, new); raises Unauthorized for a wrong old one, InvalidParams for a bad new one."""
    access.require_account_write(actor)
    values: dict[str, object] = {}
    if name is not None:
        if len(name) > 100 or "\x00" in name:
            raise InvalidParams("cannot use that name: at most 100 characters")
        values["name"] = name
    if password is not None:
        if not secrets.password_fits(actor.account.password_hash, password[0]):
            raise Unauthorized("cannot change the password: the current password is wrong")
        values["password_hash"] = secrets.hash_password(_check_password(password[1]))
    with context.database.transaction() as tx:
        accounts.update(tx, actor.account.id, now=now(), **values)
        events.insert(tx, "account:update", by=actor, payload={"changed": sorted(values)})
        updated = accounts.find(tx, actor.account.id)
    assert updated is not None
    return updated


def _insert(tx: Transaction, email: str, password: str, *, operator: bool) -> Account:
    account = Account(
        id=str(uuid.uuid4()),
        email=check_email(email),
        name=None,
        password_hash=secrets.hash_password(_check_password(password)),
        operator=operator,
        verified=operator,
        created_at=now(),
        updated_at=now(),
    )
    try:
        accounts.insert(tx, account)
    except sa.exc.IntegrityError:
        raise InvalidParams(f"cannot create an account for {account.email}: the address has one already") from None
    events.insert(tx, "account:create", by=Actor(account=account), resource_id=account.id)
    changes.record(tx, "account")
    return account


def _check_password(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= 1024:
        raise InvalidParams(f"cannot use that password: it must have {MIN_PASSWORD} to 1,024 characters")
    return password
