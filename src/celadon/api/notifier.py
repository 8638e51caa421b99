"""What makes webhook events of the platform's events, in a thread of the api role: the API alone knows its own shapes.

Wakes on: the change feed. Reads: events behind the cursor. Writes: webhook events, deliveries, the cursor, in one
transaction.
Survives: a SIGKILL anywhere; what has not been kept is made again, and nothing is kept twice.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime

import sqlalchemy as sa

from celadon.actions import addons as own_addons
from celadon.actions import teams, webhook_events
from celadon.actions.context import Context, now
from celadon.actions.sni_endpoints import Served
from celadon.api import (
    addons,
    apps,
    attachments,
    builds,
    collaborators,
    domains,
    formations,
    releases,
    request,
    shapes,
    sni_endpoints,
)
from celadon.api.answer import Answer
from celadon.api.request import Call, Request
from celadon.model import webhook as rules
from celadon.model.account import Account, Actor
from celadon.model.addon import AddOnState, Attachment
from celadon.model.app import App
from celadon.model.domain import Domain
from celadon.model.errors import NotFound
from celadon.model.event import Event
from celadon.model.sni_endpoint import SniEndpoint
from celadon.model.webhook import Notice, Webhook, WebhookEvent
from celadon.store import changes

_BATCH = 200
# Seconds: a look although nothing changes, and the pause after the store has failed.
_NET = 30.0
_PAUSE = 1.0

log = logging.getLogger(__name__)

# Entity → the function that answers a GET of it, and the name its path has for it.
_SHOWN: Mapping[str, tuple[Callable[[Call], Answer], str]] = {
    "api:addon": (addons.show, "addon"),
    "api:addon-attachment": (attachments.show_in_app, "attachment"),
    "api:app": (apps.show, "app"),
    "api:build": (builds.show, "build"),
    "api:collaborator": (collaborators.show, "collaborator"),
    "api:domain": (domains.show, "domain"),
    "api:formation": (formations.show, "type"),
    "api:release": (releases.show, "release"),
    "api:sni-endpoint": (sni_endpoints.show, "sni_endpoint"),
}


class Notifier:
    """Turns what happens into what webhooks are told."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def start(self) -> None:
        """Run beside the API until the process ends."""
        threading.Thread(target=self._run, name="notifier", daemon=True).start()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            try:
                self._follow()
            except Exception:
                # Whatever it is, the API goes on, and so does this when the store is back.
                log.exception("at=notify: trying again in %ds", _PAUSE)
                pause.wait(_PAUSE)

    def _follow(self) -> None:
        feed = changes.Feed(self._context.database)
        try:
            while True:
                seen = feed.look()
                while self.ensure():
                    pass
                feed.wait(seen, _NET)
        finally:
            feed.close()

    def ensure(self) -> bool:
        """Make what has not been made; True when there may be more."""
        batch = webhook_events.unread(self._context, _BATCH)
        if batch.after == batch.before:
            return False
        made: list[tuple[WebhookEvent, list[Webhook]]] = []
        for event, app, told in batch.wanted:
            made += self._made(event, app, told)
        if count := webhook_events.publish(self._context, batch, made):
            log.info("at=notify events=%d deliveries=%d", len(made), count)
        return True

    def _made(self, event: Event, app: App, told: tuple[Webhook, ...]) -> list[tuple[WebhookEvent, list[Webhook]]]:
        """What webhooks are told of one event. One that cannot be told must not keep the others from being told."""
        try:
            told = webhook_events.hearing(self._context, app, event, told)
            wanted = [
                (
                    notice,
                    [
                        webhook
                        for webhook in told
                        if notice.include in webhook.include and self._is_for(webhook, notice, event)
                    ],
                )
                for notice in rules.notices(event)
            ]
            return [(self._event(event, app, notice), some) for notice, some in wanted if some]
        except sa.exc.SQLAlchemyError:
            raise
        except Exception:
            log.exception("at=notify event=%d action=%s: nobody is told of it", event.seq, event.action)
            return []

    def _is_for(self, webhook: Webhook, notice: Notice, event: Event) -> bool:
        """Whether it is about what the webhook's owner has to do with."""
        if webhook.addon_id is None:
            return True
        addon = own_addons.by_id(self._context, webhook.addon_id)
        alive = addon is not None and addon.addon.alive
        return rules.concerns(notice, event, webhook.addon_id, alive=alive)

    def _event(self, event: Event, app: App, notice: Notice) -> WebhookEvent:
        owner, author = webhook_events.people(self._context, app, event)
        shown = self._shown(event, app, owner, notice)
        payload = {
            "action": notice.action,
            "actor": shapes.user(author) if author else _for_whom(shown, owner, notice),
            "data": shown,
            "previous_data": notice.previous,
            "resource": notice.resource,
            "version": rules.VERSION,
        }
        return WebhookEvent(
            id=str(uuid.uuid4()),
            app_id=app.id,
            sequence=event.seq,
            include=notice.include,
            payload=payload,
            published_at=event.at,
            created_at=now(),
            updated_at=now(),
        )

    def _shown(self, event: Event, app: App, owner: Account, notice: Notice) -> dict[str, object]:
        """The resource as a GET shows it now, or as it was when it is gone; its id and app where that is all we know."""
        if notice.include in (rules.DYNO, rules.API_DYNO):
            return _dyno(event, app, notice)
        if notice.include == rules.ALERT:
            # As it was when that was so; it may have changed again.
            told = {name: value for name, value in event.payload.items() if name != "previous"}
            return {**told, "id": notice.resource_id, "app": shapes.app(app)}
        if notice.action == "destroy":
            return _destroyed(self._context, event, app, owner, notice)
        if notice.include in _SHOWN:
            show, name = _SHOWN[notice.include]
            try:
                value = show(self._call(owner, {"app": app.id, name: notice.resource_id})).value
                assert isinstance(value, dict), "a resource is an object"
                return value
            except NotFound:
                pass
        return {"id": notice.resource_id, "app": shapes.app(app)}

    def _call(self, owner: Account, params: Mapping[str, str]) -> Call:
        """A GET as the app's owner would make it, by TLS: what it answers is the API's own shape."""
        asked = Request(
            id=request.new_id(), method="GET", path=(), query={}, headers={"x-forwarded-proto": "https"}, content=b""
        )
        return Call(context=self._context, request=asked, params=params, known=Actor(account=owner), remaining=0)


def _for_whom(shown: Mapping[str, object], owner: Account, notice: Notice) -> object:
    """Whom the platform did something for by itself: the author of a build or release, or the app's owner."""
    author = shown.get("user") if notice.include in ("api:build", "api:release") else None
    return author or shapes.user(owner)


def _destroyed(context: Context, event: Event, app: App, owner: Account, notice: Notice) -> dict[str, object]:
    """What there is no row of any more, by what its last event says of it."""
    left, settings = event.payload, context.settings
    if notice.include == "api:app":
        return apps.shape(settings, app, owner, teams.of_apps(context, {app.owner_id}).get(app.owner_id))
    if notice.include == "api:addon" and (addon := own_addons.by_id(context, notice.resource_id)):
        # What the provider has done about it since is another matter.
        state = str(left.get("state") or AddOnState.DEPROVISIONED)
        return {**addons.shape(addon), "config_vars": [], "state": state, "updated_at": shapes.instant(event.at)}
    if notice.include == "api:addon-attachment" and "created_at" in left:
        return _detached(context, event, app, notice)
    if notice.include == "api:collaborator" and (person := webhook_events.person(context, notice.resource_id)):
        return collaborators.shape(app, person, "collaborator")
    if notice.include == "api:domain" and "hostname" in left:
        began = datetime.fromisoformat(str(left["created_at"]))
        hostname = str(left["hostname"])
        gone = Domain(id=notice.resource_id, app_id=app.id, hostname=hostname, created_at=began, updated_at=event.at)
        return domains.shape(settings, app, gone, {})
    if notice.include == "api:sni-endpoint" and "certificate_chain" in left:
        return sni_endpoints.shape(settings, Served(app, _certificate(event, app, notice), ()))
    shown = {name: value for name, value in left.items() if name != "previous"}
    return {**shown, "id": notice.resource_id, "app": shapes.app(app), "updated_at": shapes.instant(event.at)}


def _detached(context: Context, event: Event, app: App, notice: Notice) -> dict[str, object]:
    left = event.payload
    named = left["addon"]
    assert isinstance(named, Mapping), "actions/attachments.py says so"
    addon = own_addons.by_id(context, str(named["id"]))
    gone = Attachment(
        id=notice.resource_id,
        addon_id=str(named["id"]),
        app_id=app.id,
        name=str(left["name"]),
        namespace=None if left["namespace"] is None else str(left["namespace"]),
        created_at=datetime.fromisoformat(str(left["created_at"])),
        updated_at=event.at,
    )
    # An add-on goes with the app that owns it.
    return attachments.shape_of(gone, app, {"app": shapes.app(addon.app if addon else app), **named})


def _certificate(event: Event, app: App, notice: Notice) -> SniEndpoint:
    return SniEndpoint(
        id=notice.resource_id,
        app_id=app.id,
        name=str(event.payload["name"]),
        certificate_chain=str(event.payload["certificate_chain"]),
        names=(),
        expires_at=event.at,
        fingerprint="",
        acm=bool(event.payload["acm"]),
        created_at=datetime.fromisoformat(str(event.payload["created_at"])),
        updated_at=event.at,
    )


def _dyno(event: Event, app: App, notice: Notice) -> dict[str, object]:
    """A dyno in the state that the event speaks of: a moment later it is in another one."""
    left = event.payload
    shared = {
        "app": shapes.app(app),
        "command": left["command"],
        "id": notice.resource_id,
        "name": left["name"],
        "release": left["release"],
        "size": left["size"],
        "state": left["state"],
    }
    if notice.include == rules.DYNO:
        return {**shared, "exit_status": left["exit_status"], "management": left["management"], "type": left["type"]}
    created = left["created_at"]
    return {
        **shared,
        "attach_url": None,
        # One that has just begun.
        "crashes": 0,
        "exit_status": None,
        "created_at": created,
        "type": left["type"],
        "updated_at": shapes.instant(event.at),
    }
