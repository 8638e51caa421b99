"""Webhooks of apps, what they are told, and how far that has come."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Four tables; what happened before is told to nobody."""
    op.create_table(
        "webhooks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("include", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("authorization", sa.LargeBinary()),
        *_times(),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "webhook_events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("include", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        *_times(),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("include", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("num_attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True)),
        sa.Column("attempt_id", sa.Text()),
        sa.Column("attempt_status", sa.Text()),
        sa.Column("attempt_code", sa.Integer()),
        sa.Column("attempt_error_class", sa.Text()),
        sa.Column("attempt_created_at", sa.DateTime(timezone=True)),
        sa.Column("attempt_updated_at", sa.DateTime(timezone=True)),
        *_times(),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["event_id"], ["webhook_events.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("seq"),
    )
    for table, column in (
        ("webhooks", "app_id"),
        ("webhook_events", "app_id"),
        ("webhook_deliveries", "app_id"),
        ("webhook_deliveries", "webhook_id"),
        ("webhook_deliveries", "event_id"),
        ("webhook_deliveries", "next_attempt_at"),
    ):
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    op.create_table("webhook_cursor", sa.Column("seq", sa.BigInteger(), nullable=False))
    op.execute("insert into webhook_cursor (seq) select coalesce(max(seq), 0) from events")


def _times() -> tuple[sa.Column[datetime], sa.Column[datetime]]:
    moment = sa.DateTime(timezone=True)
    return sa.Column("created_at", moment, nullable=False), sa.Column("updated_at", moment, nullable=False)
