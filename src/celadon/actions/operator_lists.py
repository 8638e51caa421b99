"""All apps and all accounts, for operators: search, a page at a time; what they may do to an account."""

from dataclasses import dataclass, replace

from celadon.actions import access, password_resets
from celadon.actions.apps import Owned
from celadon.actions.context import Context, now
from celadon.model.account import Account, Actor
from celadon.model.errors import NotFound
from celadon.store import accounts, apps, events
from celadon.store.database import Transaction

PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountShown:
    account: Account
    apps: int


def list_apps(context: Context, actor: Actor, wanted: str, page: int) -> tuple[list[Owned], int]:
    """Apps whose name or owner's address has this in it, by name: one page (from 0), and how many there are at all.

    Raises Forbidden.
    """
    access.require_operator(actor)
    with context.database.read() as tx:
        found, there = apps.search_all(tx, wanted, page * PAGE, PAGE)
        owners = accounts.owners(tx, {app.owner_id for app in found})
    return [(app, *owners[app.owner_id]) for app in found], there


def list_accounts(context: Context, actor: Actor, wanted: str, page: int) -> tuple[list[AccountShown], int]:
    """People whose address or name has this in it, by address: one page (from 0), and how many there are at all.

    Raises Forbidden.
    """
    access.require_operator(actor)
    with context.database.read() as tx:
        found, there = accounts.search(tx, wanted, page * PAGE, PAGE)
        shown = [AccountShown(account=one, apps=apps.count_owned(tx, one.id)) for one in found]
    return shown, there


def verify(context: Context, actor: Actor, account_id: str, verified: bool) -> Account:
    """Say that an account is verified, or that it is not; raises Forbidden, NotFound."""
    access.require_operator(actor)
    with context.database.transaction() as tx:
        account = _person(tx, account_id)
        accounts.update(tx, account.id, now=now(), verified=verified)
        action = "account:verify" if verified else "account:unverify"
        events.insert(tx, action, by=actor, resource_id=account.id, payload={"email": account.email})
    return replace(account, verified=verified)


def send_reset(context: Context, actor: Actor, account_id: str) -> Account:
    """Send a link for a new password to an account's address; raises Forbidden, NotFound."""
    access.require_operator(actor)
    with context.database.transaction() as tx:
        account = _person(tx, account_id)
        events.insert(tx, "account:reset-link", by=actor, resource_id=account.id, payload={"email": account.email})
    password_resets.request(context, account.email)
    return account


def _person(tx: Transaction, account_id: str) -> Account:
    found = accounts.find_by_email_or_id(tx, account_id)
    if found is None:
        raise NotFound("account")
    return found
