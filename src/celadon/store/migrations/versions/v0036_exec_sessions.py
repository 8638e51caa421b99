"""Commands that somebody runs in a dyno beside its process."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """One table."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "exec_sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("app_id", sa.Text, sa.ForeignKey("apps.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("dyno_id", sa.Text, sa.ForeignKey("dynos.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("container_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.Text, nullable=False, unique=True),
        sa.Column("env", sa.LargeBinary, nullable=False),
        sa.Column("met_at", instant),
        sa.Column("created_at", instant, nullable=False),
    )
