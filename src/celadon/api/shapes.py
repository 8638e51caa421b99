"""JSON forms that many resources share."""

import functools
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from celadon.actions import apps
from celadon.model.account import Account
from celadon.model.app import App, Permission
from celadon.model.team import Team

# Things that have no row, and so no id of their own, get one from their name: the same on every platform.
_NAMESPACE = uuid.UUID("6f1c1d0e-5a43-4b0a-9d2c-5b8a5b2d7c11")
# When what is part of the program itself was made: its first version.
BUILT_IN_AT = datetime(2026, 1, 1, tzinfo=UTC)


@functools.lru_cache(maxsize=4096)
def fixed_id(*names: str) -> str:
    """The id of something that is known by its names alone."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(names)))


# A quarter of the time of a long list is spent here, and what has not changed keeps its times.
@functools.lru_cache(maxsize=16_384)
def instant(at: datetime) -> str:
    """`2012-01-01T12:00:00Z`."""
    return at.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"


def instant_or_none(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def app(found: App) -> dict[str, object]:
    return {"id": found.id, "name": found.name}


def team(found: Team) -> dict[str, object]:
    return {"id": found.id, "name": found.name}


def user(account: Account) -> dict[str, object]:
    return {"id": account.id, "email": account.email}


_PERMISSIONS = {
    Permission.DEPLOY: "Can push code and change config vars, buildpacks and releases.",
    Permission.MANAGE: "Can rename, transfer and destroy the app, and say who else has access.",
    Permission.OPERATE: "Can scale, restart and run dynos, and change domains, certificates, features and maintenance.",
    Permission.VIEW: "Can see the app, its dynos and its logs.",
}


def permission(name: Permission) -> dict[str, object]:
    """What a person may do on an app."""
    return {"name": name, "description": _PERMISSIONS[name]}


def collaborator_id(app: App, account: Account) -> str:
    return fixed_id("collaborator", app.id, account.id)


# Of each there are a few, and each app of a list has all of them.
@functools.lru_cache(maxsize=64)
def stack(name: str) -> Mapping[str, object]:
    return {"id": fixed_id("stack", name), "name": name}


@functools.lru_cache(maxsize=64)
def region(name: str) -> Mapping[str, object]:
    return {"id": fixed_id("region", name), "name": name}


@functools.cache
def generation() -> Mapping[str, object]:
    """The official client has other ways for other generations than this one."""
    return {"id": fixed_id("generation", "cedar"), "name": "cedar"}


REGION = apps.REGION
