"""Collaborators: whom an app's owner lets work on it."""

import uuid
from datetime import datetime

from celadon.actions import access, invitations, mails
from celadon.actions.context import Context, now
from celadon.model.account import Account, Actor, check_email
from celadon.model.app import App, Collaborator
from celadon.model.errors import InvalidParams, NotFound
from celadon.store import accounts, app_transfers, apps, changes, events
from celadon.store.database import Transaction


def add(context: Context, actor: Actor, app_name: str, person: str, *, silent: bool) -> tuple[App, Account]:
    """Let somebody work on an app; who has no account is invited, and works on it once it is made.

    Returns the account, or what stands for the one that will be. Raises NotFound, Forbidden, InvalidParams.
    """
    with context.database.transaction() as tx:
        app = access.personal_app_for(tx, actor, app_name, "collaborator:update")
        apps.lock(tx, app.id)
        found = accounts.find_by_email_or_id(tx, person)
        account = found or _invite(context, tx, actor, app, check_email(person))
        if found:
            _add(context, tx, actor, app, found, silent=silent)
        events.insert(
            tx,
            "collaborator:create",
            payload={"email": account.email},
            line=f"Add {account.email} as collaborator by user {actor.email}",
            by=actor,
            app_id=app.id,
            resource_id=account.id,
        )
        changes.record(tx, "collaborator", app.id)
    return app, account


def _add(context: Context, tx: Transaction, actor: Actor, app: App, account: Account, *, silent: bool) -> None:
    if account.id == app.owner_id or apps.is_collaborator(tx, app.id, account.id):
        raise InvalidParams(f"cannot add {account.email}: they work on {app.name} already")
    apps.add_collaborator(tx, Collaborator(app_id=app.id, account_id=account.id, created_at=now()))
    if not silent:
        url = context.settings.api_https_url
        mails.send(
            tx,
            account.email,
            f"You may work on {app.name}",
            f"{actor.email} lets you work on the app {app.name} at {url}.\n\nGet its code:\n\n"
            f"    celadon git:clone -a {app.name}\n",
        )


def _invite(context: Context, tx: Transaction, actor: Actor, app: App, email: str) -> Account:
    # Once more is another letter, as the first may have run out.
    apps.invite_collaborator(tx, app.id, email, actor.account.id, now())
    invitations.write(context, tx, email, actor)
    return invited(app, email)


def invited(app: App, email: str) -> Account:
    """What stands for the account that somebody has been invited to make."""
    return Account(
        id=str(uuid.uuid5(uuid.UUID(app.id), email)),
        email=email,
        name=None,
        password_hash="",
        operator=False,
        verified=False,
        created_at=now(),
        updated_at=now(),
    )


def waiting(context: Context, actor: Actor, app_name: str) -> list[tuple[str, datetime]]:
    """Addresses without an account that were invited to the app, and when. Raises NotFound, Forbidden."""
    with context.database.read() as tx:
        return apps.invited_of(tx, access.app_for(tx, actor, app_name, "collaborator:update").id)


def remove(context: Context, actor: Actor, app_name: str, person: str) -> tuple[App, Account]:
    """End somebody's access, or the invitation; everybody may remove themselves. Raises NotFound, Forbidden."""
    with context.database.transaction() as tx:
        app = access.personal_app_for(tx, actor, app_name, "app:read")
        account = accounts.find_by_email_or_id(tx, person)
        if account is None or account.id != actor.account.id:
            access.app_for(tx, actor, app_name, "collaborator:update")
        access.require_write(actor)
        if account is not None and apps.is_collaborator(tx, app.id, account.id):
            apps.remove_collaborator(tx, app.id, account.id)
            app_transfers.withdraw(tx, app.id, account.id)
        elif apps.uninvite(tx, app.id, person.lower()):
            account = invited(app, person.lower())
        else:
            raise NotFound("collaborator")
        events.insert(
            tx,
            "collaborator:destroy",
            payload={"email": account.email},
            line=f"Remove {account.email} as collaborator by user {actor.email}",
            by=actor,
            app_id=app.id,
            resource_id=account.id,
        )
        changes.record(tx, "collaborator", app.id)
    return app, account
