"""Which step of its plan's limits the owner of a database was told of."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0021"


def upgrade() -> None:
    """One column."""
    op.add_column("postgres_databases", sa.Column("told", sa.Integer(), nullable=False, server_default=sa.text("0")))
