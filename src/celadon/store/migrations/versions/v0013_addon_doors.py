"""What the providers of add-ons and people come in by: log tokens, and single sign-on."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """A column, and a table."""
    op.add_column("addons", sa.Column("log_token_hash", sa.Text()))
    op.create_index(op.f("ix_addons_log_token_hash"), "addons", ["log_token_hash"], unique=True)
    op.create_table(
        "addon_sign_ons",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("addon_id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["addon_id"], ["addons.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index(op.f("ix_addon_sign_ons_app_id"), "addon_sign_ons", ["app_id"], unique=False)
