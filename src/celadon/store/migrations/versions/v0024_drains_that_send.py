"""How each log drain fares."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0020"


def upgrade() -> None:
    """Four columns, which Logplex writes."""
    op.add_column("log_drains", sa.Column("state", sa.Text(), nullable=False, server_default="new"))
    op.add_column("log_drains", sa.Column("reason", sa.Text()))
    op.add_column("log_drains", sa.Column("since", sa.DateTime(timezone=True)))
    op.add_column("log_drains", sa.Column("dropped", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
