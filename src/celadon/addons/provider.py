"""The Provider port: who provides add-ons of one service. One contract test suite runs against every implementation.

Every call may come again after a crash of the caller: `addon_id` is the idempotency key, and a call that was answered is
answered the same again. Calls of one add-on never overlap.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class ProviderRefused(Exception):
    """The provider will not, however often it is asked; the message is for the user (a 422 of the partner API)."""


class ProviderFailed(Exception):
    """The provider did not do it this time: it is asked again later. The message says what happened, without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An add-on to be made. `options` are the user's own words (`--fork`, `--version=15`), not checked yet.

    `app_id` and `app_name` are the owning app's; `region` as in `amazon-web-services::us-east-1`. `log_token` lets the
    provider write to the app's log, `callback` is where an asynchronous one says that it is done.
    """

    addon_id: str
    name: str
    plan: str
    region: str
    app_id: str
    app_name: str
    options: Mapping[str, str] = field(default_factory=dict)
    log_token: str = field(default="", repr=False)
    callback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """`config` by its full names with the service's prefix; None when the provider says later that it is done (202)."""

    provider_id: str
    config: Mapping[str, str] | None = field(repr=False)
    message: str = ""


class Provider(Protocol):
    """Each method raises ProviderRefused, ProviderFailed."""

    def provision(self, wanted: Wanted) -> Provided:
        """Make the add-on. After ProviderRefused nothing of it is left."""
        ...

    def change_plan(self, addon_id: str, provider_id: str, plan: str) -> Provided:
        """Move it to another plan; its config may be another then."""
        ...

    def deprovision(self, addon_id: str, provider_id: str | None) -> None:
        """Remove it, also one that was never finished; no error when there is none."""
        ...


class OwnProvider(Provider, Protocol):
    """One that comes with the platform, so that one can look: see `provider_port`."""

    def has(self, addon_id: str) -> bool:
        """Whether there is something of it that is not being removed."""
        ...
