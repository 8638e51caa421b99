"""App setups that wait for add-ons."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0015"


def upgrade() -> None:
    """A column."""
    op.add_column("app_setups", sa.Column("addons", sa.Text(), nullable=False, server_default="[]"))
