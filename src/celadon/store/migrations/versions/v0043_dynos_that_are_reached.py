"""Dynos that requests do reach, beside those that they may reach."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    """The router's second word on a dyno; of those that serve it was not said."""
    op.add_column("dynos", sa.Column("reached", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute("UPDATE dynos SET reached = routed")
