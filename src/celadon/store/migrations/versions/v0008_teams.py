"""Teams with members and invitations; apps of a team can be locked, access to them has permissions."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def upgrade() -> None:
    """Columns that begin as everything was, then the tables."""
    op.add_column("apps", sa.Column("locked", sa.Boolean(), nullable=False, server_default=sa.false()))
    collaborators = '["view", "deploy", "operate"]'
    op.add_column("collaborators", sa.Column("permissions", sa.Text(), nullable=False, server_default=collaborators))
    op.create_table(
        "teams",
        _text("id"),
        _text("name"),
        _text("account_id"),
        _instant("created_at"),
        _instant("updated_at"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("account_id"),
    )
    op.create_table(
        "team_members",
        _text("id"),
        _text("team_id"),
        _text("account_id"),
        _text("role"),
        sa.Column("is_default", sa.Boolean(), nullable=False, server_default=sa.false()),
        _instant("created_at"),
        _instant("updated_at"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("team_id", "account_id"),
    )
    op.create_index("ix_team_members_account_id", "team_members", ["account_id"])
    op.create_table(
        "team_invitations",
        _text("id"),
        _text("team_id"),
        _text("email"),
        _text("role"),
        _text("token_hash"),
        _text("invited_by"),
        _instant("created_at"),
        _instant("updated_at"),
        _instant("expires_at"),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["invited_by"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
        sa.UniqueConstraint("team_id", "email"),
    )
