"""Caches: Redis and memcached as add-ons. What each plan gives, what a user may set, and the steps of a change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from celadon.model.engine import EngineKind
from celadon.model.errors import InvalidParams

MB, GB = 1 << 20, 1 << 30
# Redis writes its files from a copy of itself that shares what does not change meanwhile; clients have buffers.
_SPARE = 64 * MB
# What a client of memcached takes beside its items, and what one page for each of its size classes takes.
_CLIENT = 32 << 10
_CLASSES = 64 * MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a plan gives: `memory` in bytes for what is kept; `persistent`: it is on disk as well, a second late."""

    memory: int
    connections: int
    persistent: bool = False


REDIS, MEMCACHED = "heroku-redis", "memcachier"

SIZES: Mapping[EngineKind, Mapping[str, Size]] = {
    EngineKind.REDIS: {
        "mini": Size(memory=25 * MB, connections=20),
        "premium-0": Size(memory=50 * MB, connections=40, persistent=True),
        "premium-1": Size(memory=100 * MB, connections=80, persistent=True),
        "premium-2": Size(memory=250 * MB, connections=200, persistent=True),
        "premium-3": Size(memory=500 * MB, connections=400, persistent=True),
        "premium-5": Size(memory=GB, connections=1000, persistent=True),
    },
    EngineKind.MEMCACHED: {
        "dev": Size(memory=25 * MB, connections=50),
        "100": Size(memory=100 * MB, connections=250),
        "250": Size(memory=250 * MB, connections=500),
        "500": Size(memory=500 * MB, connections=1000),
        "1000": Size(memory=1000 * MB, connections=2000),
    },
}


def limit(kind: EngineKind, size: Size) -> int:
    """Bytes that the server's container may have: what is kept, and what the server takes beside it."""
    if kind is EngineKind.MEMCACHED:
        return size.memory + _CLASSES + size.connections * _CLIENT
    return size.memory * (3 if size.persistent else 2) + _SPARE


class Step(StrEnum):
    """Its program counter. All but `available` is work to be done, which may be done again from its start.

    `changing`: its server is to have another plan or other settings. `rotating`: another password as well, and who
    came in with the old one is to be cut off.
    """

    PREPARING = "preparing"
    AVAILABLE = "available"
    CHANGING = "changing"
    ROTATING = "rotating"
    REMOVING = "removing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """One per add-on, on an engine of its own. `revision` counts what was asked for: a step is done when it is the same
    as at its beginning. `timeout` in seconds cuts off who says nothing, 0 for nobody; these three are of Redis.
    """

    addon_id: str
    engine_id: str
    username: str
    plan: str
    step: Step
    revision: int
    policy: str
    timeout: int
    notifications: str
    created_at: datetime
    updated_at: datetime


# What Redis does when its memory is full: its word, and what that means.
POLICIES: Mapping[str, str] = {
    "noeviction": "returns errors when memory limit is reached",
    "allkeys-lfu": "removes less frequently used keys first",
    "volatile-lfu": "removes less frequently used keys first that have an expiry set",
    "allkeys-lru": "removes less recently used keys first",
    "volatile-lru": "removes less recently used keys first that have an expiry set",
    "allkeys-random": "evicts random keys",
    "volatile-random": "evicts random keys but only those that have an expiry set",
    "volatile-ttl": "only evicts keys with an expiry set and a short TTL",
}
DEFAULT_POLICY = "noeviction"
DEFAULT_TIMEOUT = 300
_LONGEST_TIMEOUT = 7 * 86_400
_NOTIFICATIONS = frozenset("KEg$lshztxemdnA")


def check_policy(policy: str) -> str:
    """Raises InvalidParams."""
    if policy not in POLICIES:
        raise InvalidParams(f"cannot set the policy {policy[:40]!r}: choose one of {', '.join(POLICIES)}")
    return policy


def check_timeout(seconds: int) -> int:
    """Raises InvalidParams."""
    if not 0 <= seconds <= _LONGEST_TIMEOUT:
        raise InvalidParams(f"cannot set the timeout: give 0 (never) to {_LONGEST_TIMEOUT} seconds")
    return seconds


def check_notifications(flags: str) -> str:
    """Raises InvalidParams."""
    if wrong := set(flags) - _NOTIFICATIONS:
        raise InvalidParams(
            f"cannot notify of {min(wrong)!r}: give letters of K E g $ l s h z t x e m d n A, or nothing"
        )
    if flags and not {"K", "E"} & set(flags):
        raise InvalidParams("cannot notify of these: give K or E as well, how they are to be published")
    return flags


def url(password: str, host: str, port: int) -> str:
    """As Heroku writes REDIS_URL; the user is the server's default one."""
    return f"rediss://:{password}@{host}:{port}"
