"""Log sessions remember whose they are, and with which token they were asked for: they end with the access."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """The table anew: of the sessions of before, which are for a day at most, nobody knows whose they are."""
    instant = sa.DateTime(timezone=True)
    op.drop_table("log_sessions")
    op.create_table(
        "log_sessions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("app_id", sa.Text, sa.ForeignKey("apps.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("authorization_id", sa.Text),
        sa.Column("secret_hash", sa.Text, nullable=False, unique=True),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("tail", sa.Boolean, nullable=False),
        sa.Column("dyno", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("grep", sa.Text),
        sa.Column("request_id", sa.Text),
        sa.Column("since", instant),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
    )
