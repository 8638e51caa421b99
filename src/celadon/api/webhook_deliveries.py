"""Deliveries of an app's webhook events, and how far each has come."""

from collections.abc import Sequence

from celadon.actions import webhook_deliveries
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.api.webhooks import whose
from celadon.model.errors import InvalidParams
from celadon.model.webhook import DeliveryStatus, WebhookDelivery

_ATTRIBUTES = {"seq": lambda key: key[0], "id": lambda key: key[1]}


def list_of(call: Call) -> Listing:
    """All, or those of a status: `?eq[status]=failed`."""
    status = call.request.query.get("eq[status]")
    if status is not None and status not in list(DeliveryStatus):
        raise InvalidParams(f"cannot list deliveries that are {status[:40]!r}: they are {', '.join(DeliveryStatus)}")
    found = webhook_deliveries.keys(call.context, call.actor, whose(call), status)
    return Listing(items=found, attributes=_ATTRIBUTES, shape=shape, fetch=lambda chosen: _fetch(call, chosen))


def _fetch(call: Call, chosen: Sequence[tuple[int, str]]) -> list[WebhookDelivery]:
    """The chosen ones in their order, without those forgotten in the meantime."""
    found = webhook_deliveries.by_ids(call.context, [delivery_id for _, delivery_id in chosen])
    return [found[delivery_id] for _, delivery_id in chosen if delivery_id in found]


def show(call: Call) -> Answer:
    found = webhook_deliveries.find(call.context, call.actor, whose(call), call.params["webhook_delivery"])
    return Answer(value=shape(found), changed_at=found.updated_at)


def shape(delivery: WebhookDelivery) -> dict[str, object]:
    waits = delivery.status in (DeliveryStatus.PENDING, DeliveryStatus.RETRYING)
    return {
        "created_at": shapes.instant(delivery.created_at),
        "event": {"id": delivery.event_id, "include": delivery.include},
        "id": delivery.id,
        "last_attempt": _attempt(delivery),
        "next_attempt_at": shapes.instant_or_none(delivery.next_attempt_at) if waits else None,
        "num_attempts": delivery.num_attempts,
        "status": delivery.status,
        "updated_at": shapes.instant(delivery.updated_at),
        "webhook": {"id": delivery.webhook_id, "level": delivery.level},
    }


def _attempt(delivery: WebhookDelivery) -> dict[str, object] | None:
    if delivery.attempt_id is None or delivery.attempt_created_at is None or delivery.attempt_updated_at is None:
        return None
    return {
        "code": delivery.attempt_code,
        "created_at": shapes.instant(delivery.attempt_created_at),
        "error_class": delivery.attempt_error_class,
        "id": delivery.attempt_id,
        "status": delivery.attempt_status,
        "updated_at": shapes.instant(delivery.attempt_updated_at),
    }
