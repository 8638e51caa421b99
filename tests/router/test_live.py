"""Changes under load, reloads, deaths: no request is lost."""

import contextlib
import itertools
import re
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
from tests.router import mesh as meshes
from tests.router import servers
from tests.router.load import Load
from tests.router.mesh import LocalEngine, Mesh, now, wait_for

from celadon.model.dyno import DynoState
from celadon.router import admin, haproxy, plan
from celadon.router.manager import Manager, View
from celadon.store import dynos as stored_dynos


def holding(release: threading.Event) -> servers.Behaviour:
    """`/held` is answered once it may be; what a test does meanwhile may take as long as it takes."""

    def behave(connection: socket.socket, head: str, body: bytes) -> bool:
        if " /held " in head:
            assert release.wait(60)
        return servers.behave(connection, head, body)

    return behave


def endless(connection: socket.socket, head: str, body: bytes) -> bool:
    """`/endless` is answered until nobody is there any more."""
    if " /endless " not in head:
        return servers.behave(connection, head, body)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1\r\nx\r\n")
        time.sleep(0.1)


def replace_dyno(mesh: Mesh, app_id: str, old: str, at: servers.Dyno, number: int) -> str:
    """As the dyno manager does: the new one first, then the old one drains, is told off by the router, and goes."""
    new = mesh.serve(app_id, at, number)
    mesh.change(old, draining_at=now())
    mesh.wait_routed(old, False)
    mesh.remove(old)
    return new


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_request_is_lost_while_dynos_come_and_go_and_haproxy_reloads(patient: Mesh, method: str) -> None:
    mesh = patient
    app_id = mesh.app("busy", web=2)
    addresses = (f"127.0.0.{number}" for number in itertools.count(2))
    with contextlib.ExitStack() as stack:
        dynos = [stack.enter_context(servers.Dyno(next(addresses))) for _ in range(2)]
        ids = [mesh.serve(app_id, dyno, number) for number, dyno in enumerate(dynos, 1)]
        with Load(mesh.settings.http_port, "busy.localhost", method=method) as load:
            load.wait_for(300)
            for turn in range(6):
                fresh = stack.enter_context(servers.Dyno(next(addresses)))
                ids[turn % 2] = replace_dyno(mesh, app_id, ids[turn % 2], fresh, turn % 2 + 1)
                # Its dyno is stopped once the router is done with it.
                dynos[turn % 2].stop()
                dynos[turn % 2] = fresh
                if turn % 2:
                    admin.reload(mesh.engine.master)
                load.wait_for(250)
    assert load.failures == [], mesh.errors(app_id)
    assert load.answered >= 1500
    wait_for("every line is there", lambda: len(mesh.log(app_id)) == load.answered)
    assert mesh.receiver.lost == 0


def test_that_a_dyno_is_reached_is_said_when_haproxy_has_been_told(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """A push waits for it: whoever is told `up` is answered."""
    app_id = mesh.app("told")
    tell, before = Manager._tell, []

    def noted(manager: Manager, steps: plan.Plan) -> None:
        # As the store has them: the role may be here before the test knows the dyno's id.
        with mesh.database.read() as tx:
            before.append([(row.routed, row.reached) for row in stored_dynos.list_of(tx, app_id)])
        tell(manager, steps)

    with servers.Dyno() as at:
        monkeypatch.setattr(Manager, "_tell", noted)
        dyno_id = mesh.dyno(app_id, at)
        wait_for("it is reached", lambda: mesh.row(dyno_id).reached)
        assert mesh.status("told.localhost") == 200
        assert [(True, False)] in before
        assert before.index([(True, False)]) == max(at for at, seen in enumerate(before) if seen == [(True, False)])
        mesh.change(dyno_id, draining_at=now())
        mesh.wait_routed(dyno_id, False)
        assert not mesh.row(dyno_id).reached


def test_once_a_release_is_reached_no_request_meets_the_one_before_it(mesh: Mesh) -> None:
    """Though nobody has said yet that its dynos are to drain; it serves on when the new release does not."""
    app_id = mesh.app("switch", web=2)
    with contextlib.ExitStack() as stack:
        *old, first, second = (stack.enter_context(servers.Dyno(f"127.0.0.{number}")) for number in range(2, 6))
        rows = [mesh.serve(app_id, at, number) for number, at in enumerate(old, 1)]
        mesh.release(app_id)
        new = [mesh.serve(app_id, first, 1)]
        assert not any(server.draining for found in mesh.actual().servers.values() for server in found.values())
        new.append(mesh.serve(app_id, second, 2))
        before = sum(len(at.requests) for at in old)
        assert [mesh.status("switch.localhost") for _ in range(10)] == [200] * 10
        assert sum(len(at.requests) for at in old) == before
        assert [mesh.row(one).draining_at for one in rows] == [None, None]
        for one in new:
            mesh.change(one, state=DynoState.CRASHED, container_id=None, address=None, port=None, routed=False)
        wait_for(
            "the old ones serve",
            lambda: mesh.status("switch.localhost") == 200 and sum(len(at.requests) for at in old) > before,
        )


def test_a_dyno_that_is_gone_before_it_is_claimed_takes_nobodys_place(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    app_id, other = mesh.app("gone"), mesh.app("other")
    view, tell, told = Manager._view, Manager._tell, []

    def crashing(manager: Manager) -> View:
        """The store goes on once it has been read."""
        found = view(manager)
        for dyno in found.dynos.values():
            if dyno.state is DynoState.UP and dyno.address == new.address:
                mesh.change(dyno.id, state=DynoState.CRASHED, container_id=None, address=None, port=None)
        return found

    def noted(manager: Manager, steps: plan.Plan) -> None:
        told.extend(command.text for command in steps.commands)
        tell(manager, steps)

    with servers.Dyno("127.0.0.2") as old, servers.Dyno("127.0.0.3") as new, servers.Dyno("127.0.0.4") as later:
        mesh.serve(app_id, old)
        mesh.release(app_id)
        monkeypatch.setattr(Manager, "_view", crashing)
        monkeypatch.setattr(Manager, "_tell", noted)
        dyno_id = mesh.dyno(app_id, new)
        wait_for("it has crashed", lambda: mesh.row(dyno_id).state is DynoState.CRASHED)
        # What comes later is told later.
        mesh.serve(other, later)
        assert mesh.status("gone.localhost") == 200
        assert [text for text in told if "state drain" in text] == []


def test_a_draining_dyno_finishes_its_request_and_gets_no_new_one(patient: Mesh) -> None:
    mesh, release = patient, threading.Event()
    app_id = mesh.app("drain", web=2)
    with servers.Dyno("127.0.0.2", holding(release)) as old, servers.Dyno("127.0.0.3") as new:
        old_id = mesh.serve(app_id, old)
        with open_request(mesh, "drain.localhost", "/held") as response:
            wait_for("the dyno has the request", lambda: any("/held" in head for head in old.requests))
            mesh.serve(app_id, new)
            mesh.change(old_id, draining_at=now())
            wait_for(
                "it drains", lambda: any(one.draining for of in mesh.actual().servers.values() for one in of.values())
            )
            assert mesh.row(old_id).routed, "not while it has a request"
            taken = len(old.requests)
            release.set()
            assert response() == 200
        mesh.wait_routed(old_id, False)
        assert [mesh.status("drain.localhost") for _ in range(5)] == [200] * 5
        assert len(old.requests) <= taken + 1


@pytest.fixture
def draining() -> Iterator[Mesh]:
    """A router that waits two seconds for a dyno that drains, and long for what that says."""
    with meshes.mesh(first_byte_timeout=20.0, idle_timeout=20.0) as running:
        yield running


def test_a_dyno_that_does_not_get_empty_is_let_go_after_the_drain_timeout(draining: Mesh) -> None:
    mesh = draining
    app_id = mesh.app("stuck", web=2)
    with servers.Dyno("127.0.0.2", endless) as old, servers.Dyno("127.0.0.3") as new:
        old_id = mesh.serve(app_id, old)
        with open_request(mesh, "stuck.localhost", "/endless"):
            wait_for("the dyno has the request", lambda: any("/endless" in head for head in old.requests))
            mesh.serve(app_id, new)
            start = time.monotonic()
            mesh.change(old_id, draining_at=now())
            mesh.wait_routed(old_id, False)
            assert time.monotonic() - start > 1.5, "it has the request for ever"


def test_a_request_in_a_process_that_was_reloaded_away_keeps_its_dyno(patient: Mesh) -> None:
    mesh, release = patient, threading.Event()
    app_id = mesh.app("old", web=2)
    with servers.Dyno("127.0.0.2", holding(release)) as old, servers.Dyno("127.0.0.3") as new:
        old_id = mesh.serve(app_id, old)
        with open_request(mesh, "old.localhost", "/held") as response:
            wait_for("the dyno has the request", lambda: any("/held" in head for head in old.requests))
            mesh.serve(app_id, new)
            admin.reload(mesh.engine.master)
            assert len(admin.old_workers(mesh.engine.master)) == 1
            mesh.change(old_id, draining_at=now())
            time.sleep(0.5)
            assert mesh.row(old_id).routed, "the older process still has a request in it"
            release.set()
            assert response() == 200
        mesh.wait_routed(old_id, False)


def test_a_kept_alive_connection_of_an_older_process_sees_the_table_of_now(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("stale", web=1)
    other_id = mesh.app("other", web=1)
    with servers.Dyno("127.0.0.2") as first, servers.Dyno("127.0.0.3") as second:
        first_id = mesh.serve(app_id, first)
        with socket.create_connection(("127.0.0.1", mesh.settings.http_port), timeout=30) as client:
            request = b"GET /headers HTTP/1.1\r\nHost: stale.localhost\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n"
            client.sendall(request)
            assert b"200 OK" in whole(client)
            admin.reload(mesh.engine.master)
            # Its dyno goes, and another app gets its place.
            mesh.serve(app_id, second)
            mesh.change(first_id, draining_at=now())
            mesh.wait_routed(first_id, False)
            mesh.remove(first_id)
            mesh.serve(other_id, first)
            count = len(first.requests)
            client.sendall(request)
            answer = whole(client)
            assert b"200 OK" in answer
            assert b"connection: close" in answer.lower()
            assert len(first.requests) == count
    assert b"9.9.9.9, 127.0.0.1\r\n" in answer, "the hand-over adds nothing of its own"
    wait_for("one line each", lambda: sum('path="/headers"' in line for line in mesh.log(app_id)) == 2)


def test_a_waiting_request_outlives_a_reload(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("wait")
    dyno_id = mesh.dyno(app_id, state=DynoState.STARTING)
    wait_for("the wait is known", lambda: mesh.has_route(app_id, "wait"))
    with servers.Dyno() as dyno, open_request(mesh, "wait.localhost", "/") as response:
        time.sleep(0.2)
        admin.reload(mesh.engine.master)
        time.sleep(0.2)
        mesh.change(dyno_id, state=DynoState.UP, container_id="c0ffee", address=dyno.address, port=dyno.port)
        assert response() == 200


def test_haproxy_is_back_within_a_second_after_its_death_and_knows_everything(mesh: Mesh) -> None:
    app_id = mesh.app("phoenix")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        mesh.wait_status("phoenix.localhost", 200)
        engine = mesh.engine
        assert isinstance(engine, LocalEngine)
        engine.took = 0.0
        engine.kill()
        start = time.monotonic()
        mesh.wait_status("phoenix.localhost", 200)
        lasted = time.monotonic() - start
        # One on a machine with nothing else to do; how long HAProxy itself takes is a matter of the machine, and known
        # when the role has seen that it answers.
        took = wait_for("its start is over", lambda: engine.took)
        assert lasted - took < 5
    assert mesh.engine.starts == 2


def test_a_role_that_comes_back_finds_haproxy_as_it_left_it_and_catches_up(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("adopt", web=2)
    with servers.Dyno("127.0.0.2") as first, servers.Dyno("127.0.0.3") as second:
        first_id = mesh.serve(app_id, first)
        process = mesh.actual().process
        mesh.stop_role()
        second_id = mesh.dyno(app_id, second, number=2)
        mesh.change(first_id, draining_at=now())
        with Load(mesh.settings.http_port, "adopt.localhost", clients=4) as load:
            load.wait_for(20)
            mesh.start_role()
            mesh.wait_routed(second_id)
            mesh.wait_routed(first_id, False)
            load.wait_for(20)
        assert load.failures == []
    assert mesh.actual().process == process
    assert mesh.engine.starts == 1


def test_an_apps_slot_is_never_shared(mesh: Mesh) -> None:
    with contextlib.ExitStack() as stack:
        made = {}
        for number in range(8):
            dyno = stack.enter_context(servers.Dyno(f"127.0.0.{number + 2}"))
            app_id = mesh.app(f"app{number}")
            made[app_id] = mesh.serve(app_id, dyno)
        for app_id, dyno_id in list(made.items())[:4]:
            mesh.change(dyno_id, state=DynoState.CRASHED, container_id=None, address=None, port=None)
            wait_for("the crash is known", partial(mesh.has_route, app_id, "H10"))
        used = [slot for slot in mesh.actual().routes.values() if slot.startswith("slot")]
        assert len(used) == len(set(used)) == 4
        wait_for(
            "the others are empty",
            lambda: sorted(used) == sorted(slot for slot, found in mesh.actual().servers.items() if found),
        )


def test_slots_are_refilled_by_a_reload_before_they_run_out(patient: Mesh) -> None:
    mesh = patient
    with contextlib.ExitStack() as stack:
        for number in range(haproxy.FIRST_SLOTS - haproxy.SPARES + 2):
            dyno = stack.enter_context(servers.Dyno(f"127.0.1.{number + 2}"))
            mesh.dyno(mesh.app(f"many{number}"), dyno)
        wait_for("all answer", lambda: mesh.status(f"many{number}.localhost") == 200)
        wait_for("there are more slots", lambda: mesh.actual().slots == 2 * haproxy.FIRST_SLOTS)
        assert all(mesh.status(f"many{n}.localhost") == 200 for n in range(number))


def test_no_line_is_lost_or_doubled_while_nobody_receives(mesh: Mesh) -> None:
    app_id = mesh.app("kept")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        mesh.get("kept.localhost", "/0")
        mesh.line(app_id, 'path="/0"')
        mesh.restart_receiver(lambda: [mesh.get("kept.localhost", f"/{n}") for n in range(1, 50)])
        mesh.get("kept.localhost", "/50")
        mesh.line(app_id, 'path="/50"')
    paths = [int(found[1]) for line in mesh.log(app_id) if (found := re.search(r'path="/(\d+)"', line))]
    assert paths == list(range(51))
    assert mesh.receiver.lost == 0


def test_a_request_that_a_reload_overtakes_has_its_line(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("over")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        with open_request(mesh, "over.localhost", "/drip") as response:
            wait_for("the dyno has the request", lambda: dyno.requests)
            admin.reload(mesh.engine.master)
            assert response() == 200
        assert mesh.line(app_id, 'path="/drip"').startswith("at=info")
        wait_for("the old process is let go", lambda: not admin.old_workers(mesh.engine.master))


def whole(client: socket.socket) -> bytes:
    """One answer, in however many parts it comes: it ends where a request would."""
    head, body, _ = servers.read_request(client, b"")
    return head + b"\r\n\r\n" + body


@contextlib.contextmanager
def open_request(mesh: Mesh, host: str, path: str) -> Iterator["StatusLater"]:
    with socket.create_connection(("127.0.0.1", mesh.settings.http_port), timeout=60) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        yield StatusLater(client)


class StatusLater:
    """The status of an answer, once it is there and whole."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client

    def __call__(self) -> int:
        received = b""
        while part := self._client.recv(65536):
            received += part
        assert received.startswith(b"HTTP/1.1 "), received[:100]
        return int(received[9:12])
