"""App setups that wait for add-ons, what teams allow of them, and whom their providers have told of."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0019"


def upgrade() -> None:
    """Three columns, and a table."""
    op.add_column("webhooks", sa.Column("addon_id", sa.Text()))
    op.create_index(op.f("ix_webhooks_addon_id"), "webhooks", ["addon_id"], unique=False)
    op.add_column("app_setups", sa.Column("addons", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("teams", sa.Column("addons_controls", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "allowed_addon_services",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("team_id", "service"),
    )
