"""How much there is and how much waits, on the whole platform."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.addon import AddOnState
from celadon.model.build import BuildStatus
from celadon.model.transfer import OPEN
from celadon.model.webhook import DeliveryStatus
from celadon.store import tables
from celadon.store.database import Transaction

_WAITING = (DeliveryStatus.PENDING, DeliveryStatus.SCHEDULED, DeliveryStatus.RETRYING)


def _count(tx: Transaction, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
    return int(tx.connection.execute(sa.select(sa.func.count()).select_from(table).where(*conditions)).scalar_one())


def _by(tx: Transaction, column: sa.Column[str], *conditions: sa.ColumnElement[bool]) -> dict[str, int]:
    found = tx.connection.execute(sa.select(column, sa.func.count()).where(*conditions).group_by(column))
    return {str(word): int(count) for word, count in found}


def dynos(tx: Transaction) -> dict[str, int]:
    """State → dynos."""
    return _by(tx, tables.dynos.c.state)


def engines(tx: Transaction) -> dict[str, int]:
    """Kind → engines of add-ons."""
    return _by(tx, tables.engines.c.kind)


def apps(tx: Transaction) -> int:
    return _count(tx, tables.apps, tables.apps.c.deleted_at.is_(None))


def accounts(tx: Transaction) -> int:
    """People; teams are none."""
    of_team = sa.exists().where(tables.teams.c.account_id == tables.accounts.c.id)
    return _count(tx, tables.accounts, tables.accounts.c.deleted_at.is_(None), sa.not_(of_team))


def queues(tx: Transaction) -> dict[str, int]:
    """What waits for somebody's work."""
    working = (AddOnState.PROVISIONING, AddOnState.DEPROVISIONING)
    return {
        "Builds": _count(tx, tables.builds, tables.builds.c.status == BuildStatus.PENDING),
        "Letters not sent": _count(tx, tables.mails, tables.mails.c.sent_at.is_(None)),
        "Deliveries of webhooks": _count(
            tx, tables.webhook_deliveries, tables.webhook_deliveries.c.status.in_(_WAITING)
        ),
        "Add-ons being made or removed": _count(tx, tables.addons, tables.addons.c.state.in_(working)),
        "Backups and copies of databases": _count(tx, tables.transfers, tables.transfers.c.status.in_(OPEN)),
    }


def expiring(tx: Transaction, before: datetime) -> list[tuple[str, datetime, bool]]:
    """Certificates of apps that end before: app, when, whether they renew themselves; the soonest first."""
    ends, app = tables.sni_endpoints.c, tables.apps.c
    query = sa.select(app.name, ends.expires_at, ends.acm).join(tables.apps, app.id == ends.app_id)
    found = tx.connection.execute(
        query.where(ends.expires_at < before, app.deleted_at.is_(None)).order_by(ends.expires_at).limit(50)
    )
    return [(row.name, row.expires_at, row.acm) for row in found]


def server_bytes(tx: Transaction) -> int:
    """What the store's database takes on a PostgreSQL server; 0 where it is a file."""
    if tx.connection.dialect.name != "postgresql":
        return 0
    return int(tx.connection.execute(sa.text("select pg_database_size(current_database())")).scalar_one())
