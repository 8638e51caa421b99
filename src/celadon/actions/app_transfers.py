"""App transfers: an owner offers an app; who is offered it accepts or declines."""

import uuid

from celadon.actions import access, mails
from celadon.actions.context import Context, now
from celadon.model.account import Account, Actor
from celadon.model.app import App, Collaborator
from celadon.model.app_transfer import AppTransfer, TransferState
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.store import accounts, app_transfers, apps, changes, events
from celadon.store.database import Transaction

Told = tuple[AppTransfer, App, Account, Account]


def create(context: Context, actor: Actor, app_name: str, recipient: str, *, silent: bool) -> Told:
    """Offer an app to a collaborator; a newer offer takes the place of an older one. Raises NotFound, InvalidParams."""
    with context.database.transaction() as tx:
        app = access.personal_app_for(tx, actor, app_name, "app:transfer")
        apps.lock(tx, app.id)
        account = accounts.find_by_email_or_id(tx, recipient)
        if account is None or not apps.is_collaborator(tx, app.id, account.id):
            raise InvalidParams(f"cannot transfer {app.name} to {recipient[:80]}: add them as a collaborator first")
        before = app_transfers.pending_of_app(tx, app.id)
        if before:
            app_transfers.delete(tx, before.id)
        transfer = AppTransfer(
            id=str(uuid.uuid4()),
            app_id=app.id,
            owner_id=app.owner_id,
            recipient_id=account.id,
            state=TransferState.PENDING,
            created_at=now(),
            updated_at=now(),
        )
        app_transfers.insert(tx, transfer)
        if not silent:
            text = f"{actor.email} offers you the app {app.name}. Accept it:\n\n    celadon apps:transfer:accept {app.name}\n"
            mails.send(tx, account.email, f"{app.name} is offered to you", text)
        events.insert(
            tx, "app-transfer:create", by=actor, app_id=app.id, payload={"to": account.email}, resource_id=transfer.id
        )
        changes.record(tx, "app", app.id)
        return _told(tx, transfer, app)


def list_of(context: Context, actor: Actor) -> list[Told]:
    """Offers of mine and to me that wait for an answer."""
    access.require_read(actor)
    with context.database.read() as tx:
        found = app_transfers.list_of(tx, actor.account.id)
        return [_told(tx, transfer, _app(tx, transfer)) for transfer in found]


def find(context: Context, actor: Actor, wanted: str) -> Told:
    """By id, or by the app's name or id; raises NotFound."""
    access.require_read(actor)
    with context.database.read() as tx:
        transfer = _find(tx, actor, wanted)
        return _told(tx, transfer, _app(tx, transfer))


def answer(context: Context, actor: Actor, wanted: str, state: TransferState) -> Told:
    """The recipient accepts, and owns the app (its owner works on it further on), or declines.

    Raises NotFound, Forbidden.
    """
    access.require_write_secrets(actor)
    with context.database.transaction() as tx:
        app = apps.lock(tx, _find(tx, actor, wanted).app_id)
        if app is None:
            raise NotFound("app_transfer")
        transfer = _find(tx, actor, wanted)
        if transfer.state is not TransferState.PENDING:
            raise InvalidParams(f"cannot answer this transfer: it is {transfer.state} already")
        if transfer.recipient_id != actor.account.id:
            raise Forbidden("cannot answer this transfer: only who is offered the app may")
        if state is TransferState.ACCEPTED:
            if app.owner_id != transfer.owner_id:
                raise Forbidden(f"cannot accept {app.name}: who offered it does not own it any more")
            _hand_over(context, tx, actor, app)
        app_transfers.update(tx, transfer.id, now=now(), state=state)
        line = f"{'Transfer to' if state is TransferState.ACCEPTED else 'Transfer declined by'} {actor.email}"
        events.insert(
            tx,
            f"app-transfer:{state}",
            line=f"{line} by user {actor.email}",
            by=actor,
            app_id=app.id,
            resource_id=transfer.id,
        )
        changes.record(tx, "app", app.id)
        found = app_transfers.find(tx, transfer.id)
        assert found is not None
        return _told(tx, found, app)


def _hand_over(context: Context, tx: Transaction, actor: Actor, app: App) -> None:
    if not apps.is_collaborator(tx, app.id, actor.account.id):
        raise Forbidden(f"cannot accept {app.name}: you do not work on it any more")
    accounts.lock(tx, actor.account.id)
    limit = context.settings.app_limit
    if apps.count_owned(tx, actor.account.id) >= limit:
        raise Forbidden(f"cannot accept {app.name}: you own {limit} apps already, which is the limit")
    apps.update(tx, app.id, now=now(), owner_id=actor.account.id)
    apps.remove_collaborator(tx, app.id, actor.account.id)
    apps.add_collaborator(tx, Collaborator(app_id=app.id, account_id=app.owner_id, created_at=now()))


def cancel(context: Context, actor: Actor, wanted: str) -> Told:
    """The owner takes the offer back; raises NotFound, Forbidden."""
    access.require_write(actor)
    with context.database.transaction() as tx:
        apps.lock(tx, _find(tx, actor, wanted).app_id)
        transfer = _find(tx, actor, wanted)
        if transfer.state is not TransferState.PENDING:
            raise InvalidParams(f"cannot cancel this transfer: it is {transfer.state} already")
        app = access.app_for(tx, actor, transfer.app_id, "app:transfer")
        app_transfers.delete(tx, transfer.id)
        events.insert(tx, "app-transfer:destroy", by=actor, app_id=app.id, resource_id=transfer.id)
        changes.record(tx, "app", app.id)
        return _told(tx, transfer, app)


def _find(tx: Transaction, actor: Actor, wanted: str) -> AppTransfer:
    found = app_transfers.find(tx, wanted)
    if found is None and (app := apps.find(tx, wanted)):
        found = app_transfers.pending_of_app(tx, app.id)
    if found is None or actor.account.id not in (found.owner_id, found.recipient_id):
        raise NotFound("app_transfer")
    return found


def _app(tx: Transaction, transfer: AppTransfer) -> App:
    app = apps.find(tx, transfer.app_id)
    if app is None:
        raise NotFound("app_transfer")
    return app


def _told(tx: Transaction, transfer: AppTransfer, app: App) -> Told:
    people = accounts.by_ids(tx, {transfer.owner_id, transfer.recipient_id})
    return transfer, app, people[transfer.owner_id], people[transfer.recipient_id]
