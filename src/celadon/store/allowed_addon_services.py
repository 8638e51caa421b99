"""Add-on services that the members of teams may use."""

import sqlalchemy as sa

from celadon.model.team import AllowedAddOnService
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.allowed_addon_services


def list_of(tx: Transaction, team_id: str) -> list[AllowedAddOnService]:
    return rows.every(tx, AllowedAddOnService, sa.select(_t).where(_t.c.team_id == team_id).order_by(_t.c.service))


def insert(tx: Transaction, allowed: AllowedAddOnService) -> None:
    rows.insert(tx, _t, allowed)


def delete(tx: Transaction, allowed_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id == allowed_id))
