"""The queue of deliveries, on SQLite and on PostgreSQL."""

import threading
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from celadon.actions import accounts, apps, context, webhook_deliveries, webhook_events, webhooks
from celadon.actions.context import Context, now
from celadon.actions.webhook_events import Batch
from celadon.model.account import Actor
from celadon.model.webhook import Told, Webhook, WebhookEvent
from celadon.platform.settings import Settings
from celadon.store import webhook_deliveries as stored
from celadon.store import webhook_events as stored_events
from celadon.store import webhooks as stored_webhooks
from celadon.store.database import Database

_LEASE = timedelta(seconds=30)


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Context:
    return context.Context(database, Settings(home=tmp_path))


@pytest.fixture
def owner(world: Context) -> Actor:
    actor = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    apps.create(world, actor, name="hello")
    return actor


def add(world: Context, owner: Actor, app: str = "hello") -> str:
    made = webhooks.create(world, owner, app, url="https://example.com/", include=["api:app"], level="sync")
    return made[1].id


def happen(world: Context, owner: Actor, app: str = "hello") -> int:
    """One thing for each webhook of the app; returns how many deliveries there are of it."""
    return webhook_events.publish(world, *batch_of(world, owner, app))


def batch_of(
    world: Context, owner: Actor, app: str = "hello"
) -> tuple[Batch, list[tuple[WebhookEvent, Sequence[Webhook]]]]:
    apps.update(world, owner, app, maintenance=True)
    batch = webhook_events.unread(world, 100)
    made: list[tuple[WebhookEvent, Sequence[Webhook]]] = []
    for event, found, told in batch.wanted:
        if event.action == "app:update":
            fact = WebhookEvent(
                id=str(uuid.uuid4()),
                app_id=found.id,
                sequence=event.seq,
                include="api:app",
                payload={"data": {"n": [1]}},
                published_at=event.at,
                created_at=now(),
                updated_at=now(),
            )
            made.append((fact, told))
    return batch, made


def test_the_first_of_each_webhook_is_due_and_of_an_owner_a_few(world: Context, owner: Actor) -> None:
    other = Actor(account=accounts.create(world, owner, email="c@d", password="long enough"))
    apps.create(world, other, name="other")
    mine, theirs = {add(world, owner) for _ in range(5)}, {add(world, other, "other")}
    for _ in range(3):
        assert happen(world, owner) == 5
    assert happen(world, other, "other") == 1
    due = webhook_deliveries.due(world, 4, 100)
    assert len(due) == 5
    assert {delivery.webhook_id for delivery, _ in due} & theirs == theirs
    assert len({delivery.webhook_id for delivery, _ in due} & mine) == 4
    assert [delivery.seq for delivery, _ in due] == sorted(delivery.seq for delivery, _ in due)
    assert {owner_id for _, owner_id in due} == {owner.account.id, other.account.id}


def test_a_webhook_has_one_attempt_under_way(world: Context, owner: Actor) -> None:
    add(world, owner)
    happen(world, owner)
    happen(world, owner)
    ((delivery, owner_id),) = webhook_deliveries.due(world, 4, 100)
    attempt = webhook_deliveries.begin(world, delivery, owner_id, _LEASE)
    assert attempt is not None and attempt.event.payload == {"data": {"n": [1]}}
    assert webhook_deliveries.begin(world, delivery, owner_id, _LEASE) is None
    assert webhook_deliveries.due(world, 4, 100) == []
    webhook_deliveries.end(world, attempt, Told(code=200))
    ((second, _),) = webhook_deliveries.due(world, 4, 100)
    assert second.seq > delivery.seq


def test_who_dies_in_an_attempt_is_followed_when_the_lease_has_ended(world: Context, owner: Actor) -> None:
    add(world, owner)
    happen(world, owner)
    ((delivery, owner_id),) = webhook_deliveries.due(world, 4, 100)
    dead = webhook_deliveries.begin(world, delivery, owner_id, timedelta(0))
    ((again, _),) = webhook_deliveries.due(world, 4, 100)
    assert (again.id, again.num_attempts, again.status) == (delivery.id, 1, "scheduled")
    attempt = webhook_deliveries.begin(world, again, owner_id, _LEASE)
    assert dead is not None and attempt is not None
    assert webhook_deliveries.begin(world, again, owner_id, _LEASE) is None, "it is another's by now"
    webhook_deliveries.end(world, dead, Told(code=500))
    found = webhook_deliveries.find(world, owner, "hello", delivery.id)
    assert (found.status, found.attempt_id) == ("scheduled", attempt.id), "the dead one has nothing to say"


def test_four_begin_one_attempt(world: Context, owner: Actor) -> None:
    add(world, owner)
    happen(world, owner)
    ((delivery, owner_id),) = webhook_deliveries.due(world, 4, 100)
    begun = []
    threads = [
        threading.Thread(target=lambda: begun.append(webhook_deliveries.begin(world, delivery, owner_id, _LEASE)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(attempt is not None for attempt in begun) == 1


def test_a_batch_is_kept_once(world: Context, owner: Actor) -> None:
    add(world, owner)
    batch, made = batch_of(world, owner)
    again = [(replace(event, id=str(uuid.uuid4())), told) for event, told in made]
    assert webhook_events.publish(world, batch, made) == 1
    assert webhook_events.publish(world, batch, again) == 0
    assert len(webhook_deliveries.keys(world, owner, "hello")) == 1
    with world.database.read() as tx:
        assert stored_events.cursor(tx) == batch.after


def test_a_webhook_goes_with_its_deliveries(world: Context, owner: Actor) -> None:
    webhook_id = add(world, owner)
    happen(world, owner)
    webhooks.remove(world, owner, "hello", webhook_id)
    with world.database.read() as tx:
        assert stored.next_due(tx) is None
        assert stored_webhooks.secrets(tx, webhook_id) is None


def test_events_that_nobody_is_told_of_are_passed(world: Context, owner: Actor) -> None:
    for _ in range(3):
        apps.update(world, owner, "hello", maintenance=True)
    first = webhook_events.unread(world, 2)
    assert first.wanted == () and first.after > first.before
    webhook_events.publish(world, first, [])
    assert webhook_events.unread(world, 100).before == first.after
