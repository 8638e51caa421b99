"""Add-ons: what a service offers, an add-on's states, names, and the config vars that its attachments become."""

import random
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from celadon.model import app
from celadon.model.errors import InvalidParams

# Of one app.
MOST = 50
# What is not done a day after it was asked for is given up.
GIVE_UP_AFTER = timedelta(days=1)
# Seconds until a provider that failed is asked again; the last again and again.
BACKOFF = (1, 5, 15, 60, 300, 900, 3600)

_NAME = re.compile(r"^[a-zA-Z][A-Za-z0-9_-]{1,99}\Z")
_ATTACHMENT_NAME = re.compile(r"^[A-Z][A-Z0-9_]{0,99}\Z")
_NAMESPACE = re.compile(r"^[A-Za-z0-9_.:-]{1,100}\Z")
_OPTION = re.compile(r"^[A-Za-z0-9_-]{1,100}\Z")
_OPTIONS_LIMIT = 16 << 10
COLOURS = (
    "AMBER AMETHYST AQUA BLACK BLUE BRONZE BROWN CHARCOAL COBALT COPPER CRIMSON CYAN GOLD GRAY GREEN IVORY JADE MAROON "
    "MAUVE NAVY OLIVE ONYX ORANGE PEACH PINK PUCE PURPLE RED ROSE SILVER TEAL VIOLET WHITE YELLOW"
).split()


# Tokens of an add-on's provider have this scope, followed by its id, and no other.
PARTNER_SCOPE = "addon:"


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
    coloured: str = ""
    first: str = ""

    def plan(self, name: str) -> Plan | None:
        """By its name or an older one; the default plan for an empty name."""
        if not name:
            return next((plan for plan in self.plans if plan.default), self.plans[0])
        wanted = self.aliases.get(name, name)
        return next((plan for plan in self.plans if plan.name == wanted), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOn:
    """`app_id` is the app that owns (and pays for) it; `provider_id` what its provider calls it.

    `account_id` is who asked for it, `message` the provider's last word to the user. `plan_wanted` is the plan it is being
    moved to. What is to be done was asked for at `begun_at`; it is due at `retry_at` after `failures`, and by nobody here
    while it is `awaited`: its provider says when it is done.
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
    account_id: str
    begun_at: datetime
    plan_wanted: str | None = None
    awaited: bool = False

    @property
    def work(self) -> "Work | None":
        """What is to be done; None at rest."""
        if self.state is AddOnState.PROVISIONING:
            return Work.PROVISION
        if self.state is AddOnState.DEPROVISIONING:
            return Work.DEPROVISION
        return Work.CHANGE_PLAN if self.state is AddOnState.PROVISIONED and self.plan_wanted else None

    @property
    def alive(self) -> bool:
        return self.state is not AddOnState.DEPROVISIONED


class Work(StrEnum):
    """What somebody has to ask a provider for."""

    PROVISION = "provision"
    CHANGE_PLAN = "change plan"
    DEPROVISION = "deprovision"


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


def next_try(begun_at: datetime, failures: int, now: datetime, *, for_ever: bool = False) -> datetime | None:
    """When a provider is asked again that has failed for the time number `failures`; None when that is given up."""
    if now >= begun_at + GIVE_UP_AFTER and not for_ever:
        return None
    return now + timedelta(seconds=BACKOFF[min(failures, len(BACKOFF)) - 1])


def check_name(name: str) -> str:
    """Raises InvalidParams."""
    if not _NAME.match(name):
        raise InvalidParams(
            f"cannot name an add-on {name[:60]!r}: a name starts with a letter and has letters, digits, dashes and "
            "underscores, 2 to 100 of them"
        )
    return name


def check_attachment_name(name: str) -> str:
    """Raises InvalidParams."""
    if not _ATTACHMENT_NAME.match(name):
        raise InvalidParams(
            f"cannot attach as {name[:60]!r}: a name starts with a letter and has upper-case letters, digits and "
            "underscores, as its config var has"
        )
    return name


def check_namespace(namespace: str) -> str:
    """Raises InvalidParams."""
    if not _NAMESPACE.match(namespace):
        raise InvalidParams(f"cannot attach with namespace {namespace[:60]!r}: it is a word as `credential:readonly`")
    return namespace


def check_options(options: Mapping[str, str]) -> Mapping[str, str]:
    """The provider's business, but for their size and names; raises InvalidParams."""
    for name in options:
        if not _OPTION.match(name):
            raise InvalidParams(
                f"cannot give the provider an option {name[:60]!r}: names have letters, digits, dashes and underscores"
            )
    if sum(len(name) + len(value) for name, value in options.items()) > _OPTIONS_LIMIT:
        raise InvalidParams(f"cannot give the provider these options: they are longer than {_OPTIONS_LIMIT:,} bytes")
    return options


def random_name(service: str, rng: random.Random) -> str:
    """`postgresql-clear-12345`."""
    stem = service.removeprefix("heroku-")
    return f"{stem}-{app.random_adjective(rng)}-{rng.randint(10000, 99999)}"


def attachment_names(service: AddOnService, taken: Collection[str], rng: random.Random) -> tuple[str, ...]:
    """What a new attachment is called where nobody says: the last one is the name people use. `taken` has the names that
    an app has already, of attachments and of config vars.
    """
    if service.first:
        coloured = _coloured(service, taken, rng)
        return (coloured, service.first) if _free(service.first, taken) else (coloured,)
    return (service.prefix,) if _free(service.prefix, taken) else (_coloured(service, taken, rng),)


def _coloured(service: AddOnService, taken: Collection[str], rng: random.Random) -> str:
    start = service.coloured or service.prefix
    free = [colour for colour in COLOURS if _free(f"{start}_{colour}", taken)]
    if free:
        return f"{start}_{rng.choice(free)}"
    return next(name for number in range(2, len(taken) + 3) if _free(name := f"{start}_{COLOURS[0]}_{number}", taken))


def _free(name: str, taken: Collection[str]) -> bool:
    return name not in taken and f"{name}_URL" not in taken


def monthly_cents(plans: Iterable[Plan]) -> int:
    """What add-ons of these plans would cost a month."""
    return sum(plan.cents for plan in plans)
