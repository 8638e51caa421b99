"""An upload that was cut off may be sent again: a slug knows what came."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    """The checksum of the archive that a slug was made from."""
    op.add_column("slugs", sa.Column("uploaded_checksum", sa.Text))
