"""Pipelines, what is coupled to them, and promotions."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def _times() -> list[sa.Column[object]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("created_at", "updated_at")]


def upgrade() -> None:
    """Four tables."""
    op.create_table(
        "pipelines",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        *_times(),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("owner_id", "name"),
    )
    op.create_index(op.f("ix_pipelines_name"), "pipelines", ["name"], unique=False)
    op.create_table(
        "pipeline_couplings",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("pipeline_id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        *_times(),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("app_id"),
    )
    op.create_index(op.f("ix_pipeline_couplings_pipeline_id"), "pipeline_couplings", ["pipeline_id"], unique=False)
    op.create_table(
        "promotions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("pipeline_id", sa.Text(), nullable=False),
        sa.Column("source_app_id", sa.Text(), nullable=False),
        sa.Column("source_release_id", sa.Text(), nullable=False),
        sa.Column("slug_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source_app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["source_release_id"], ["releases.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["slug_id"], ["slugs.id"]),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "promotion_targets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("promotion_id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_message", sa.Text()),
        sa.Column("release_id", sa.Text()),
        *_times(),
        sa.ForeignKeyConstraint(["promotion_id"], ["promotions.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["release_id"], ["releases.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_promotion_targets_promotion_id"), "promotion_targets", ["promotion_id"], unique=False)
    op.create_index(op.f("ix_promotion_targets_app_id"), "promotion_targets", ["app_id"], unique=False)
    pending = sa.text("status = 'pending'")
    op.create_index(
        "promotion_targets_pending",
        "promotion_targets",
        ["created_at"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
