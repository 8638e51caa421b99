"""App setups."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """One table."""
    op.create_table(
        "app_setups",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("build_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("env", sa.LargeBinary(), nullable=False),
        sa.Column("buildpacks", sa.Text(), nullable=False),
        sa.Column("formation", sa.Text(), nullable=False),
        sa.Column("postdeploy", sa.Text()),
        sa.Column("success_url", sa.Text()),
        sa.Column("dyno_id", sa.Text()),
        sa.Column("output", sa.LargeBinary()),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("manifest_errors", sa.Text(), nullable=False),
        sa.Column("failure_message", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("build_id"),
    )
    op.create_index(op.f("ix_app_setups_app_id"), "app_setups", ["app_id"], unique=False)
    op.create_index(op.f("ix_app_setups_step"), "app_setups", ["step"], unique=False)
    op.create_index(op.f("ix_app_setups_dyno_id"), "app_setups", ["dyno_id"], unique=False)
