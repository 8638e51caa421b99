"""Upgrades of databases, and how often a check of a backup was begun."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0023"


def upgrade() -> None:
    """A table and a column."""
    op.create_table(
        "postgres_upgrades",
        sa.Column("addon_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version_from", sa.Text(), nullable=False),
        sa.Column("version_to", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("scratch_id", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("addon_id"),
    )
    op.create_index(op.f("ix_postgres_upgrades_status"), "postgres_upgrades", ["status"], unique=False)
    op.add_column("transfers", sa.Column("check_attempts", sa.Integer(), nullable=False, server_default=sa.text("0")))
