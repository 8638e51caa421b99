"""App setups that wait for the first code of their app: they have no build. A postdeploy script may have a size."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """One column may be empty, one is new."""
    with op.batch_alter_table("app_setups") as table:
        table.alter_column("build_id", existing_type=sa.Text(), nullable=True)
        table.add_column(sa.Column("postdeploy_size", sa.Text()))
