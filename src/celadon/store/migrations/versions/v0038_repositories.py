"""What is asked of repositories, what was pushed to them since they were packed, and which folder of them is built."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """One table, and the folder that a build was accepted with."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "repositories",
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("reset_requested", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("gc_requested", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("pushes", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("pushed_at", instant, nullable=True),
        sa.Column("gc_at", instant, nullable=True),
        sa.Column("source_path", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("app_id"),
    )
    op.add_column("builds", sa.Column("source_path", sa.Text(), nullable=True))
