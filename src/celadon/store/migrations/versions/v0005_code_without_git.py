"""Code without git: sources, slugs, build caches to purge; log drains."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Two tables, and columns that begin as they were."""
    op.add_column("apps", sa.Column("cache_purge_requested", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "log_drains",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("url", sa.LargeBinary(), nullable=False),
        sa.Column("url_digest", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token"),
        sa.UniqueConstraint("app_id", "url_digest"),
    )
    op.create_index(op.f("ix_log_drains_app_id"), "log_drains", ["app_id"], unique=False)
    op.create_table(
        "sources",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger()),
        sa.Column("checksum", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("builds", sa.Column("source_id", sa.Text()))
    op.add_column("slugs", sa.Column("status", sa.Text(), nullable=False, server_default="ready"))
    op.add_column("slugs", sa.Column("error", sa.Text()))
    op.add_column("slugs", sa.Column("archive_checksum", sa.Text()))
    op.add_column("slugs", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
