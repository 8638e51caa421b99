"""The tables, as SQLAlchemy Core sees them. A migration changes them; see `migrations/`.

Column names are the field names of the model's dataclasses: `rows.py` relies on it.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from celadon.model import image
from celadon.model.addon import AddOnState
from celadon.model.alert import AlertState, Measure
from celadon.model.app_setup import SetupStep
from celadon.model.app_transfer import TransferState
from celadon.model.build import BuildStatus
from celadon.model.cache import Step as CacheStep
from celadon.model.deploy_hook import DeliveryState, Kind
from celadon.model.domain import AcmStatus, DomainStatus
from celadon.model.dyno import DynoRequest, DynoState
from celadon.model.engine import EngineKind, EngineState
from celadon.model.pipeline import Stage
from celadon.model.postgres_database import CredentialPermission, CredentialState, Origin, Step
from celadon.model.postgres_upgrade import UpgradeKind, UpgradeStatus
from celadon.model.promotion import TargetStatus
from celadon.model.release import ReleaseStatus
from celadon.model.scheduler_job import Frequency, JobStatus
from celadon.model.slug import SlugStatus
from celadon.model.status import Health, UpdateType
from celadon.model.team import TeamRole
from celadon.model.transfer import Check, TransferKind, TransferStatus, TransferStep
from celadon.model.webhook import DeliveryStatus, Level

metadata = sa.MetaData()


class Instant(sa.TypeDecorator[datetime]):
    """An instant in UTC; SQLite keeps no zone, so it is added when read."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None or value.tzinfo is UTC:
            return value
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Word(sa.TypeDecorator[StrEnum]):
    """One word of a StrEnum, kept as text."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, words: Callable[[str], StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_bind_param(self, value: StrEnum | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> StrEnum | None:
        return None if value is None else self.words(value)


class Json(sa.TypeDecorator[Any]):
    """A small value as JSON text; a list comes back as a tuple, as the model's frozen values want it."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: sa.Dialect) -> str:
        return json.dumps(dict(value) if isinstance(value, Mapping) else value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        read = json.loads(value) if value is not None else None
        return tuple(read) if isinstance(read, list) else read


class ImageText(sa.TypeDecorator[image.Image]):
    """What is kept of an image, as JSON text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: image.Image | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else image.to_json(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> image.Image | None:
        return None if value is None else image.from_json(value)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True)


def _app(nullable: bool = False) -> sa.Column[str]:
    return sa.Column("app_id", sa.Text, sa.ForeignKey("apps.id", ondelete="CASCADE"), nullable=nullable, index=True)


def _account(name: str = "account_id", nullable: bool = False, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, sa.ForeignKey("accounts.id"), nullable=nullable, index=index)


def _times() -> tuple[sa.Column[datetime], sa.Column[datetime]]:
    return sa.Column("created_at", Instant, nullable=False), sa.Column("updated_at", Instant, nullable=False)


accounts = sa.Table(
    "accounts",
    metadata,
    _id(),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("operator", sa.Boolean, nullable=False),
    sa.Column("verified", sa.Boolean, nullable=False),
    *_times(),
    sa.Column("last_login", Instant),
    # A deleted account keeps its row, as what it did names it; its address is free again.
    sa.Column("deleted_at", Instant),
    sa.Column("allow_tracking", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("preferences", Json, nullable=False, server_default="{}"),
    sa.Column("two_factor", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("two_factor_secret", sa.LargeBinary),
    sa.Column("two_factor_step", sa.Integer, nullable=False, server_default="0"),
)

recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id"), primary_key=True),
    sa.Column("code_hash", sa.Text, primary_key=True),
)

account_features = sa.Table(
    "account_features",
    metadata,
    sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
)

# Who may make an account: one invitation for an address, the newest.
invitations = sa.Table(
    "invitations",
    metadata,
    _id(),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    sa.Column("invited_by", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

# What a link in a mail confirms: a new password, a new address (`value`).
confirmations = sa.Table(
    "confirmations",
    metadata,
    _id(),
    _account(),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("value", sa.Text),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

# The outbox. `text` is encrypted: it holds links with secrets.
mails = sa.Table(
    "mails",
    metadata,
    _id(),
    sa.Column("recipient", sa.Text, nullable=False, index=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("text", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", Instant, nullable=False, index=True),
    sa.Column("sent_at", Instant),
    sa.Column("error", sa.Text),
    # What an app's people have others told: it must not take the place of letters about accounts.
    sa.Column("of_app", sa.Boolean, nullable=False, server_default=sa.false()),
)

keys = sa.Table(
    "keys",
    metadata,
    _id(),
    _account(),
    sa.Column("public_key", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False, unique=True),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

authorizations = sa.Table(
    "authorizations",
    metadata,
    _id(),
    _account(index=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("scope", Json, nullable=False),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    sa.Column("token_hint", sa.Text, nullable=False),
    sa.Column("expires_at", Instant),
    *_times(),
    sa.Column("client_id", sa.Text),
    sa.Column("session_id", sa.Text),
    sa.Column("refresh_hash", sa.Text, unique=True, index=True),
    sa.Column("grant_hash", sa.Text, unique=True, index=True),
    sa.Column("grant_expires_at", Instant),
    sa.Column("lifetime", sa.Integer),
)

sessions = sa.Table(
    "sessions",
    metadata,
    _id(),
    _account(index=True),
    sa.Column("description", sa.Text, nullable=False),
    *_times(),
    sa.Column("expires_at", Instant, nullable=False),
)

# A command line waits for what somebody says in a browser; `answer` is the encrypted token, or why there is none.
browser_logins = sa.Table(
    "browser_logins",
    metadata,
    _id(),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.Text, nullable=False),
    sa.Column("address", sa.Text),
    sa.Column("answer", sa.LargeBinary),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

oauth_clients = sa.Table(
    "oauth_clients",
    metadata,
    _id(),
    _account(index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("ignores_delinquent", sa.Boolean),
    *_times(),
)

apps = sa.Table(
    "apps",
    metadata,
    _id(),
    # A destroyed app keeps its row for a while, so that it can be brought back; its name is free at once.
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    _account("owner_id"),
    sa.Column("stack", sa.Text, nullable=False),
    sa.Column("region", sa.Text, nullable=False),
    sa.Column("maintenance", sa.Boolean, nullable=False),
    sa.Column("buildpack_provided_description", sa.Text),
    sa.Column("repo_size", sa.BigInteger),
    sa.Column("slug_size", sa.BigInteger),
    *_times(),
    sa.Column("released_at", Instant),
    sa.Column("deleted_at", Instant),
    sa.Column("acm", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("cache_purge_requested", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("locked", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("repository_url", sa.Text),
)
sa.Index(
    "apps_live_name",
    apps.c.name,
    unique=True,
    sqlite_where=apps.c.deleted_at.is_(None),
    postgresql_where=apps.c.deleted_at.is_(None),
)

collaborators = sa.Table(
    "collaborators",
    metadata,
    sa.Column("app_id", sa.Text, sa.ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id"), primary_key=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("permissions", Json, nullable=False, server_default='["view", "deploy", "operate"]'),
)

# Made with the first push, or the first thing that is asked of it.
repositories = sa.Table(
    "repositories",
    metadata,
    sa.Column("app_id", sa.Text, sa.ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("reset_requested", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("gc_requested", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("pushes", sa.Integer, nullable=False, server_default="0"),
    sa.Column("pushed_at", Instant),
    sa.Column("gc_at", Instant),
    sa.Column("source_path", sa.Text),
)

favourites = sa.Table(
    "favourites",
    metadata,
    sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("app_id", sa.Text, sa.ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("created_at", Instant, nullable=False),
)

teams = sa.Table(
    "teams",
    metadata,
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    # The account that owns the team's apps: nobody logs in to it.
    sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id"), nullable=False, unique=True),
    sa.Column("addons_controls", sa.Boolean, nullable=False, server_default=sa.false()),
    *_times(),
)

allowed_addon_services = sa.Table(
    "allowed_addon_services",
    metadata,
    _id(),
    sa.Column("team_id", sa.Text, sa.ForeignKey("teams.id", ondelete="CASCADE"), nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    _account(),
    sa.Column("added_at", Instant, nullable=False),
    sa.UniqueConstraint("team_id", "service"),
)

team_members = sa.Table(
    "team_members",
    metadata,
    _id(),
    sa.Column("team_id", sa.Text, sa.ForeignKey("teams.id", ondelete="CASCADE"), nullable=False),
    _account(index=True),
    sa.Column("role", Word(TeamRole), nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False, server_default=sa.false()),
    *_times(),
    sa.UniqueConstraint("team_id", "account_id"),
)

# One invitation of an address into a team, the newest.
team_invitations = sa.Table(
    "team_invitations",
    metadata,
    _id(),
    sa.Column("team_id", sa.Text, sa.ForeignKey("teams.id", ondelete="CASCADE"), nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("role", Word(TeamRole), nullable=False),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    _account("invited_by"),
    *_times(),
    sa.Column("expires_at", Instant, nullable=False),
    sa.UniqueConstraint("team_id", "email"),
)

# People without an account who become collaborators when they make one.
collaborator_invitations = sa.Table(
    "collaborator_invitations",
    metadata,
    sa.Column("app_id", sa.Text, sa.ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("email", sa.Text, primary_key=True),
    _account("invited_by"),
    sa.Column("created_at", Instant, nullable=False),
)

app_transfers = sa.Table(
    "app_transfers",
    metadata,
    _id(),
    _app(),
    _account("owner_id"),
    _account("recipient_id", index=True),
    sa.Column("state", Word(TransferState), nullable=False),
    *_times(),
)

domains = sa.Table(
    "domains",
    metadata,
    _id(),
    _app(),
    sa.Column("hostname", sa.Text, nullable=False, unique=True),
    *_times(),
    sa.Column("sni_endpoint_id", sa.Text),
    sa.Column("status", Word(DomainStatus), nullable=False, server_default="pending"),
    sa.Column("check_at", Instant, index=True),
    sa.Column("acm_status", Word(AcmStatus)),
    sa.Column("acm_status_reason", sa.Text),
    sa.Column("acm_tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("acm_next_at", Instant),
)

sni_endpoints = sa.Table(
    "sni_endpoints",
    metadata,
    _id(),
    _app(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("certificate_chain", sa.Text, nullable=False),
    sa.Column("private_key", sa.LargeBinary, nullable=False),
    sa.Column("names", Json, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("renew_at", Instant),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("acm", sa.Boolean, nullable=False),
    *_times(),
)

# Token → what a certificate authority wants to read below /.well-known/acme-challenge/ (RFC 8555, 8.3).
acme_challenges = sa.Table(
    "acme_challenges",
    metadata,
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("key_authorization", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

app_features = sa.Table(
    "app_features",
    metadata,
    sa.Column("app_id", sa.Text, sa.ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
)

# One immutable row for each set of config vars; releases point at it. `vars` is encrypted JSON.
configs = sa.Table(
    "configs",
    metadata,
    _id(),
    _app(),
    sa.Column("vars", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    # Names of those vars that are of attachments.
    sa.Column("attached", Json, nullable=False, server_default="[]"),
)

buildpack_installations = sa.Table(
    "buildpack_installations",
    metadata,
    sa.Column("app_id", sa.Text, sa.ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
)

slugs = sa.Table(
    "slugs",
    metadata,
    _id(),
    _app(),
    sa.Column("process_types", Json, nullable=False),
    sa.Column("commit", sa.Text),
    sa.Column("commit_description", sa.Text),
    sa.Column("buildpack_provided_description", sa.Text),
    sa.Column("checksum", sa.Text),
    sa.Column("size", sa.BigInteger),
    sa.Column("stack", sa.Text, nullable=False),
    *_times(),
    sa.Column("status", Word(SlugStatus), nullable=False, server_default="ready"),
    sa.Column("error", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("archive_checksum", sa.Text),
    sa.Column("uploaded_checksum", sa.Text),
    sa.Column("image", ImageText),
)

builds = sa.Table(
    "builds",
    metadata,
    _id(),
    _app(),
    _account(),
    sa.Column("status", Word(BuildStatus), nullable=False),
    sa.Column("commit", sa.Text),
    sa.Column("commit_description", sa.Text),
    sa.Column("source_url", sa.Text),
    sa.Column("source_checksum", sa.Text),
    sa.Column("source_id", sa.Text),
    sa.Column("stack", sa.Text, nullable=False),
    sa.Column("buildpacks", Json, nullable=False),
    sa.Column("slug_id", sa.Text, sa.ForeignKey("slugs.id")),
    sa.Column("release_id", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    *_times(),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("output_key", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("git_log", sa.Text),
    sa.Column("source_path", sa.Text),
    sa.Column("image", sa.Text),
)
# One build per app at a time is a rule of the store, not of a lucky order of calls.
sa.Index(
    "builds_one_pending",
    builds.c.app_id,
    unique=True,
    sqlite_where=builds.c.status == sa.literal("pending", literal_execute=True),
    postgresql_where=builds.c.status == sa.literal("pending", literal_execute=True),
)

registry_logins = sa.Table(
    "registry_logins",
    metadata,
    sa.Column("build_id", sa.Text, sa.ForeignKey("builds.id", ondelete="CASCADE"), primary_key=True),
    # Encrypted JSON, as config vars; gone when the build is over.
    sa.Column("login", sa.LargeBinary, nullable=False),
)

releases = sa.Table(
    "releases",
    metadata,
    _id(),
    _app(),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("status", Word(ReleaseStatus), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    _account(),
    sa.Column("slug_id", sa.Text, sa.ForeignKey("slugs.id")),
    sa.Column("config_id", sa.Text, sa.ForeignKey("configs.id"), nullable=False),
    *_times(),
    sa.UniqueConstraint("app_id", "version"),
)

formations = sa.Table(
    "formations",
    metadata,
    _id(),
    _app(),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("size", sa.Text, nullable=False),
    *_times(),
    sa.UniqueConstraint("app_id", "type"),
)

dynos = sa.Table(
    "dynos",
    metadata,
    _id(),
    _app(),
    sa.Column("release_id", sa.Text, sa.ForeignKey("releases.id", ondelete="CASCADE"), nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("command", sa.Text, nullable=False),
    sa.Column("size", sa.Text, nullable=False),
    sa.Column("state", Word(DynoState), nullable=False),
    sa.Column("request", Word(DynoRequest)),
    sa.Column("attach", sa.Boolean, nullable=False),
    sa.Column("secret_hash", sa.Text, index=True),
    # Encrypted JSON, as config vars.
    sa.Column("env", sa.LargeBinary, nullable=False),
    _account(nullable=True),
    sa.Column("container_id", sa.Text, index=True),
    sa.Column("address", sa.Text, unique=True),
    sa.Column("port", sa.Integer),
    sa.Column("starts", sa.Integer, nullable=False),
    sa.Column("crashes", sa.Integer, nullable=False),
    sa.Column("next_start_at", Instant),
    sa.Column("deadline", Instant),
    sa.Column("routed", sa.Boolean, nullable=False),
    sa.Column("reached", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("draining_at", Instant),
    sa.Column("exit_status", sa.Integer),
    sa.Column("authorization_id", sa.Text),
    *_times(),
)

# What somebody runs in a dyno beside its process, until its client leaves.
exec_sessions = sa.Table(
    "exec_sessions",
    metadata,
    _id(),
    _app(),
    sa.Column("dyno_id", sa.Text, sa.ForeignKey("dynos.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("container_id", sa.Text, nullable=False),
    _account(),
    sa.Column("command", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.Text, nullable=False, unique=True),
    # Encrypted JSON, as config vars.
    sa.Column("env", sa.LargeBinary, nullable=False),
    sa.Column("met_at", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("authorization_id", sa.Text),
)

pipelines = sa.Table(
    "pipelines",
    metadata,
    _id(),
    sa.Column("name", sa.Text, nullable=False, index=True),
    _account("owner_id"),
    *_times(),
    sa.UniqueConstraint("owner_id", "name"),
)

pipeline_couplings = sa.Table(
    "pipeline_couplings",
    metadata,
    _id(),
    sa.Column("pipeline_id", sa.Text, sa.ForeignKey("pipelines.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("app_id", sa.Text, sa.ForeignKey("apps.id", ondelete="CASCADE"), nullable=False, unique=True),
    sa.Column("stage", Word(Stage), nullable=False),
    *_times(),
)

# What was accepted is done, whatever becomes of the pipeline: `pipeline_id` refers to nothing.
promotions = sa.Table(
    "promotions",
    metadata,
    _id(),
    sa.Column("pipeline_id", sa.Text, nullable=False),
    sa.Column("source_app_id", sa.Text, sa.ForeignKey("apps.id", ondelete="CASCADE"), nullable=False),
    sa.Column("source_release_id", sa.Text, sa.ForeignKey("releases.id", ondelete="CASCADE"), nullable=False),
    sa.Column("slug_id", sa.Text, sa.ForeignKey("slugs.id"), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    _account(),
    sa.Column("created_at", Instant, nullable=False),
)

promotion_targets = sa.Table(
    "promotion_targets",
    metadata,
    _id(),
    sa.Column("promotion_id", sa.Text, sa.ForeignKey("promotions.id", ondelete="CASCADE"), nullable=False, index=True),
    _app(),
    sa.Column("status", Word(TargetStatus), nullable=False),
    sa.Column("error_message", sa.Text),
    sa.Column("release_id", sa.Text, sa.ForeignKey("releases.id", ondelete="CASCADE")),
    *_times(),
)
# The build role asks for these at every change of the store.
sa.Index(
    "promotion_targets_pending",
    promotion_targets.c.created_at,
    sqlite_where=promotion_targets.c.status == sa.literal("pending", literal_execute=True),
    postgresql_where=promotion_targets.c.status == sa.literal("pending", literal_execute=True),
)

log_sessions = sa.Table(
    "log_sessions",
    metadata,
    _id(),
    _app(),
    _account(),
    sa.Column("authorization_id", sa.Text),
    sa.Column("secret_hash", sa.Text, nullable=False, unique=True),
    sa.Column("lines", sa.Integer, nullable=False),
    sa.Column("tail", sa.Boolean, nullable=False),
    sa.Column("dyno", sa.Text),
    sa.Column("source", sa.Text),
    # What is looked for in all that is kept.
    sa.Column("grep", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.Column("since", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

sources = sa.Table(
    "sources",
    metadata,
    _id(),
    _account(),
    sa.Column("size", sa.BigInteger),
    sa.Column("checksum", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

# `step` is where it stands: whoever dies in it goes on from there. `env` and `output` are encrypted.
app_setups = sa.Table(
    "app_setups",
    metadata,
    _id(),
    _app(),
    _account(),
    sa.Column("build_id", sa.Text, unique=True),
    sa.Column("step", Word(SetupStep), nullable=False, index=True),
    sa.Column("env", sa.LargeBinary, nullable=False),
    sa.Column("buildpacks", Json, nullable=False),
    sa.Column("addons", Json, nullable=False, server_default="[]"),
    sa.Column("formation", Json, nullable=False),
    sa.Column("postdeploy", sa.Text),
    sa.Column("postdeploy_size", sa.Text),
    sa.Column("success_url", sa.Text),
    sa.Column("dyno_id", sa.Text, index=True),
    sa.Column("output", sa.LargeBinary),
    sa.Column("exit_code", sa.Integer),
    sa.Column("manifest_errors", Json, nullable=False),
    sa.Column("failure_message", sa.Text),
    *_times(),
)

# `url` is encrypted; `url_digest` finds it again.
log_drains = sa.Table(
    "log_drains",
    metadata,
    _id(),
    _app(),
    sa.Column("token", sa.Text, nullable=False, unique=True),
    sa.Column("url", sa.LargeBinary, nullable=False),
    sa.Column("url_digest", sa.Text, nullable=False),
    # How it fares: Logplex writes it.
    sa.Column("state", sa.Text, nullable=False, server_default="new"),
    sa.Column("reason", sa.Text),
    sa.Column("since", Instant),
    sa.Column("dropped", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    *_times(),
    sa.UniqueConstraint("app_id", "url_digest"),
)

# What happened, kept: activity, audit, the API's lines in the log. `seq` comes from the counter, as in `changes`.
events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    _app(nullable=True),
    _account(nullable=True, index=True),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("resource_id", sa.Text),
    sa.Column("payload", Json, nullable=False),
    sa.Column("line", sa.Text),
    sa.Column("at", Instant, nullable=False),
    sa.Column("address", sa.Text),
)

webhooks = sa.Table(
    "webhooks",
    metadata,
    _id(),
    _app(),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("include", Json, nullable=False),
    sa.Column("level", Word(Level), nullable=False),
    # Encrypted, both.
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("authorization", sa.LargeBinary),
    # Of an add-on's provider; they go when nothing is known of the add-on any more.
    sa.Column("addon_id", sa.Text, index=True),
    *_times(),
)

webhook_events = sa.Table(
    "webhook_events",
    metadata,
    _id(),
    _app(),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("include", sa.Text, nullable=False),
    sa.Column("payload", Json, nullable=False),
    sa.Column("published_at", Instant, nullable=False),
    *_times(),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    _id(),
    sa.Column("seq", sa.BigInteger, nullable=False, unique=True),
    _app(),
    sa.Column("webhook_id", sa.Text, sa.ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("event_id", sa.Text, sa.ForeignKey("webhook_events.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("include", sa.Text, nullable=False),
    sa.Column("level", Word(Level), nullable=False),
    sa.Column("status", Word(DeliveryStatus), nullable=False),
    sa.Column("num_attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", Instant, index=True),
    sa.Column("attempt_id", sa.Text),
    sa.Column("attempt_status", sa.Text),
    sa.Column("attempt_code", sa.Integer),
    sa.Column("attempt_error_class", sa.Text),
    sa.Column("attempt_created_at", Instant),
    sa.Column("attempt_updated_at", Instant),
    *_times(),
)

# One row: the number of the last event that has been made webhook events of.
webhook_cursor = sa.Table("webhook_cursor", metadata, sa.Column("seq", sa.BigInteger, nullable=False))

# What the built-in provider `scheduler` keeps of an add-on; `id` is the add-on's.
schedulers = sa.Table("schedulers", metadata, _id(), _app(), sa.Column("created_at", Instant, nullable=False))

# `dyno_id` is of the last run. A run's dyno is written with the row's next time, in one transaction: no run comes twice.
scheduler_jobs = sa.Table(
    "scheduler_jobs",
    metadata,
    _id(),
    sa.Column("scheduler_id", sa.Text, sa.ForeignKey("schedulers.id", ondelete="CASCADE"), nullable=False, index=True),
    _app(),
    sa.Column("command", sa.Text, nullable=False),
    sa.Column("size", sa.Text, nullable=False),
    sa.Column("frequency", Word(Frequency), nullable=False),
    sa.Column("minute", sa.Integer, nullable=False),
    sa.Column("next_run_at", Instant, nullable=False, index=True),
    sa.Column("last_run_at", Instant),
    sa.Column("last_finished_at", Instant),
    sa.Column("last_status", Word(JobStatus), nullable=False),
    sa.Column("last_exit_status", sa.Integer),
    sa.Column("last_error", sa.Text),
    sa.Column("dyno_id", sa.Text, index=True),
    sa.Column("dyno_name", sa.Text),
    *_times(),
)

# What opens a page of an add-on for somebody, by a secret in its URL, while it is looked at.
page_tokens = sa.Table(
    "page_tokens",
    metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),
    _account(),
    _app(),
    sa.Column("addon_id", sa.Text, nullable=False, index=True),
    sa.Column("expires_at", Instant, nullable=False, index=True),
)

# What the built-in provider `deployhooks` keeps of an add-on; `id` is the add-on's. `options` is encrypted JSON.
deploy_hooks = sa.Table(
    "deploy_hooks",
    metadata,
    _id(),
    _app(),
    sa.Column("kind", Word(Kind), nullable=False),
    sa.Column("options", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

deploy_hook_deliveries = sa.Table(
    "deploy_hook_deliveries",
    metadata,
    _id(),
    sa.Column("hook_id", sa.Text, sa.ForeignKey("deploy_hooks.id", ondelete="CASCADE"), nullable=False),
    _app(),
    sa.Column("release_id", sa.Text, sa.ForeignKey("releases.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("state", Word(DeliveryState), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", Instant, index=True),
    sa.Column("error", sa.Text),
    *_times(),
    sa.UniqueConstraint("hook_id", "release_id"),
)

addons = sa.Table(
    "addons",
    metadata,
    _id(),
    _app(),
    sa.Column("name", sa.Text, nullable=False, index=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("state", Word(AddOnState), nullable=False, index=True),
    sa.Column("provider_id", sa.Text),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("retry_at", Instant),
    *_times(),
    _account(),
    sa.Column("begun_at", Instant, nullable=False),
    sa.Column("plan_wanted", sa.Text, index=True),
    sa.Column("awaited", sa.Boolean, nullable=False),
    # Encrypted: what the user told the provider.
    sa.Column("options", sa.LargeBinary, nullable=False),
    # The name while it has one; free again when nothing is left of the add-on.
    sa.Column("live_name", sa.Text, unique=True),
    # What its provider writes log lines by, hashed.
    sa.Column("log_token_hash", sa.Text, unique=True, index=True),
)

# Links that sign somebody on to an add-on, once and soon; `app_id` is the app they come from.
addon_sign_ons = sa.Table(
    "addon_sign_ons",
    metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("addon_id", sa.Text, sa.ForeignKey("addons.id", ondelete="CASCADE"), nullable=False),
    _app(),
    _account(),
    sa.Column("expires_at", Instant, nullable=False),
)

addon_attachments = sa.Table(
    "addon_attachments",
    metadata,
    _id(),
    sa.Column("addon_id", sa.Text, sa.ForeignKey("addons.id", ondelete="CASCADE"), nullable=False, index=True),
    _app(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("namespace", sa.Text),
    *_times(),
    sa.UniqueConstraint("app_id", "name"),
)

# What a provider gives, encrypted; `namespace` is empty for what an attachment without one gets.
addon_config = sa.Table(
    "addon_config",
    metadata,
    sa.Column("addon_id", sa.Text, sa.ForeignKey("addons.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("namespace", sa.Text, primary_key=True),
    sa.Column("vars", sa.LargeBinary, nullable=False),
)

# Services of third parties.
addon_services = sa.Table(
    "addon_services",
    metadata,
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("manifest", Json, nullable=False),
    sa.Column("base_url", sa.Text, nullable=False),
    # Encrypted, both.
    sa.Column("password", sa.LargeBinary, nullable=False),
    sa.Column("sso_salt", sa.LargeBinary, nullable=False),
    *_times(),
)

# Wake-ups without payload, pruned after an hour.
changes = sa.Table(
    "changes",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("app_id", sa.Text),
    sa.Column("at", Instant, nullable=False),
)

# One row: the last sequence number given. It is updated in the transaction that uses the number, so that numbers become
# visible in their order; a database sequence hands them out before commit, and a reader that keeps the highest misses some.
counter = sa.Table("counter", metadata, sa.Column("last", sa.BigInteger, nullable=False))

engines = sa.Table(
    "engines",
    metadata,
    _id(),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("kind", Word(EngineKind), nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("memory", sa.BigInteger, nullable=False),
    sa.Column("storage", sa.BigInteger, nullable=False),
    sa.Column("connections", sa.Integer, nullable=False),
    sa.Column("state", Word(EngineState), nullable=False),
    *_times(),
    sa.Column("pair", sa.Text, index=True),
    # Whose user it runs as, if not its own.
    sa.Column("user_number", sa.Integer),
    # What the nodes of a pair know each other by.
    sa.Column("secrets", sa.LargeBinary, nullable=False, server_default=sa.text("''")),
)

postgres_databases = sa.Table(
    "postgres_databases",
    metadata,
    sa.Column("addon_id", sa.Text, primary_key=True),
    sa.Column("engine_id", sa.Text, sa.ForeignKey("engines.id"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("step", Word(Step), nullable=False),
    sa.Column("origin", Word(Origin), nullable=False),
    sa.Column("source_id", sa.Text, index=True),
    sa.Column("target", Instant),
    sa.Column("blocked", sa.Boolean, nullable=False),
    sa.Column("bytes_used", sa.BigInteger, nullable=False),
    sa.Column("rows_used", sa.BigInteger, nullable=False),
    sa.Column("measured_at", Instant),
    *_times(),
    sa.Column("settings", Json, nullable=False, server_default="{}"),
    # Minutes after Monday, 00:00 UTC.
    sa.Column("maintenance_window", sa.Integer),
    sa.Column("maintenance_asked_at", Instant),
    sa.Column("maintained_at", Instant),
    sa.Column("told", sa.Integer, nullable=False, server_default=sa.text("0")),
)

postgres_credentials = sa.Table(
    "postgres_credentials",
    metadata,
    sa.Column("addon_id", sa.Text, sa.ForeignKey("postgres_databases.addon_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("password", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("state", Word(CredentialState), nullable=False, server_default=CredentialState.ACTIVE),
    sa.Column("permission", Word(CredentialPermission), nullable=False, server_default=CredentialPermission.OWNER),
    sa.Column("cut_at", Instant),
    # The password that it is getting.
    sa.Column("pending", sa.LargeBinary),
)

# Encrypted: they have statements in them.
postgres_reports = sa.Table(
    "postgres_reports",
    metadata,
    _id(),
    sa.Column("addon_id", sa.Text, sa.ForeignKey("addons.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

caches = sa.Table(
    "caches",
    metadata,
    sa.Column("addon_id", sa.Text, primary_key=True),
    sa.Column("engine_id", sa.Text, sa.ForeignKey("engines.id"), nullable=False, unique=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("step", Word(CacheStep), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("timeout", sa.Integer, nullable=False),
    sa.Column("notifications", sa.Text, nullable=False),
    sa.Column("password", sa.LargeBinary, nullable=False),
    *_times(),
)

# `query`, `link` and results are encrypted; `link_hash` finds a link again.
dataclips = sa.Table(
    "dataclips",
    metadata,
    _id(),
    sa.Column("addon_id", sa.Text, sa.ForeignKey("addons.id", ondelete="CASCADE"), nullable=False, index=True),
    _account(),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("query", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("link", sa.LargeBinary),
    sa.Column("link_hash", sa.Text, unique=True),
    sa.Column("shared_at", Instant),
    sa.Column("revoked_at", Instant),
    *_times(),
)

dataclip_versions = sa.Table(
    "dataclip_versions",
    metadata,
    _id(),
    sa.Column("dataclip_id", sa.Text, sa.ForeignKey("dataclips.id", ondelete="CASCADE"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    _account(),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("query", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.UniqueConstraint("dataclip_id", "version"),
)

# The last one of each; a reader who comes soon is shown it.
dataclip_results = sa.Table(
    "dataclip_results",
    metadata,
    sa.Column("dataclip_id", sa.Text, sa.ForeignKey("dataclips.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("ran_at", Instant, nullable=False),
)

# Of one app all transfers are numbered together, those that are deleted as well. `url` is where a restore fetches from.
postgres_upgrades = sa.Table(
    "postgres_upgrades",
    metadata,
    sa.Column("addon_id", sa.Text, primary_key=True),
    sa.Column("kind", Word(UpgradeKind), nullable=False),
    sa.Column("status", Word(UpgradeStatus), nullable=False, index=True),
    sa.Column("version_from", sa.Text, nullable=False),
    sa.Column("version_to", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("report", sa.Text, nullable=False),
    sa.Column("scratch_id", sa.Text),
    *_times(),
    sa.Column("finished_at", Instant),
)

transfers = sa.Table(
    "transfers",
    metadata,
    _id(),
    _app(),
    sa.Column("addon_id", sa.Text, nullable=False, index=True),
    sa.Column("num", sa.Integer, nullable=False),
    sa.Column("kind", Word(TransferKind), nullable=False),
    sa.Column("scheduled", sa.Boolean, nullable=False),
    sa.Column("source_id", sa.Text),
    sa.Column("from_name", sa.Text, nullable=False),
    sa.Column("to_name", sa.Text, nullable=False),
    sa.Column("status", Word(TransferStatus), nullable=False, index=True),
    sa.Column("step", Word(TransferStep), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("source_bytes", sa.BigInteger, nullable=False),
    sa.Column("processed_bytes", sa.BigInteger, nullable=False),
    sa.Column("warnings", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("cancel_asked", sa.Boolean, nullable=False),
    sa.Column("check", Word(Check), nullable=False, index=True),
    sa.Column("row_counts", Json),
    sa.Column("check_engine_id", sa.Text),
    sa.Column("check_error", sa.Text),
    sa.Column("check_attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("verified_at", Instant),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("deleted_at", Instant),
    *_times(),
    sa.Column("url", sa.LargeBinary),
    sa.Column("log", Json, nullable=False),
    sa.UniqueConstraint("app_id", "num"),
)

transfer_schedules = sa.Table(
    "transfer_schedules",
    metadata,
    _id(),
    _app(),
    sa.Column("addon_id", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("hour", sa.Integer, nullable=False),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("next_at", Instant, nullable=False, index=True),
    *_times(),
)

# What a change of `state` tells is written with it, in one transaction: nobody is told twice, or not.
alerts = sa.Table(
    "alerts",
    metadata,
    _id(),
    _app(),
    sa.Column("measure", Word(Measure), nullable=False),
    sa.Column("threshold", sa.Float, nullable=False),
    sa.Column("minutes", sa.Integer, nullable=False),
    sa.Column("recipients", Json, nullable=False),
    sa.Column("state", Word(AlertState), nullable=False),
    sa.Column("value", sa.Float),
    sa.Column("changed_at", Instant, nullable=False),
    *_times(),
)

# The last look at each component of the platform.
status_components = sa.Table(
    "status_components",
    metadata,
    sa.Column("component", sa.Text, primary_key=True),
    sa.Column("health", Word(Health), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer),
    sa.Column("since", Instant, nullable=False),
    sa.Column("looked_at", Instant, nullable=False),
)

# One row for each component and day, of 90 days.
status_days = sa.Table(
    "status_days",
    metadata,
    sa.Column("component", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("looks", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("restarts", sa.Integer, nullable=False),
)

incidents = sa.Table(
    "incidents",
    metadata,
    _id(),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("severity", Word(Health), nullable=False),
    sa.Column("components", Json, nullable=False),
    *_times(),
    sa.Column("resolved_at", Instant, index=True),
)

incident_updates = sa.Table(
    "incident_updates",
    metadata,
    _id(),
    sa.Column("incident_id", sa.Text, sa.ForeignKey("incidents.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("type", Word(UpdateType), nullable=False),
    sa.Column("contents", sa.Text, nullable=False),
    _account(),
    sa.Column("created_at", Instant, nullable=False),
)

# Why an operator looks at the app of somebody else, and until when.
operator_visits = sa.Table(
    "operator_visits",
    metadata,
    sa.Column("account_id", sa.Text, sa.ForeignKey("accounts.id"), primary_key=True),
    sa.Column("app_id", sa.Text, sa.ForeignKey("apps.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
)
