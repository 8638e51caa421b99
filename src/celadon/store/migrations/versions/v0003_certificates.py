"""Certificates of apps, what is known of each domain, and what proves to a certificate authority that a name is ours."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Two tables, and columns that begin as they were."""
    op.create_table(
        "sni_endpoints",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("certificate_chain", sa.Text(), nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renew_at", sa.DateTime(timezone=True)),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("acm", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index(op.f("ix_sni_endpoints_app_id"), "sni_endpoints", ["app_id"], unique=False)
    op.create_table(
        "acme_challenges",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("key_authorization", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token"),
    )
    op.add_column("apps", sa.Column("acm", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("domains", sa.Column("sni_endpoint_id", sa.Text()))
    op.add_column("domains", sa.Column("status", sa.Text(), nullable=False, server_default="pending"))
    op.add_column("domains", sa.Column("check_at", sa.DateTime(timezone=True)))
    op.create_index(op.f("ix_domains_check_at"), "domains", ["check_at"], unique=False)
    op.add_column("domains", sa.Column("acm_status", sa.Text()))
    op.add_column("domains", sa.Column("acm_status_reason", sa.Text()))
    op.add_column("domains", sa.Column("acm_tries", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("domains", sa.Column("acm_next_at", sa.DateTime(timezone=True)))
