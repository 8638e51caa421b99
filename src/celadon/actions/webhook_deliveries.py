"""Deliveries of webhook events: seen by an app's people, attempted by the clock."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from celadon.actions.context import Context, now
from celadon.actions.webhooks import Whose, ids, subject
from celadon.model import webhook as rules
from celadon.model.account import Actor
from celadon.model.errors import NotFound
from celadon.model.webhook import DeliveryStatus, Told, Webhook, WebhookDelivery, WebhookEvent
from celadon.store import webhook_deliveries, webhook_events, webhooks


def keys(context: Context, actor: Actor, whose: Whose, status: str | None = None) -> list[tuple[int, str]]:
    """Number and id of each delivery of an app, or of those with a status."""
    with context.database.read() as tx:
        app_id, addon_id = ids(subject(tx, actor, whose, "webhook:read"))
        return webhook_deliveries.keys(tx, app_id, status, addon_id)


def by_ids(context: Context, ids: Sequence[str]) -> dict[str, WebhookDelivery]:
    """Those of these that are still there."""
    with context.database.read() as tx:
        return webhook_deliveries.by_ids(tx, ids)


def find(context: Context, actor: Actor, whose: Whose, delivery_id: str) -> WebhookDelivery:
    """Raises NotFound."""
    with context.database.read() as tx:
        of = subject(tx, actor, whose, "webhook:read")
        app_id, addon_id = ids(of)
        found = webhook_deliveries.find(tx, app_id, delivery_id)
        webhook = webhooks.find(tx, app_id, found.webhook_id) if found else None
    if found is None or webhook is None or webhook.addon_id != addon_id:
        raise NotFound(
            "webhook_delivery", f"Couldn't find that webhook delivery: {of.name} has no {delivery_id[:40]!r}."
        )
    return found


# What the clock says of its work.


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt that has begun: all that is needed to make it. What is secret is not shown."""

    id: str
    delivery: WebhookDelivery
    owner_id: str
    webhook: Webhook
    event: WebhookEvent
    secret: "Hidden"
    authorization: "Hidden"


@dataclass(frozen=True, slots=True)
class Hidden:
    """A value that no log prints by mistake."""

    value: str | None

    def __repr__(self) -> str:
        return "…"


def due(context: Context, of_owner: int, limit: int) -> list[tuple[WebhookDelivery, str]]:
    """Deliveries whose turn it is, one of a webhook and `of_owner` of an app's owner at most, each with the owner's id."""
    with context.database.read() as tx:
        return webhook_deliveries.list_due(tx, now(), of_owner, limit)


def next_due(context: Context) -> datetime | None:
    """When the first one that waits is due."""
    with context.database.read() as tx:
        return webhook_deliveries.next_due(tx)


def begin(context: Context, delivery: WebhookDelivery, owner_id: str, lease: timedelta) -> Attempt | None:
    """An attempt begins, kept before it is made: who dies in it is followed by another attempt when `lease` has passed.

    None when somebody else was quicker or the webhook is gone.
    """
    attempt_id = str(uuid.uuid4())
    with context.database.transaction() as tx:
        webhook = webhooks.find(tx, delivery.app_id, delivery.webhook_id)
        event = webhook_events.find_by_id(tx, delivery.event_id)
        secrets = webhooks.secrets(tx, delivery.webhook_id)
        if webhook is None or event is None or secrets is None:
            return None
        if not webhook_deliveries.begin(tx, delivery, attempt_id, now(), now() + lease):
            return None
    return Attempt(
        id=attempt_id,
        delivery=replace(delivery, num_attempts=delivery.num_attempts + 1),
        owner_id=owner_id,
        webhook=webhook,
        event=event,
        secret=Hidden(secrets[0]),
        authorization=Hidden(secrets[1]),
    )


def end(context: Context, attempt: Attempt, told: Told) -> DeliveryStatus:
    """What came of an attempt: the delivery has succeeded, is tried again later, or has failed for good."""
    delivery = attempt.delivery
    again = None
    if not told.good:
        again = rules.next_attempt(delivery.created_at, delivery.level, delivery.num_attempts, now())
    status = DeliveryStatus.SUCCEEDED if told.good else DeliveryStatus.RETRYING if again else DeliveryStatus.FAILED
    with context.database.transaction() as tx:
        webhook_deliveries.end(
            tx,
            delivery.id,
            attempt.id,
            status=status,
            next_attempt_at=again,
            attempt_status="succeeded" if told.good else "failed",
            attempt_code=told.code,
            attempt_error_class=told.error_class,
            attempt_updated_at=now(),
            updated_at=now(),
        )
    return status
