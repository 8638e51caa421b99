"""What the owner of a database sets and looks at: settings, the window of its maintenance, reports."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Four columns and a table."""
    op.add_column("postgres_databases", sa.Column("settings", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("postgres_databases", sa.Column("maintenance_window", sa.Integer()))
    op.add_column("postgres_databases", sa.Column("maintenance_asked_at", sa.DateTime(timezone=True)))
    op.add_column("postgres_databases", sa.Column("maintained_at", sa.DateTime(timezone=True)))
    op.create_table(
        "postgres_reports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("addon_id", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["addon_id"], ["addons.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_postgres_reports_addon_id"), "postgres_reports", ["addon_id"], unique=False)
