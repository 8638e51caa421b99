"""Images of apps: imported by builds of their own, run from slugs that are whole root filesystems."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """What a slug was imported from, what a build imports, and the login it fetches that with."""
    op.add_column("slugs", sa.Column("image", sa.Text))
    op.add_column("builds", sa.Column("image", sa.Text))
    op.create_table(
        "registry_logins",
        sa.Column("build_id", sa.Text, sa.ForeignKey("builds.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("login", sa.LargeBinary, nullable=False),
    )
