"""The audit trail: what happened to an app, and to an account."""

from collections.abc import Mapping, Sequence
from typing import Any

from celadon.actions import events
from celadon.api import shapes
from celadon.api.answer import Listing
from celadon.api.request import Call
from celadon.model.account import Account
from celadon.model.event import Event

_BY_NUMBER: Mapping[str, Any] = {"seq": lambda number: number}


def list_of_app(call: Call) -> Listing:
    _, numbers = events.of_app(call.context, call.actor, call.app)
    return _listing(call, numbers)


def list_of_account(call: Call) -> Listing:
    return _listing(call, events.of_account(call.context, call.actor))


def _listing(call: Call, numbers: Sequence[int]) -> Listing:
    return Listing(
        items=numbers,
        attributes=_BY_NUMBER,
        fetch=lambda chosen: events.read(call.context, list(chosen)),
        shape=lambda found: shape(*found),
    )


def shape(event: Event, account: Account | None) -> dict[str, object]:
    return {
        "action": event.action,
        "actor": shapes.user(account) if account else None,
        "address": event.address,
        "created_at": shapes.instant(event.at),
        "description": event.line,
        "payload": dict(event.payload),
        "resource": {"id": event.resource_id} if event.resource_id else None,
        "seq": event.seq,
    }
