"""Credentials of databases have states, permissions, and a password to come."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0015"


def upgrade() -> None:
    """Those that are there are their databases' default ones."""
    op.add_column("postgres_credentials", sa.Column("state", sa.Text(), nullable=False, server_default="active"))
    op.add_column("postgres_credentials", sa.Column("permission", sa.Text(), nullable=False, server_default="owner"))
    op.add_column("postgres_credentials", sa.Column("cut_at", sa.DateTime(timezone=True)))
    op.add_column("postgres_credentials", sa.Column("pending", sa.LargeBinary()))
