"""Who sleeps since nobody visits, and who wakes: on a real HAProxy and a real store; the clock is the test's."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.router import servers
from tests.router.mesh import Mesh, mesh, wait_for

from celadon.actions import dynos
from celadon.actions.context import Context
from celadon.model.dyno import DynoRequest, DynoState
from celadon.router.idling import Idler, Visits

LONG_AGO = timedelta(hours=2)


@pytest.fixture
def sleepy() -> Iterator[Mesh]:
    """A router whose Nap dynos sleep after an hour."""
    sizes = ("1X:512:1:5:3:0", "Nap:64:1:0:3:3600")
    # Whoever waits for a dyno is told in whole seconds, and wakes it for as long as requests may wait.
    with mesh(first_byte_timeout=20.0, idle_timeout=20.0, boot_queue_timeout=20.0, dyno_sizes=sizes) as running:
        yield running


def visits(running: Mesh, now: float | None = None) -> Visits:
    """What a role that was started long ago knows: nothing but what it is told."""
    seen = Visits(Context(running.database, running.settings), lambda: now or time.time())
    seen._since = time.time() - 2 * 3600
    return seen


def idler(running: Mesh, known: Visits) -> Idler:
    return Idler(Context(running.database, running.settings), known, running.engine.master)


def napping(running: Mesh, name: str, at: servers.Dyno) -> tuple[str, str]:
    """An app with one Nap dyno that came up two hours ago; the ids of both."""
    app_id = running.app(name)
    with running.database.transaction() as tx:
        from celadon.store import formations

        (entry,) = formations.list_of(tx, app_id)
        formations.update(tx, entry.id, now=datetime.now(UTC), quantity=1, size="Nap")
    dyno_id = running.serve(app_id, at)
    running.change(dyno_id, size="Nap", updated_at=datetime.now(UTC) - LONG_AGO)
    return app_id, dyno_id


def test_who_was_not_visited_for_its_time_sleeps(sleepy: Mesh) -> None:
    with servers.Dyno() as dyno:
        app_id, dyno_id = napping(sleepy, "quiet", dyno)
        assert idler(sleepy, visits(sleepy)).ensure() == app_id
    assert sleepy.row(dyno_id).request is DynoRequest.IDLE


def test_a_visit_keeps_awake(sleepy: Mesh) -> None:
    with servers.Dyno() as dyno:
        app_id, dyno_id = napping(sleepy, "visited", dyno)
        known = visits(sleepy)
        known.note(app_id)
        assert idler(sleepy, known).ensure() == ""
    assert sleepy.row(dyno_id).request is None


def test_who_has_just_come_up_and_whose_size_does_not_sleep_stay(sleepy: Mesh) -> None:
    with servers.Dyno() as dyno, servers.Dyno("127.0.0.2") as other:
        _, fresh = napping(sleepy, "fresh", dyno)
        sleepy.change(fresh, updated_at=datetime.now(UTC))
        _, paid = napping(sleepy, "paid", other)
        sleepy.change(paid, size="1X")
        assert idler(sleepy, visits(sleepy)).ensure() == ""


@pytest.mark.parametrize("reload", [False, True], ids=["", "in a process that a reload replaced"])
def test_a_request_that_goes_on_keeps_awake(sleepy: Mesh, reload: bool) -> None:
    held, release = threading.Event(), threading.Event()

    def slow(connection: socket.socket, head: str, body: bytes) -> bool:
        held.set()
        release.wait(60)
        return servers.answer(connection, b"at last")

    with servers.Dyno(behaviour=slow) as dyno:
        _, dyno_id = napping(sleepy, "busy", dyno)
        asking = threading.Thread(target=lambda: sleepy.get("busy.localhost"))
        asking.start()
        try:
            assert held.wait(60)
            if reload:
                from celadon.router import admin

                admin.reload(sleepy.engine.master)
                wait_for("the old process goes on", lambda: admin.old_workers(sleepy.engine.master))
            assert idler(sleepy, visits(sleepy)).ensure() == ""
        finally:
            release.set()
            asking.join()
    assert sleepy.row(dyno_id).request is None


def test_a_request_that_waits_wakes_and_an_old_word_does_not(sleepy: Mesh) -> None:
    with servers.Dyno() as dyno:
        app_id, dyno_id = napping(sleepy, "sleeper", dyno)
        context = Context(sleepy.database, sleepy.settings)
        assert dynos.idle(context, dyno_id)
        sleepy.change(dyno_id, state=DynoState.IDLE)
        known = visits(sleepy)
        known.wait(app_id, int(time.time()) - 1000)
        assert sleepy.row(dyno_id).request is DynoRequest.IDLE
        known.wait(app_id, int(time.time()))
        assert sleepy.row(dyno_id).request is None


def test_sleep_does_not_take_the_place_of_what_a_user_asks(sleepy: Mesh) -> None:
    with servers.Dyno() as dyno:
        _, dyno_id = napping(sleepy, "restarted", dyno)
        sleepy.change(dyno_id, request=DynoRequest.RESTART)
        assert not dynos.idle(Context(sleepy.database, sleepy.settings), dyno_id)
        assert sleepy.row(dyno_id).request is DynoRequest.RESTART
