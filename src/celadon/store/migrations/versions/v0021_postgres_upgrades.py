"""Upgrades of databases, and how often a check of a backup was begun."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0015"


def upgrade() -> None:
    """A column."""
    op.add_column("transfers", sa.Column("check_attempts", sa.Integer(), nullable=False, server_default=sa.text("0")))
