"""Password resets, by a link in a letter."""

import uuid
from datetime import datetime

from celadon.actions import accounts, mails
from celadon.actions.context import Context, now
from celadon.model.account import Account, Actor
from celadon.model.errors import NotFound
from celadon.model.invitation import BETWEEN_LETTERS, CONFIRMED_WITHIN, Confirmation, Purpose
from celadon.store import accounts as stored_accounts
from celadon.store import authorizations, changes, events, invitations, secrets, sessions

_TEXT = """\
Somebody asked for a new password of your account at {url}.

Set it here:

{link}

The link works once, for 24 hours. If it was not you, do nothing: your password stays as it is.
"""


def request(context: Context, email: str) -> datetime:
    """Send a link to this address if it has an account; answers the same if not. Returns when it was asked for."""
    asked = now()
    with context.database.transaction() as tx:
        account = stored_accounts.find_by_email(tx, email)
        before = invitations.latest_confirmation(tx, account.id, Purpose.PASSWORD) if account else None
        if account and account.deleted_at is None and not (before and asked - before.created_at < BETWEEN_LETTERS):
            token = secrets.random_token()
            confirmation = Confirmation(
                id=str(uuid.uuid4()),
                account_id=account.id,
                purpose=Purpose.PASSWORD,
                value=None,
                token_hash=secrets.hash_token(token),
                created_at=asked,
                expires_at=asked + CONFIRMED_WITHIN,
            )
            invitations.insert_confirmation(tx, confirmation)
            url = context.settings.api_https_url
            text = _TEXT.format(url=url, link=f"{url}/account/password/reset/{token}")
            mails.send(tx, account.email, "A new password", text)
    return asked


def check(context: Context, token: str) -> None:
    """Raises NotFound for a link that was used or has run out."""
    with context.database.transaction() as tx:
        found = invitations.confirmation_by_token(tx, Purpose.PASSWORD, token, now())
    if found is None:
        raise _gone()


def finalize(context: Context, token: str, password: str, address: str | None = None) -> Account:
    """Set the password; every token and session of before ends. Raises NotFound, InvalidParams."""
    password_hash = secrets.hash_password(accounts.check_password(password))
    with context.database.transaction() as tx:
        found = invitations.confirmation_by_token(tx, Purpose.PASSWORD, token, now())
        account = stored_accounts.find(tx, found.account_id) if found else None
        if account is None or account.deleted_at is not None:
            raise _gone()
        stored_accounts.update(tx, account.id, now=now(), password_hash=password_hash)
        # An address that a thief asked for goes too.
        invitations.delete_confirmations(tx, account.id)
        authorizations.delete_of(tx, account.id)
        sessions.delete_of(tx, account.id)
        by = Actor(account=account, address=address)
        events.insert(tx, "account:password-reset", by=by, resource_id=account.id)
        mails.send(tx, account.email, "Your password was changed", _changed(context))
        changes.record(tx, "account")
    return account


def _gone() -> NotFound:
    return NotFound(
        "password_reset", "Couldn't find that password reset: it was used, or has run out. Ask for another."
    )


def _changed(context: Context) -> str:
    return (
        f"The password of your account at {context.settings.api_https_url} was changed, and all its tokens have ended.\n"
        "If it was not you, ask for a new password at once, and tell the platform's operator.\n"
    )
