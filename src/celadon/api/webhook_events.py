"""Webhook events of an app."""

from collections.abc import Sequence

from celadon.actions import webhook_events
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.request import Call
from celadon.api.webhooks import whose
from celadon.model.webhook import WebhookEvent

# By number and id: several of one number are what one change has done to several things.
_ATTRIBUTES = {"seq": lambda key: key[0], "id": lambda key: key[1]}


def list_of(call: Call) -> Listing:
    found = webhook_events.keys(call.context, call.actor, whose(call))
    return Listing(items=found, attributes=_ATTRIBUTES, shape=shape, fetch=lambda chosen: _fetch(call, chosen))


def _fetch(call: Call, chosen: Sequence[tuple[int, str]]) -> list[WebhookEvent]:
    """The chosen ones in their order, without those forgotten in the meantime."""
    found = webhook_events.by_ids(call.context, [event_id for _, event_id in chosen])
    return [found[event_id] for _, event_id in chosen if event_id in found]


def show(call: Call) -> Answer:
    found = webhook_events.find(call.context, call.actor, whose(call), call.params["webhook_event"])
    return Answer(value=shape(found), changed_at=found.updated_at)


def shape(event: WebhookEvent) -> dict[str, object]:
    return {
        "created_at": shapes.instant(event.created_at),
        "id": event.id,
        "include": event.include,
        "payload": event.payload,
        "updated_at": shapes.instant(event.updated_at),
    }
