"""Pipelines, and the couplings of apps to them."""

import sqlalchemy as sa

from celadon.model.pipeline import Coupling, Pipeline
from celadon.store import apps, rows, tables
from celadon.store.database import Transaction

_t = tables.pipelines
_c = tables.pipeline_couplings


def find(tx: Transaction, pipeline_id: str) -> Pipeline | None:
    return rows.one(tx, Pipeline, sa.select(_t).where(_t.c.id == pipeline_id))


def list_called(tx: Transaction, id_or_name: str, account_id: str | None = None) -> list[Pipeline]:
    """Pipelines of this id or name that the account sees; of all, when none is given."""
    query = sa.select(_t).where(sa.or_(_t.c.id == id_or_name, _t.c.name == id_or_name)).order_by(_t.c.created_at)
    return rows.every(tx, Pipeline, query if account_id is None else query.where(_visible_to(account_id)))


def list_visible(tx: Transaction, account_id: str) -> list[Pipeline]:
    """Pipelines that the account owns or sees an app of, by name."""
    return rows.every(tx, Pipeline, sa.select(_t).where(_visible_to(account_id)).order_by(_t.c.name, _t.c.created_at))


def _visible_to(account_id: str) -> sa.ColumnElement[bool]:
    seen = sa.select(_c.c.pipeline_id).where(_c.c.app_id.in_(apps.visible_ids(account_id)))
    return sa.or_(_t.c.owner_id == account_id, _t.c.id.in_(seen))


def count_owned(tx: Transaction, account_id: str) -> int:
    query = sa.select(sa.func.count()).select_from(_t).where(_t.c.owner_id == account_id)
    return int(tx.connection.execute(query).scalar_one())


def by_ids(tx: Transaction, ids: set[str]) -> dict[str, Pipeline]:
    return {found.id: found for found in rows.every(tx, Pipeline, sa.select(_t).where(_t.c.id.in_(ids)))}


def lock(tx: Transaction, pipeline_id: str) -> Pipeline | None:
    """The pipeline, its row locked until the transaction ends: what counts its apps or changes its owner starts so."""
    return rows.one(tx, Pipeline, sa.select(_t).where(_t.c.id == pipeline_id).with_for_update())


def insert(tx: Transaction, pipeline: Pipeline) -> None:
    rows.insert(tx, _t, pipeline)


def update(tx: Transaction, pipeline_id: str, **values: object) -> None:
    rows.update(tx, _t, pipeline_id, **values)


def delete(tx: Transaction, pipeline_id: str) -> None:
    """The pipeline and its couplings; the apps stay."""
    tx.connection.execute(_t.delete().where(_t.c.id == pipeline_id))


def find_coupling(tx: Transaction, coupling_id: str) -> Coupling | None:
    return rows.one(tx, Coupling, sa.select(_c).where(_c.c.id == coupling_id))


def coupling_of(tx: Transaction, app_id: str) -> Coupling | None:
    """The app's own coupling."""
    return rows.one(tx, Coupling, sa.select(_c).where(_c.c.app_id == app_id))


def couplings_of(tx: Transaction, pipeline_id: str) -> list[Coupling]:
    return rows.every(tx, Coupling, sa.select(_c).where(_c.c.pipeline_id == pipeline_id).order_by(_c.c.created_at))


def couplings_visible(tx: Transaction, account_id: str) -> list[Coupling]:
    """Of all apps the account owns or collaborates on."""
    query = sa.select(_c).where(_c.c.app_id.in_(apps.visible_ids(account_id)))
    return rows.every(tx, Coupling, query.order_by(_c.c.created_at))


def insert_coupling(tx: Transaction, coupling: Coupling) -> None:
    rows.insert(tx, _c, coupling)


def update_coupling(tx: Transaction, coupling_id: str, **values: object) -> None:
    rows.update(tx, _c, coupling_id, **values)


def delete_coupling(tx: Transaction, app_id: str) -> None:
    """No error for an app that is in no pipeline."""
    tx.connection.execute(_c.delete().where(_c.c.app_id == app_id))
