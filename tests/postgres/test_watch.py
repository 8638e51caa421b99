"""What all tenants of a shared server have together: who takes too much of it is ended, and nobody else."""

import contextlib
import json
from collections.abc import Iterator

import psycopg
import pytest

from celadon.postgres import watch as module
from celadon.postgres.watch import Watch
from tests.postgres import limited
from tests.postgres.failing import wait_for
from tests.postgres.limited import Made
from tests.postgres.place import Place


@pytest.fixture(scope="module")
def hostile(place: Place) -> Iterator[Made]:
    with limited.made(place) as found:
        yield found


@pytest.fixture(scope="module")
def other(place: Place, hostile: Made) -> Iterator[Made]:
    with limited.made(place) as found:
        assert found.known.engine.id == hostile.known.engine.id
        yield found


@pytest.fixture
def watch(place: Place, hostile: Made) -> Iterator[Watch]:
    found = Watch(place.context, place.clusters, interval=0.0)
    # It is connected before somebody fills the table.
    with contextlib.closing(found):
        assert found.ensure() == 0
        yield found


def ended(connection: psycopg.Connection) -> None:
    """The signal is there a moment before its end."""
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select pg_sleep(10)")


def end_one(watch: Watch) -> None:
    """Of a table that is full a look may take longer than the watch waits: it looks again, as in the role."""
    wait_for("one is ended", lambda: watch.ensure() == 1)


def take(connection: psycopg.Connection, count: int, of: int = 0) -> None:
    connection.execute(f"select count(pg_advisory_lock({of}, i)) from generate_series(1, {count}) as i")


def test_who_fills_the_table_of_locks_is_ended_and_others_go_on(
    hostile: Made, other: Made, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.closing(hostile.connect()) as greedy, contextlib.closing(other.connect()) as lives:
        with pytest.raises(psycopg.errors.OutOfMemory):
            take(greedy, 200_000)
        with pytest.raises(psycopg.OperationalError):
            take(lives, 10_000)
        # Its own failed statement left some.
        assert lives.execute("select pg_advisory_unlock_all()")
        caplog.clear()
        end_one(watch)
        ended(greedy)
        take(lives, 1_000)
        assert watch.ensure() == 0 and lives.execute("select 1").fetchone() == (1,)
        (line,) = [one.getMessage() for one in caplog.records if "at=session-ended" in one.getMessage()]
        assert "took too many locks" in line


def test_a_hundred_thousand_locks_of_one_session_take_nothing_from_the_others(
    hostile: Made, other: Made, watch: Watch
) -> None:
    with contextlib.closing(hostile.connect()) as greedy:
        take(greedy, 100_000)
        with other.connect() as lives:
            take(lives, 1_000)
        end_one(watch)
        ended(greedy)


def test_the_bound_is_strict_and_many_sessions_together_are_bounded_too(
    hostile: Made, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(contextlib.closing(hostile.connect())) for _ in range(3)]
        take(sessions[0], module.MOST_LOCKS)
        assert watch.ensure() == 0
        take(sessions[1], 4_000, 1)
        take(sessions[2], 1_000, 2)
        monkeypatch.setattr(module, "MOST_TABLE", 5.0)
        assert watch.ensure() == 1
        ended(sessions[0])
        assert watch.ensure() == 0
        monkeypatch.undo()
        take(sessions[2], module.MOST_LOCKS + 1, 2)
        assert watch.ensure() == 1
        ended(sessions[2])
        assert sessions[1].execute("select 1").fetchone() == (1,)


def test_the_platforms_own_sessions_are_never_ended(place: Place, hostile: Made, watch: Watch) -> None:
    with place.clusters.connect(hostile.known.engine) as connection:
        take(connection, module.MOST_LOCKS + 1)
        assert watch.ensure() == 0
        take(connection, 1)


def test_who_listens_in_a_transaction_without_an_end_does_not_fill_the_queue(
    hostile: Made, other: Made, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_QUEUE", 1.0)
    words = json.dumps("x" * 7_000)
    with contextlib.closing(hostile.connect()) as listens, contextlib.closing(other.connect()) as lives:
        listens.execute("listen a")
        listens.execute("begin")
        listens.execute("select 1")
        for _ in range(2):
            lives.execute("select pg_notify('a', i || %s) from generate_series(1, 1000) as i", [words])
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(module, "MOST_QUEUE", 50.0)
            assert watch.ensure() == 0
        assert watch.ensure() == 1
        ended(listens)
        assert watch.ensure() == 0
        assert lives.execute("select pg_notification_queue_usage() < 0.01").fetchone() == (True,)
