"""Log sessions that look through all that is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Three columns of log sessions."""
    op.add_column("log_sessions", sa.Column("grep", sa.Text()))
    op.add_column("log_sessions", sa.Column("request_id", sa.Text()))
    op.add_column("log_sessions", sa.Column("since", sa.DateTime(timezone=True)))
