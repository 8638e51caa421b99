"""Webhook events: what is made of the platform's events for those apps that have webhooks."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from celadon.actions.context import Context, now
from celadon.actions.webhooks import Whose, ids, subject
from celadon.model import webhook as rules
from celadon.model.account import Account, Actor
from celadon.model.app import App
from celadon.model.errors import NotFound
from celadon.model.event import Event
from celadon.model.feature import PRIVATE_ACCOUNT
from celadon.model.webhook import DeliveryStatus, Webhook, WebhookDelivery, WebhookEvent
from celadon.store import accounts, apps, changes, events, webhook_deliveries, webhook_events, webhooks
from celadon.store.database import Transaction


def keys(context: Context, actor: Actor, whose: Whose) -> list[tuple[int, str]]:
    """Sequence and id of each webhook event of an app, or of a provider's."""
    with context.database.read() as tx:
        return webhook_events.keys(tx, *ids(subject(tx, actor, whose, "webhook:read")))


def by_ids(context: Context, ids: Sequence[str]) -> dict[str, WebhookEvent]:
    """Those of these that are still there."""
    with context.database.read() as tx:
        return webhook_events.by_ids(tx, ids)


def find(context: Context, actor: Actor, whose: Whose, event_id: str) -> WebhookEvent:
    """Raises NotFound."""
    with context.database.read() as tx:
        of = subject(tx, actor, whose, "webhook:read")
        app_id, addon_id = ids(of)
        found = webhook_events.find(tx, app_id, event_id)
        told = addon_id is None or event_id in {key for _, key in webhook_events.keys(tx, app_id, addon_id)}
    if found is None or not told:
        raise NotFound("webhook_event", f"Couldn't find that webhook event: {of.name} has no {event_id[:40]!r}.")
    return found


# What the API's own loop says.


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Events of the platform behind the cursor `before`, up to `after`; `wanted` are those of apps with webhooks."""

    before: int
    after: int
    wanted: tuple[tuple[Event, App, tuple[Webhook, ...]], ...]


def unread(context: Context, limit: int) -> Batch:
    """The next events of the platform."""
    with context.database.read() as tx:
        before = webhook_events.cursor(tx)
        found = events.list_after(tx, before, limit)
        by_app = webhooks.list_of_apps(tx, {event.app_id for event in found if event.app_id})
        # A destroyed app tells of that, too.
        owned = {app_id: app for app_id in by_app if (app := apps.find_any(tx, app_id)) is not None}
    wanted = tuple(
        (event, owned[event.app_id], told)
        for event in found
        if event.app_id in owned and (told := tuple(one for one in by_app[event.app_id] if one.created_at <= event.at))
    )
    return Batch(before=before, after=found[-1].seq if found else before, wanted=wanted)


def people(context: Context, app: App, event: Event) -> tuple[Account, Account | None]:
    """An app's owner, and who caused an event of it."""
    with context.database.read() as tx:
        found = accounts.by_ids(tx, {app.owner_id, event.account_id or app.owner_id})
    return found[app.owner_id], found.get(event.account_id) if event.account_id else None


def hearing(context: Context, app: App, event: Event, told: Sequence[Webhook]) -> tuple[Webhook, ...]:
    """Those of these webhooks that may hear of an event: none of a provider where one of its people is private."""
    if all(webhook.addon_id is None for webhook in told):
        return tuple(told)
    people = {app.owner_id, event.account_id or app.owner_id}
    with context.database.read() as tx:
        private = any(accounts.features(tx, account_id).get(PRIVATE_ACCOUNT) for account_id in people)
    return tuple(webhook for webhook in told if webhook.addon_id is None or not private)


def person(context: Context, account_id: str) -> Account | None:
    """Who has left an app."""
    with context.database.read() as tx:
        return accounts.find(tx, account_id)


def publish(context: Context, batch: Batch, made: Sequence[tuple[WebhookEvent, Sequence[Webhook]]]) -> int:
    """Keep what was made of a batch, with a delivery for each webhook, and move on; returns how many deliveries.

    0, and nothing is kept, when somebody else has made this batch meanwhile.
    """
    with context.database.transaction() as tx:
        if not webhook_events.advance(tx, batch.before, batch.after):
            return 0
        # Before the numbers of deliveries are taken, as actions on webhooks do: nobody then waits for each other.
        present = webhooks.lock(tx, {webhook.id for _, told in made for webhook in told})
        count = 0
        for event, told in made:
            alive = [webhook for webhook in told if webhook.id in present]
            if alive:
                webhook_events.insert(tx, event)
            for webhook in alive:
                webhook_deliveries.insert(tx, _delivery(tx, webhook, event))
                count += 1
        return count


def _delivery(tx: Transaction, webhook: Webhook, event: WebhookEvent) -> WebhookDelivery:
    """A delivery that waits for its turn, or that has failed already since too many wait before it."""
    full = webhook_deliveries.count_open(tx, webhook.id) >= rules.QUEUE
    moment = now()
    return WebhookDelivery(
        id=str(uuid.uuid4()),
        seq=changes.next_number(tx),
        app_id=event.app_id,
        webhook_id=webhook.id,
        event_id=event.id,
        include=event.include,
        level=webhook.level,
        status=DeliveryStatus.FAILED if full else DeliveryStatus.PENDING,
        num_attempts=0,
        next_attempt_at=None if full else moment,
        attempt_id=str(uuid.uuid4()) if full else None,
        attempt_status="failed" if full else None,
        attempt_code=None,
        attempt_error_class=rules.QUEUE_FULL if full else None,
        attempt_created_at=moment if full else None,
        attempt_updated_at=moment if full else None,
        created_at=moment,
        updated_at=moment,
    )
