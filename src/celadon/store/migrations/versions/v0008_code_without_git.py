"""Code without git: build caches to purge."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0004"


def upgrade() -> None:
    """A column that begins as it was."""
    op.add_column("apps", sa.Column("cache_purge_requested", sa.Boolean(), nullable=False, server_default=sa.false()))
