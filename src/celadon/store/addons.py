"""Add-ons with their configs. Options and configs are encrypted and read by who asks or serves providers."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from celadon.model.addon import GIVE_UP_AFTER, AddOn, AddOnState
from celadon.store import apps, rows, tables, webhooks
from celadon.store.database import Transaction
from celadon.store.secrets import Secrets, hash_token

_t = tables.addons
_config = tables.addon_config
_shown = [column for column in _t.c if column.name not in ("options", "live_name", "log_token_hash")]
_live = _t.c.state != AddOnState.DEPROVISIONED
# A destroyed app's are nobody's; the role still removes them.
_owned = _t.c.app_id.in_(sa.select(tables.apps.c.id).where(tables.apps.c.deleted_at.is_(None)))
# One that is gone is found as long as its message may be of use.
_failed = sa.and_(_t.c.state == AddOnState.DEPROVISIONED, _t.c.message != "")


def _select(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(*_shown).where(*conditions).order_by(_t.c.name, _t.c.id)


def list_of_app(tx: Transaction, app_id: str) -> list[AddOn]:
    """Those an app owns."""
    return rows.every(tx, AddOn, _select(_live, _t.c.app_id == app_id))


def list_about_app(tx: Transaction, app_id: str) -> list[AddOn]:
    """Those an app owns or has attached."""
    attached = sa.select(tables.addon_attachments.c.addon_id).where(tables.addon_attachments.c.app_id == app_id)
    return rows.every(tx, AddOn, _select(_live, _owned, sa.or_(_t.c.app_id == app_id, _t.c.id.in_(attached))))


def list_visible(tx: Transaction, account_id: str) -> list[AddOn]:
    """Those of all apps an account sees."""
    return rows.every(tx, AddOn, _select(_live, _t.c.app_id.in_(apps.visible_ids(account_id))))


def list_owned(tx: Transaction, owner_id: str) -> list[AddOn]:
    """Those of all apps of an owner."""
    owned = sa.select(tables.apps.c.id).where(tables.apps.c.owner_id == owner_id, tables.apps.c.deleted_at.is_(None))
    return rows.every(tx, AddOn, _select(_live, _t.c.app_id.in_(owned)))


def list_due(tx: Transaction, now: datetime) -> list[AddOn]:
    """Those with something to be done now, who waits longest first; also what is awaited for longer than anybody waits."""
    open_states = _t.c.state.in_((AddOnState.PROVISIONING, AddOnState.DEPROVISIONING))
    moving = sa.and_(_t.c.state == AddOnState.PROVISIONED, _t.c.plan_wanted.is_not(None))
    ready = sa.and_(sa.not_(_t.c.awaited), sa.or_(_t.c.retry_at.is_(None), _t.c.retry_at <= now))
    given_up = sa.and_(_t.c.awaited, _t.c.begun_at <= now - GIVE_UP_AFTER)
    query = sa.select(*_shown).where(sa.or_(open_states, moving), sa.or_(ready, given_up))
    return rows.every(tx, AddOn, query.order_by(_t.c.begun_at, _t.c.id))


def by_ids(tx: Transaction, ids: Collection[str]) -> dict[str, AddOn]:
    return {addon.id: addon for addon in rows.every(tx, AddOn, _select(_t.c.id.in_(ids)))}


def find(tx: Transaction, name_or_id: str) -> AddOn | None:
    """One that is there, or that could not be made."""
    named = sa.or_(_t.c.name == name_or_id, _t.c.id == name_or_id)
    query = sa.select(*_shown).where(sa.or_(_live, _failed), named, _owned)
    return rows.one(tx, AddOn, query.order_by(_t.c.live_name.is_(None), _t.c.created_at.desc()))


def find_by_id(tx: Transaction, addon_id: str) -> AddOn | None:
    """Whatever has become of it."""
    return rows.one(tx, AddOn, _select(_t.c.id == addon_id))


def lock(tx: Transaction, addon_id: str) -> AddOn | None:
    """Its row locked until the transaction ends. Before the rows of apps, of which one locks in the order of their ids."""
    return rows.one(tx, AddOn, _select(_t.c.id == addon_id).with_for_update())


def insert(tx: Transaction, addon: AddOn, options: Mapping[str, str]) -> None:
    values = {**rows.to_row(addon), "options": rows.sealed(tx, options), "live_name": addon.name}
    values["log_token_hash"] = hash_token(log_token(tx.secrets, addon.id))
    tx.connection.execute(_t.insert().values(values))


def update(tx: Transaction, addon_id: str, *, now: datetime, **values: object) -> None:
    """A `name` and a state without anything left are told to what keeps names apart."""
    if "name" in values:
        values["live_name"] = values["name"]
    if values.get("state") is AddOnState.DEPROVISIONED:
        values["live_name"] = None
    rows.update(tx, _t, addon_id, updated_at=now, **values)


def log_token(secrets: Secrets, addon_id: str) -> str:
    """By which its provider may write to the app's log: `d.` and a UUID, as clients of Logplex know it."""
    digits = secrets.sign("addon-log", addon_id)[:32]
    return f"d.{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def find_by_log_token(tx: Transaction, token: str) -> AddOn | None:
    return rows.one(tx, AddOn, _select(_t.c.log_token_hash == hash_token(token), _owned))


def options(tx: Transaction, addon_id: str) -> dict[str, str]:
    """What the user told the provider."""
    return rows.opened(tx, tx.connection.execute(sa.select(_t.c.options).where(_t.c.id == addon_id)).scalar_one())


def configs(tx: Transaction, addon_ids: Collection[str]) -> dict[tuple[str, str], dict[str, str]]:
    """Add-on id and namespace → config, by the provider's own names."""
    query = sa.select(_config.c.addon_id, _config.c.namespace, _config.c.vars).where(_config.c.addon_id.in_(addon_ids))
    return {(row.addon_id, row.namespace): rows.opened(tx, row.vars) for row in tx.connection.execute(query)}


def config(tx: Transaction, addon_id: str, namespace: str = "") -> dict[str, str] | None:
    """None where the provider has given none."""
    return configs(tx, [addon_id]).get((addon_id, namespace))


def set_config(tx: Transaction, addon_id: str, namespace: str, found: Mapping[str, str] | None) -> None:
    """Keep a config in place of the old one; None removes it."""
    where = sa.and_(_config.c.addon_id == addon_id, _config.c.namespace == namespace)
    tx.connection.execute(_config.delete().where(where))
    if found is not None:
        values = {"addon_id": addon_id, "namespace": namespace, "vars": rows.sealed(tx, found)}
        tx.connection.execute(_config.insert().values(values))


def forget(tx: Transaction, addon_id: str) -> None:
    """What is secret of one that is gone."""
    tx.connection.execute(_config.delete().where(_config.c.addon_id == addon_id))
    rows.update(tx, _t, addon_id, options=b"", log_token_hash=None)


def count_of_service(tx: Transaction, service: str) -> int:
    query = sa.select(sa.func.count()).select_from(_t).where(_live, _t.c.service == service)
    return int(tx.connection.execute(query).scalar_one())


def delete_gone(tx: Transaction, service: str) -> None:
    """Forget what is left of a service's add-ons."""
    _delete(tx, sa.and_(sa.not_(_live), _t.c.service == service))


def prune(tx: Transaction, before: datetime) -> None:
    """Forget those that have been gone since before that moment."""
    _delete(tx, sa.and_(sa.not_(_live), _t.c.updated_at < before))


def _delete(tx: Transaction, which: sa.ColumnElement[bool]) -> None:
    webhooks.delete_of(tx, sa.select(_t.c.id).where(which))
    tx.connection.execute(_t.delete().where(which))
