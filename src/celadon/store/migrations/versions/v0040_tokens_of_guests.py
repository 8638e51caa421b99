"""One-offs and exec sessions remember with which token they were begun: they go when it does."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    """One column of each."""
    for table in ("dynos", "exec_sessions"):
        op.add_column(table, sa.Column("authorization_id", sa.Text()))
