"""The audit trail: who did what, and from where."""

from celadon.actions import access
from celadon.actions.context import Context
from celadon.model.account import Account, Actor
from celadon.model.app import App
from celadon.model.event import Event
from celadon.store import accounts, events


def of_app(context: Context, actor: Actor, app_name: str) -> tuple[App, list[int]]:
    """The app and the numbers of its events, oldest first; raises NotFound, Forbidden for who does not own it."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "event:read")
        return app, events.numbers_of_app(tx, app.id)


def of_account(context: Context, actor: Actor) -> list[int]:
    """The numbers of what an account did that concerns no app, oldest first."""
    access.require_account_read(actor)
    with context.database.read() as tx:
        return events.numbers_of_account(tx, actor.account.id)


def read(context: Context, numbers: list[int]) -> list[tuple[Event, Account | None]]:
    """These events in this order, with who did each."""
    with context.database.read() as tx:
        found = {event.seq: event for event in events.by_numbers(tx, numbers)}
        people = accounts.by_ids(tx, {event.account_id for event in found.values() if event.account_id})
    return [(found[number], people.get(found[number].account_id or "")) for number in numbers if number in found]
