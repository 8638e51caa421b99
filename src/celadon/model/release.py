"""Releases: slug and config, numbered v1, v2, …; immutable but for their status."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ReleaseStatus(StrEnum):
    """Pending while its release phase runs; the formation stays on the last one that succeeded."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    id: str
    app_id: str
    version: int
    status: ReleaseStatus
    description: str
    account_id: str
    slug_id: str | None
    config_id: str
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        return f"v{self.version}"


INITIAL = "Initial release"
ENABLE_LOGPLEX = "Enable Logplex"


def deploy_description(commit: str | None) -> str:
    """`Deploy 3063626`: the commit's first eight characters, as Heroku writes them."""
    return f"Deploy {commit[:8]}" if commit else "Deploy"


def import_description(image: str) -> str:
    """`Imported registry.example.com/me/app:1@sha256:…`."""
    return f"Imported {image}"


def rollback_description(version: int) -> str:
    return f"Rollback to v{version}"


def promote_description(app_name: str, version: int, commit: str | None) -> str:
    """`Promote myapp-staging v12 3063626`."""
    return f"Promote {app_name} v{version} {commit[:7]}" if commit else f"Promote {app_name} v{version}"
