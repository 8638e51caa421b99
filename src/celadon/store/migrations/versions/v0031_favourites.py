"""Apps that somebody likes to see first."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0025"


def upgrade() -> None:
    """One table."""
    op.create_table(
        "favourites",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "app_id"),
    )
