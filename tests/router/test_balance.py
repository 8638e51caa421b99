"""Which dyno gets a request: all alike, and for a while none that cannot be reached."""

import contextlib
import csv
import socket
import threading
import time

from tests import ports
from tests.router import servers
from tests.router.load import Load
from tests.router.mesh import Mesh, wait_for

from celadon.model import routing


class Returning(servers.Dyno):
    """A dyno that may listen again, where it did, after it has stopped."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        # Its port stays its own while nobody listens there.
        self._held = ports.reserved(address)
        super().__init__(address, port=self._held.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        super().__exit__(*_)
        self._held.close()

    def resume(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((self.address, self.port))
        self._listener.listen(1024)
        threading.Thread(target=self._accept, daemon=True).start()


class Failures:
    """How often HAProxy has failed to connect to a dyno, by its own count."""

    def __init__(self, mesh: Mesh, dyno_id: str) -> None:
        self._mesh = mesh
        row = mesh.row(dyno_id)
        self._slot, self._name = mesh.actual().routes[row.app_id], routing.server_name(row)

    def count(self) -> int:
        rows = csv.DictReader(self._mesh.tell(f"show stat {self._slot} 4 -1").splitlines())
        (row,) = [row for row in rows if row["svname"] == self._name]
        # A repetition of the same request at another dyno counts as well.
        return int(row["econ"]) + int(row["wretr"]) + int(row["wredis"])


def slow(connection: socket.socket, head: str, body: bytes) -> bool:
    time.sleep(0.05)
    return servers.answer(connection, b"slow\n")


def slower(connection: socket.socket, head: str, body: bytes) -> bool:
    """Also beside one that has to wait for a processor."""
    time.sleep(1.0)
    return servers.answer(connection, b"slow\n")


def test_three_dynos_get_equal_shares_of_concurrent_requests(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("equal", web=3)
    with contextlib.ExitStack() as stack:
        dynos = [stack.enter_context(servers.Dyno(f"127.0.0.{number}", slow)) for number in (2, 3, 4)]
        for number, dyno in enumerate(dynos, 1):
            mesh.serve(app_id, dyno, number)
        before = [len(dyno.requests) for dyno in dynos]
        with Load(mesh.settings.http_port, "equal.localhost", clients=12) as load:
            load.wait_for(600)
        counts = [len(dyno.requests) - start for dyno, start in zip(dynos, before, strict=True)]
    assert load.failures == []
    share = sum(counts) / 3
    assert all(0.9 * share < count < 1.1 * share for count in counts), counts


def test_a_dyno_that_is_busy_gets_less_than_one_that_is_not(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("uneven", web=2)
    with servers.Dyno("127.0.0.2", slower) as busy, servers.Dyno("127.0.0.3") as free:
        mesh.serve(app_id, busy, 1)
        mesh.serve(app_id, free, 2)
        before = len(free.requests)
        with Load(mesh.settings.http_port, "uneven.localhost", clients=6) as load:
            load.wait_for(500)
        assert load.failures == []
        assert len(free.requests) - before > 2 * len(busy.requests)


def test_a_dyno_that_refuses_is_passed_over_and_gets_requests_again_once_it_accepts(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("lame", web=2)
    with servers.Dyno("127.0.0.2") as good, Returning("127.0.0.3") as lame:
        mesh.serve(app_id, good, 1)
        failures = Failures(mesh, mesh.serve(app_id, lame, 2))
        lame.stop()
        with Load(mesh.settings.http_port, "lame.localhost", clients=8) as load:
            load.wait_for(1000)
            tried = failures.count()
            # A few find out, then nobody tries it any more.
            assert tried < 100, f"{tried} failures in {load.answered} requests"
            load.wait_for(1000)
            assert failures.count() - tried < 10
            seen = len(lame.requests)
            lame.resume()
            wait_for("it gets requests again", lambda: len(lame.requests) > seen + 100)
    assert load.failures == []
    assert mesh.errors(app_id) == []


def test_an_app_whose_only_dyno_refused_for_a_while_answers_soon_after_it_accepts(mesh: Mesh) -> None:
    app_id = mesh.app("only")
    with Returning() as dyno:
        mesh.serve(app_id, dyno)
        mesh.wait_status("only.localhost", 200)
        dyno.stop()
        for _ in range(3):
            assert mesh.get("only.localhost", "/refused")[0] == 503
        wait_for("all lines", lambda: sum("code=H21" in line for line in mesh.log(app_id)) == 3)
        dyno.resume()
        # It is looked at each second.
        mesh.wait_status("only.localhost", 200, 10.0)
