"""What accounts need: invitations, confirmations, mail, two factors, sessions, clients, transfers, and where events came from."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _instant(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def upgrade() -> None:
    """Columns that begin as they were, then the tables."""
    op.add_column("events", sa.Column("address", sa.Text()))
    op.create_index("ix_events_account_id", "events", ["account_id"])
    op.add_column("accounts", sa.Column("deleted_at", sa.DateTime(timezone=True)))
    op.add_column("accounts", sa.Column("allow_tracking", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("accounts", sa.Column("preferences", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("accounts", sa.Column("two_factor", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("accounts", sa.Column("two_factor_secret", sa.LargeBinary()))
    op.add_column("accounts", sa.Column("two_factor_step", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("authorizations", sa.Column("client_id", sa.Text()))
    op.add_column("authorizations", sa.Column("session_id", sa.Text()))
    op.add_column("authorizations", sa.Column("refresh_hash", sa.Text()))
    op.add_column("authorizations", sa.Column("grant_hash", sa.Text()))
    op.add_column("authorizations", sa.Column("grant_expires_at", sa.DateTime(timezone=True)))
    op.add_column("authorizations", sa.Column("lifetime", sa.Integer()))
    for column in ("refresh_hash", "grant_hash"):
        op.create_index(f"ix_authorizations_{column}", "authorizations", [column], unique=True)
    op.create_index("ix_authorizations_account_id", "authorizations", ["account_id"])
    _create_accounts()
    _create_oauth()
    _create_app_transfers()


def _create_accounts() -> None:
    op.create_table(
        "recovery_codes",
        _text("account_id"),
        _text("code_hash"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("account_id", "code_hash"),
    )
    op.create_table(
        "account_features",
        _text("account_id"),
        _text("name"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("account_id", "name"),
    )
    op.create_table(
        "invitations",
        _text("id"),
        _text("email"),
        _text("token_hash"),
        _text("invited_by", nullable=True),
        _instant("created_at"),
        _instant("expires_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_table(
        "confirmations",
        _text("id"),
        _text("account_id"),
        _text("purpose"),
        _text("value", nullable=True),
        _text("token_hash"),
        _instant("created_at"),
        _instant("expires_at"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_table(
        "mails",
        _text("id"),
        _text("recipient"),
        _text("subject"),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        _instant("created_at"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _instant("next_attempt_at"),
        _instant("sent_at", nullable=True),
        _text("error", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_mails_recipient", "mails", ["recipient"])
    op.create_index("ix_mails_next_attempt_at", "mails", ["next_attempt_at"])
    op.create_table(
        "collaborator_invitations",
        _text("app_id"),
        _text("email"),
        _text("invited_by"),
        _instant("created_at"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["invited_by"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("app_id", "email"),
    )


def _create_oauth() -> None:
    op.create_table(
        "sessions",
        _text("id"),
        _text("account_id"),
        _text("description"),
        _instant("created_at"),
        _instant("updated_at"),
        _instant("expires_at"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sessions_account_id", "sessions", ["account_id"])
    op.create_table(
        "browser_logins",
        _text("id"),
        _text("description"),
        _text("secret_hash"),
        _text("address", nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        _instant("created_at"),
        _instant("expires_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "oauth_clients",
        _text("id"),
        _text("account_id"),
        _text("name"),
        _text("redirect_uri"),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("ignores_delinquent", sa.Boolean(), nullable=True),
        _instant("created_at"),
        _instant("updated_at"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_oauth_clients_account_id", "oauth_clients", ["account_id"])


def _create_app_transfers() -> None:
    op.create_table(
        "app_transfers",
        _text("id"),
        _text("app_id"),
        _text("owner_id"),
        _text("recipient_id"),
        _text("state"),
        _instant("created_at"),
        _instant("updated_at"),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["owner_id"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["recipient_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_app_transfers_app_id", "app_transfers", ["app_id"])
    op.create_index("ix_app_transfers_recipient_id", "app_transfers", ["recipient_id"])
