"""Buildpack installations: an app's buildpacks, in order."""

from collections.abc import Sequence

import sqlalchemy as sa

from celadon.model.build import BuildpackInstallation
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.buildpack_installations


def list_of(tx: Transaction, app_id: str) -> list[BuildpackInstallation]:
    return rows.every(tx, BuildpackInstallation, sa.select(_t).where(_t.c.app_id == app_id).order_by(_t.c.ordinal))


def replace(tx: Transaction, app_id: str, urls: Sequence[str]) -> None:
    tx.connection.execute(_t.delete().where(_t.c.app_id == app_id))
    for ordinal, url in enumerate(urls):
        rows.insert(tx, _t, BuildpackInstallation(app_id=app_id, ordinal=ordinal, url=url))
