"""Add-ons: what a service offers, an add-on's states, and the config vars that its attachments become."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AddOnState(StrEnum):
    """In Heroku's words. What is `provisioning` or `deprovisioning` is somebody's work to finish; the rest is at rest.

    A provider that refuses leaves `deprovisioned` with its message: nothing is there, and nothing was.
    """

    PROVISIONING = "provisioning"
    PROVISIONED = "provisioned"
    DEPROVISIONING = "deprovisioning"
    DEPROVISIONED = "deprovisioned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`cents` is the price of a month, shown and never charged. `features` are shown in its description."""

    name: str
    human_name: str
    description: str = ""
    cents: int = 0
    default: bool = False
    visible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOnService:
    """`prefix` begins the names of its config vars (`HEROKU_POSTGRESQL` of `HEROKU_POSTGRESQL_URL`).

    `aliases` are older names of plans. `regions` is empty for a service that does not mind latency. `many`: an app may
    have several; `sharable`: an add-on may be attached to other apps.
    """

    name: str
    human_name: str
    prefix: str
    plans: tuple[Plan, ...]
    description: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)
    regions: tuple[str, ...] = ()
    many: bool = True
    sharable: bool = True
    single_sign_on: bool = False

    def plan(self, name: str) -> Plan | None:
        """By its name or an older one; the default plan for an empty name."""
        if not name:
            return next((plan for plan in self.plans if plan.default), self.plans[0])
        wanted = self.aliases.get(name, name)
        return next((plan for plan in self.plans if plan.name == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOn:
    """`app_id` is the app that owns (and pays for) it; `provider_id` what its provider calls it.

    `message` is the provider's last word to the user. What is to be done again is due at `retry_at`, after `failures`.
    """

    id: str
    app_id: str
    name: str
    service: str
    plan: str
    state: AddOnState
    provider_id: str | None
    message: str
    failures: int
    retry_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """An add-on under a name in an app. `namespace` chooses one of several sets of its config (`credential:readonly`)."""

    id: str
    addon_id: str
    app_id: str
    name: str
    namespace: str | None
    created_at: datetime
    updated_at: datetime


def config_of(prefix: str, attachment_name: str, config: Mapping[str, str]) -> dict[str, str]:
    """The config vars of an attachment: a provider's own with its prefix replaced by the attachment's name.

    `MEMCACHIER_SERVERS` of `MEMCACHIER` attached as `CACHE` is `CACHE_SERVERS`; what has no prefix keeps its name.
    """
    return {
        f"{attachment_name}{name.removeprefix(prefix)}"
        if name.startswith(f"{prefix}_") or name == prefix
        else name: value
        for name, value in config.items()
    }
