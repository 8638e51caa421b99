"""The clock looks at alerts: a change is told once, by mail, in the log and to webhooks, whoever is killed when."""

import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests import stores
from tests.logplex.test_metrics import answer

from celadon.actions import accounts, alerts, apps, context, mails, metrics, webhooks
from celadon.actions.context import Context, now
from celadon.api.notifier import Notifier
from celadon.clock.alerts import Watch
from celadon.model import event as event_rules
from celadon.model import logline
from celadon.model import metrics as rules
from celadon.model.account import Actor
from celadon.model.alert import Alert, AlertState
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.logline import Source
from celadon.model.metrics import Counts
from celadon.platform.settings import Settings
from celadon.store import alerts as stored_alerts
from celadon.store import changes, events, tables
from celadon.store.metrics import Batch, Metrics

ROUTER = Source(source="heroku", ps="router")
_fork = multiprocessing.get_context("fork")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Context]:
    settings = Settings(home=tmp_path)
    stores.make(settings)
    opened = context.connect(settings)
    yield opened
    opened.database.close()


@pytest.fixture
def owner(world: Context) -> Actor:
    actor = Actor(account=accounts.create_operator(world.database, email="ada@example.com", password="long enough"))
    apps.create(world, actor, name="hello")
    return actor


def add(world: Context, owner: Actor, measure: str = "errors", threshold: str = "5", minutes: str = "1") -> Alert:
    to = "ada@example.com grace@example.com"
    return alerts.create(world, owner, "hello", measure=measure, threshold=threshold, minutes=minutes, recipients=to)


def say(world: Context, alert: Alert, *answers: tuple[int, int]) -> None:
    """Answers (status, ms) of some seconds ago."""
    store = Metrics(world.settings.home)
    counts: dict[int, Counts] = {}
    at = now() - timedelta(seconds=metrics.LATE + 15)
    rules.count([logline.line(ROUTER, answer(status, time), at) for status, time in answers], counts)
    known = store.positions().get(alert.app_id, 0)
    assert not store.add([Batch(alert.app_id, known, known + 1, counts)], now().timestamp())
    store.close()


def shown(world: Context, owner: Actor) -> Alert:
    (found,) = alerts.list_of(world, owner, "hello")
    return found


def lines(world: Context) -> list[str]:
    with world.database.read() as tx:
        found = [event_rules.line(event) for event in events.list_after(tx, 0)]
    return [f"{source.header} {text}" for source, text in filter(None, found) if source.ps == "alerts"]


def test_a_change_is_told_once(world: Context, owner: Actor) -> None:
    alert, watch = add(world, owner), Watch(world)
    assert watch.ensure() == 0
    say(world, alert, *[(200, 1)] * 18, *[(503, 1)] * 2)
    assert watch.ensure() == 1 and watch.ensure() == 0
    found = shown(world, owner)
    assert (found.state, found.value) == (AlertState.FIRING, 10.0)
    letters = mails.outbox(world, owner)
    assert {letter.recipient for letter in letters} == {"ada@example.com", "grace@example.com"} and len(letters) == 2
    assert letters[0].subject == "Alert: hello: Answers with status 5xx above 5 % in a minute"
    assert "/dashboard/apps/hello/metrics" in letters[0].text
    assert lines(world) == [
        'heroku[alerts]: at=firing alert="Answers with status 5xx above 5 % in a minute" value="10 %"'
    ]


def test_its_end_is_told_too(world: Context, owner: Actor) -> None:
    alert, watch = add(world, owner), Watch(world)
    with world.database.transaction() as tx:
        before = now() - timedelta(minutes=2)
        stored_alerts.update(tx, alert.id, now=before, state=AlertState.FIRING, value=50.0, changed_at=before)
    say(world, alert, *[(200, 1)] * 20)
    assert watch.ensure() == 1 and watch.ensure() == 0
    assert shown(world, owner).state is AlertState.OK
    assert mails.outbox(world, owner)[0].subject.startswith("Over: hello: ") and "at=ok" in lines(world)[0]


def test_response_times_and_memory(world: Context, owner: Actor) -> None:
    slow = add(world, owner, "p95", "500")
    add(world, owner, "p95", "1500")
    add(world, owner, "memory", "90")
    say(world, slow, *[(200, 1000)] * 20)
    store = Metrics(world.settings.home)
    store.add_samples({slow.app_id: {"web": rules.sample(95, 100, 0)}}, now().timestamp() - metrics.LATE - 15)
    assert Watch(world).ensure() == 2
    firing = [alert.rule for alert in alerts.list_of(world, owner, "hello") if alert.state is AlertState.FIRING]
    assert firing == [slow.rule, "Memory of a dyno above 90 % of the quota in a minute"]


def test_webhooks_hear_of_it(world: Context, owner: Actor) -> None:
    alert = add(world, owner)
    webhooks.create(world, owner, "hello", url="https://example.com/", include=["celadon:alert"], level="notify")
    say(world, alert, *[(500, 1)] * 20)
    Watch(world).ensure()
    while Notifier(world).ensure():
        pass
    with world.database.read() as tx:
        (payload,) = tx.connection.execute(tables.webhook_events.select()).mappings()
    told = payload["payload"]
    assert (payload["include"], told["resource"], told["action"]) == ("celadon:alert", "alert", "update")
    assert told["data"]["state"] == "firing" and told["data"]["value"] == 100.0 and told["data"]["id"] == alert.id
    assert told["previous_data"] == {"state": "ok"} and told["data"]["app"]["name"] == "hello"


def test_who_is_killed_in_the_middle_has_told_nobody(world: Context, owner: Actor) -> None:
    alert = add(world, owner)
    say(world, alert, *[(500, 1)] * 20)

    def die(*_: object) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def look() -> None:
        changes.record = die
        Watch(context.connect(world.settings)).ensure()

    world.database.close()
    child = _fork.Process(target=look)
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert shown(world, owner).state is AlertState.OK and not lines(world) and not mails.outbox(world, owner)
    assert Watch(world).ensure() == 1 and len(lines(world)) == 1 and len(mails.outbox(world, owner)) == 2


def test_one_that_was_seen_otherwise_meanwhile_is_left_alone(world: Context, owner: Actor) -> None:
    seen = add(world, owner)
    alerts.update(world, owner, "hello", seen.id, measure="errors", threshold="60", minutes="1", recipients="")
    assert not alerts.move(world, seen, 50.0) and not lines(world)
    alerts.remove(world, owner, "hello", seen.id)
    assert not alerts.move(world, seen, 50.0)


def test_metrics_that_cannot_be_read_tell_nobody_anything(
    world: Context, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(world, owner)

    def broken(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Metrics, "counts", broken)
    assert Watch(world).ensure() == 0


def test_alerts_of_a_destroyed_app_are_over(world: Context, owner: Actor) -> None:
    alert = add(world, owner)
    say(world, alert, *[(500, 1)] * 20)
    apps.destroy(world, owner, "hello")
    assert Watch(world).ensure() == 0


def test_who_may_set_them_and_how_many(world: Context, owner: Actor) -> None:
    stranger = Actor(account=accounts.create(world, owner, email="eve@example.com", password="long enough"))
    reader = Actor(account=owner.account, scope=("read",))
    alert = add(world, owner)
    with pytest.raises(NotFound):
        alerts.list_of(world, stranger, "hello")
    with pytest.raises(NotFound):
        add(world, stranger)
    for change in (
        lambda: add(world, reader),
        lambda: alerts.remove(world, reader, "hello", alert.id),
    ):
        with pytest.raises(Forbidden):
            change()
    assert alerts.may_change(world, owner, "hello") and not alerts.may_change(world, reader, "hello")
    for _ in range(9):
        add(world, owner)
    with pytest.raises(InvalidParams, match="the most an app may have"):
        add(world, owner)
