"""Reports on databases, encrypted."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.postgres_report import Report
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.postgres_reports


def find(tx: Transaction, report_id: str) -> Report | None:
    """Raises SecretsError."""
    row = tx.connection.execute(sa.select(_t).where(_t.c.id == report_id)).mappings().first()
    return None if row is None else Report(**{**row, "content": tx.secrets.decrypt(row["content"])})


def insert(tx: Transaction, report: Report) -> None:
    tx.connection.execute(_t.insert().values({**rows.to_row(report), "content": tx.secrets.encrypt(report.content)}))


def prune(tx: Transaction, before: datetime) -> None:
    tx.connection.execute(_t.delete().where(_t.c.created_at < before))
