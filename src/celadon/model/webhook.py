"""Webhooks: whom an app tells of what happens to it, which events that are, and how often a delivery is tried."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from celadon.model.dyno import RELEASE, Dyno, DynoState, shown_state
from celadon.model.errors import InvalidParams
from celadon.model.event import Event

# Of one app.
MOST = 20
# Deliveries of one webhook that wait; what comes then is not delivered, and fails with the error class below.
QUEUE = 1000
QUEUE_FULL = "QueueFull"
VERSION = "application/vnd.heroku+json; version=3"
DYNO = "dyno"
API_DYNO = "api:dyno"
ALERT = "celadon:alert"
# What can be asked for; clients ask for all of these at once.
ENTITIES = (
    "api:addon",
    "api:addon-attachment",
    "api:app",
    "api:build",
    "api:collaborator",
    "api:domain",
    API_DYNO,
    "api:formation",
    "api:release",
    "api:sni-endpoint",
    ALERT,
    DYNO,
)
# What the provider of an add-on may hear: people and keys of an app are none of its business.
OF_PROVIDER = tuple(entity for entity in ENTITIES if entity not in ("api:collaborator", "api:sni-endpoint", ALERT))
_ABOUT_ADDON = ("api:addon", "api:addon-attachment")
_LONGEST_SECRET = 1024
_PRINTABLE = frozenset(chr(code) for code in range(0x20, 0x7F))

# Seconds between the attempts of a `sync` delivery; the last one again and again until it is too old.
BACKOFF = (10, 30, 60, 300, 900, 1800, 3600, 7200, 14_400, 28_800)
GIVE_UP_AFTER = timedelta(hours=72)


class Level(StrEnum):
    """`notify`: one attempt. `sync`: attempts until one succeeds, for three days."""

    NOTIFY = "notify"
    SYNC = "sync"


class DeliveryStatus(StrEnum):
    """`pending` waits for its first attempt, `scheduled` is being attempted, `retrying` waits for another attempt."""

    PENDING = "pending"
    SCHEDULED = "scheduled"
    RETRYING = "retrying"
    FAILED = "failed"
    SUCCEEDED = "succeeded"


# Those that have an end before them.
OPEN = (DeliveryStatus.PENDING, DeliveryStatus.SCHEDULED, DeliveryStatus.RETRYING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Who is told what. Its secret and Authorization header are kept apart; see store/webhooks.py.

    With an `addon_id` it is that add-on's provider who is told, of the app that owns the add-on.
    """

    id: str
    app_id: str
    url: str
    include: tuple[str, ...]
    level: Level
    created_at: datetime
    updated_at: datetime
    addon_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """What happened to an app, in the API's words. `sequence` is the number of the platform's event it was made of;
    `published_at` is when that happened.
    """

    id: str
    app_id: str
    sequence: int
    include: str
    payload: Mapping[str, object]
    published_at: datetime
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """One event for one webhook. `seq` is the order they were made in; `attempt_…` is the last attempt.

    While it is scheduled, `next_attempt_at` is when who attempts it must have died.
    """

    id: str
    seq: int
    app_id: str
    webhook_id: str
    event_id: str
    include: str
    level: Level
    status: DeliveryStatus
    num_attempts: int
    next_attempt_at: datetime | None
    attempt_id: str | None
    attempt_status: str | None
    attempt_code: int | None
    attempt_error_class: str | None
    attempt_created_at: datetime | None
    attempt_updated_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came of an attempt: an HTTP status, or the class of the error that kept one from coming."""

    code: int | None = None
    error_class: str | None = None

    @property
    def good(self) -> bool:
        return self.code is not None and 200 <= self.code < 300


def check_include(include: Sequence[str], entities: Sequence[str] = ENTITIES) -> tuple[str, ...]:
    """The entities, each once; raises InvalidParams."""
    if not include:
        raise InvalidParams(f"cannot tell of nothing: give `include`, some of {', '.join(entities)}")
    for entity in include:
        if entity not in entities:
            raise InvalidParams(f"cannot tell of {entity[:60]!r}: there are {', '.join(entities)}")
    return tuple(dict.fromkeys(include))


def check_level(level: str) -> Level:
    """Raises InvalidParams."""
    if level not in list(Level):
        raise InvalidParams(
            f"cannot deliver at level {level[:40]!r}: it is notify (one attempt) or sync (until it succeeds)"
        )
    return Level(level)


def check_header(name: str, value: str) -> str:
    """A secret or an Authorization header: printable ASCII; raises InvalidParams, which does not repeat it."""
    if not value or len(value) > _LONGEST_SECRET or not _PRINTABLE.issuperset(value):
        raise InvalidParams(f"cannot use that {name}: it is 1 to {_LONGEST_SECRET} printable ASCII characters")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What an event of the platform is to webhooks: an entity, its action, whose id, what was different before."""

    include: str
    action: str
    resource_id: str
    previous: Mapping[str, object]

    @property
    def resource(self) -> str:
        return self.include.partition(":")[2] or self.include


def concerns(notice: Notice, event: Event, addon_id: str, *, alive: bool) -> bool:
    """Whether the provider of an add-on is to hear of this: of add-ons its own alone, and of one that is gone its end."""
    if notice.include not in _ABOUT_ADDON:
        return alive
    if notice.include == "api:addon":
        return notice.resource_id == addon_id
    return alive and _mapping(event.payload.get("addon")).get("id") == addon_id


# An alert has begun or ended.
ALERT_STATE = "alert-state:update"
_NOUNS = frozenset(entity.removeprefix("api:") for entity in ENTITIES) - {DYNO, ALERT, "formation"}
_ACTIONS = frozenset({"create", "update", "destroy"})
# Event → entity and action, where the names alone do not say it.
_SPECIAL: Mapping[str, tuple[str, str]] = {
    "acm:create": ("api:app", "update"),
    "acm:destroy": ("api:app", "update"),
    "acm:issue": ("api:domain", "update"),
    "app-transfer:accepted": ("api:app", "update"),
    "app:transfer": ("api:app", "update"),
    "build:finish": ("api:build", "update"),
    "release:finish": ("api:release", "update"),
    ALERT_STATE: (ALERT, "update"),
}


def notices(event: Event) -> list[Notice]:
    """What webhooks are told of an event; nothing of most. `previous` in its payload is what was different before."""
    if event.action == "formation:update":
        return [
            Notice(include="api:formation", action="update", resource_id=name, previous=before)
            for name, before in _mapping(event.payload.get("previous")).items()
            if isinstance(before, Mapping)
        ]
    if event.action in _DYNO:
        return _of_dyno(event)
    noun, _, verb = event.action.partition(":")
    include, action = _SPECIAL.get(event.action, (f"api:{noun}", verb))
    resource_id = event.app_id if include == "api:app" else event.resource_id
    if resource_id is None or action not in _ACTIONS or include.removeprefix("api:") not in (*_NOUNS, ALERT):
        return []
    previous = _mapping(event.payload.get("previous"))
    return [Notice(include=include, action=action, resource_id=resource_id, previous=previous)]


# A dyno's way, one event a state; they are kept for those apps only that have a webhook for them.
DYNO_STATE, DYNO_GONE = "dyno:state", "dyno:gone"
_DYNO = frozenset({DYNO_STATE, DYNO_GONE})


def _of_dyno(event: Event) -> list[Notice]:
    assert event.resource_id is not None, "these are events of a dyno"
    began = bool(event.payload.get("began"))
    action = "destroy" if event.action == DYNO_GONE else "create" if began else "update"
    previous = _mapping(event.payload.get("previous"))
    found = [Notice(include=DYNO, action=action, resource_id=event.resource_id, previous=previous)]
    if action == "create":
        found.append(Notice(include=API_DYNO, action="create", resource_id=event.resource_id, previous={}))
    return found


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def dyno_payload(dyno: Dyno, state: DynoState, version: int, exit_status: int | None) -> dict[str, object]:
    """What an event says of a dyno that comes into this state from the one it has."""
    began = dyno.state is DynoState.CREATED
    asked_for = dyno.one_off and dyno.type != RELEASE
    return {
        "began": began,
        "command": dyno.command,
        "created_at": instant(dyno.created_at),
        "exit_status": exit_status,
        "management": f"run:{'attached' if dyno.attach else 'detached'}" if asked_for else "formation",
        "name": dyno.name,
        "previous": {} if began else {"state": shown_state(dyno.state)},
        "release": {"id": dyno.release_id, "version": version},
        "size": dyno.size,
        "state": shown_state(state),
        "type": dyno.type,
    }


def next_attempt(created_at: datetime, level: Level, attempts: int, now: datetime) -> datetime | None:
    """When a delivery is tried again that has failed for the time number `attempts`; None when it is not."""
    wait = timedelta(seconds=BACKOFF[min(attempts, len(BACKOFF)) - 1])
    if level is Level.NOTIFY or now + wait > created_at + GIVE_UP_AFTER:
        return None
    return now + wait


def body(event: WebhookEvent, webhook_id: str, delivery_id: str, attempt_id: str) -> dict[str, object]:
    """What is sent."""
    return {
        "id": event.id,
        "created_at": instant(event.created_at),
        **event.payload,
        "published_at": instant(event.published_at),
        "sequence": event.sequence,
        "updated_at": instant(event.updated_at),
        "webhook_metadata": {
            "attempt": {"id": attempt_id},
            "delivery": {"id": delivery_id},
            "event": {"id": event.id, "include": event.include},
            "webhook": {"id": webhook_id},
        },
    }


def signature(secret: str, content: bytes) -> str:
    """The `Heroku-Webhook-Hmac-SHA256` of a request with this body."""
    return base64.b64encode(hmac.new(secret.encode(), content, hashlib.sha256).digest()).decode()


def instant(at: datetime) -> str:
    """`2012-01-01T12:00:00Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
