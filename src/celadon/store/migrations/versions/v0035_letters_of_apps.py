"""Letters whose recipients an app's people have chosen are counted apart."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0030"


def upgrade() -> None:
    """One column."""
    op.add_column("mails", sa.Column("of_app", sa.Boolean(), nullable=False, server_default=sa.false()))
