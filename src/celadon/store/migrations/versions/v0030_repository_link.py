"""Where people look at an app's code."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0034"


def upgrade() -> None:
    op.add_column("apps", sa.Column("repository_url", sa.Text(), nullable=True))
