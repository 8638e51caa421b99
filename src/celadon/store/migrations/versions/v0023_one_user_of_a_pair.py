"""The nodes of a pair are one user, who has one archive."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """A standby that there is already belongs to its first node's user from its next start on."""
    op.add_column("engines", sa.Column("user_number", sa.Integer(), nullable=True))
    op.execute(
        "update engines set user_number = (select first.number from engines as first where first.id = engines.pair) "
        "where pair is not null and pair <> id"
    )
