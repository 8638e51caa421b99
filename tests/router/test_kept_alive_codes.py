"""What a dyno or a client does wrong on a connection that has already served: the same codes as on a fresh one."""

import contextlib
import dataclasses
import http.client
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.router import mesh as meshes
from tests.router import servers
from tests.router.mesh import Mesh, wait_for

from celadon.router import haproxy

OWN = b"the app's own words"
GOOD = b"hello\n"


def behave(connection: socket.socket, head: str, body: bytes) -> bool:
    path = head.split(" ")[1].partition("?")[0]
    match path:
        case "/half-header":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
            return False
        case "/half-header-hang":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
            connection.recv(1)
            return False
        case "/flow":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            # Until nobody is there any more.
            while True:
                connection.sendall(b"1\r\nx\r\n")
                time.sleep(0.005)
        case "/500" | "/502" | "/503" | "/504":
            return servers.answer(connection, OWN, f"{path[1:]} Mine", "X-Own: yes", "Content-Type: text/own")
        case _:
            return servers.behave(connection, head, body)


@dataclass(frozen=True)
class Visit:
    """One connection of a client to one app."""

    mesh: Mesh
    app_id: str
    host: str
    connection: http.client.HTTPConnection

    def ask(self, method: str, path: str) -> http.client.HTTPResponse:
        self.connection.request(method, path, b"x" if method == "POST" else None, {"Host": self.host})
        return self.connection.getresponse()

    def ask_well(self, times: int = 1) -> None:
        for _ in range(times):
            response = self.ask("GET", "/good")
            assert (response.status, response.read()) == (200, GOOD)

    def assert_page(self, method: str, path: str) -> None:
        response = self.ask(method, path)
        assert response.status == 503
        assert response.headers["Cache-Control"] == "no-store"
        assert b"Application error" in response.read()

    def assert_cut(self, method: str, path: str) -> None:
        response = self.ask(method, path)
        assert response.status == 200
        with pytest.raises(http.client.IncompleteRead) as cut:
            response.read()
        assert cut.value.partial == b"abc"
        # The connection is at its end as well; the next request makes another.
        self.connection.close()

    def line(self, path: str) -> str:
        return self.mesh.line(self.app_id, f'path="{re.escape(path)}"')

    def assert_line(self, method: str, path: str, code: str, words: str, status: int) -> None:
        line = self.line(path)
        assert line.startswith(f'at=error code={code} desc="{words}" method={method} path="{path}" host={self.host} ')
        assert " dyno=web.1 connect=" in line
        assert f" status={status} " in line
        assert sum(f'path="{path}"' in one for one in self.mesh.log(self.app_id)) == 1


@contextlib.contextmanager
def visiting(mesh: Mesh, app_id: str, name: str) -> Iterator[Visit]:
    connection = http.client.HTTPConnection("127.0.0.1", mesh.settings.http_port, timeout=15)
    with contextlib.closing(connection):
        yield Visit(mesh, app_id, f"{name}.localhost", connection)


@dataclass(frozen=True)
class Bad:
    """An app whose dyno does what it is asked to."""

    mesh: Mesh
    app_id: str
    dyno: servers.Dyno

    def visit(self) -> contextlib.AbstractContextManager[Visit]:
        return visiting(self.mesh, self.app_id, "bad")

    def send(self, data: bytes) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.mesh.settings.http_port), timeout=15)
        client.sendall(data)
        return client

    def wait_seen(self, path: str) -> None:
        wait_for(f"the dyno has {path}", lambda: any(path in head for head in list(self.dyno.requests)))


@pytest.fixture(scope="module")
def bad() -> Iterator[Bad]:
    # Times that tests wait for; a client that is to leave before has to be quick enough all the same.
    with meshes.mesh() as mesh, servers.Dyno(behaviour=behave) as dyno:
        app_id = mesh.app("bad")
        mesh.serve(app_id, dyno)
        mesh.wait_status("bad.localhost", 200)
        yield Bad(mesh, app_id, dyno)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("before", [1, 2])
@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/hang", "H12", "Request timeout"),
        ("/half-header-hang", "H12", "Request timeout"),
        ("/half-header", "H17", "Poorly formatted HTTP response"),
        ("/junk", "H17", "Poorly formatted HTTP response"),
    ],
)
def test_a_bad_answer_is_a_page_and_its_code(
    bad: Bad, path: str, code: str, words: str, before: int, method: str
) -> None:
    asked = f"{path}?{method}{before}"
    with bad.visit() as visit:
        visit.ask_well(before)
        visit.assert_page(method, asked)
        visit.assert_line(method, asked, code, words, 503)
        visit.ask_well(2)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("before", [1, 2])
@pytest.mark.parametrize(
    ("path", "code", "words"),
    [("/stall", "H15", "Idle connection"), ("/half", "H18", "Server request interrupted")],
)
def test_an_answer_that_stops_is_cut_and_has_its_code(
    bad: Bad, path: str, code: str, words: str, before: int, method: str
) -> None:
    asked = f"{path}?{method}{before}"
    with bad.visit() as visit:
        visit.ask_well(before)
        visit.assert_cut(method, asked)
        visit.assert_line(method, asked, code, words, 200)
        visit.ask_well(2)


@pytest.mark.parametrize("before", [1, 2])
@pytest.mark.parametrize("path", ["/close", "/reset"])
def test_a_post_without_answer_is_h13_and_is_sent_once(bad: Bad, path: str, before: int) -> None:
    asked = f"{path}?POST{before}"
    with bad.visit() as visit:
        visit.ask_well(before)
        visit.assert_page("POST", asked)
        visit.assert_line("POST", asked, "H13", "Connection closed without response", 503)
        visit.ask_well(2)
    assert sum(f"POST {asked} " in head for head in bad.dyno.requests) == 1


@pytest.mark.parametrize("before", [1, 2])
@pytest.mark.parametrize("path", ["/close", "/reset"])
def test_a_get_without_answer_ends_the_connection_and_is_h13_when_the_client_asks_anew(
    bad: Bad, path: str, before: int
) -> None:
    asked = f"{path}?GET{before}"
    with bad.visit() as visit:
        visit.ask_well(before)
        with pytest.raises(http.client.RemoteDisconnected):
            visit.ask("GET", asked)
        # It has been sent again, as often as HAProxy may: never for ever.
        assert 2 <= sum(f"GET {asked} " in head for head in bad.dyno.requests) <= 3
        visit.assert_page("GET", asked)
        visit.assert_line("GET", asked, "H13", "Connection closed without response", 503)
        visit.ask_well(2)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("before", [1, 2])
def test_a_dyno_that_refuses_is_h21_until_another_accepts(mesh: Mesh, before: int, method: str) -> None:
    app_id = mesh.app("deaf", web=2)
    with servers.Dyno("127.0.0.2") as dyno, visiting(mesh, app_id, "deaf") as visit:
        mesh.serve(app_id, dyno)
        visit.ask_well(before)
        dyno.stop()
        visit.assert_page(method, "/refused")
        visit.assert_line(method, "/refused", "H21", "Backend connection refused", 503)
        with servers.Dyno("127.0.0.3") as other:
            mesh.serve(app_id, other, 2)
            visit.ask_well(2)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mesh]:
    """A router that waits a fifth of a second for a connection to a dyno."""
    site = haproxy.site
    monkeypatch.setattr(
        haproxy, "site", lambda settings, servers=0: dataclasses.replace(site(settings, servers), connect_timeout=0.2)
    )
    with meshes.mesh() as running:
        yield running


class Full(servers.Dyno):
    """A dyno that listens and accepts nothing; its queue is full, so that the kernel drops what comes."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._listener.listen(0)
        self._waiting = [self._knock() for _ in range(4)]

    def _knock(self) -> socket.socket:
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex((self.address, self.port))
        return client

    def _accept(self) -> None:
        """Never."""

    def stop(self) -> None:
        super().stop()
        for client in self._waiting:
            client.close()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_dyno_whose_queue_is_full_is_h19(impatient: Mesh, before: int, method: str) -> None:
    mesh = impatient
    app_id = mesh.app("full")
    with (
        servers.Dyno("127.0.0.2") as other,
        Full("127.0.0.3") as full,
        visiting(mesh, app_id, "full") as visit,
        visiting(mesh, mesh.app("good"), "good") as good,
    ):
        mesh.serve(good.app_id, other)
        mesh.serve(app_id, full)
        # The same connection asks another app before: connections belong to no app.
        shared = dataclasses.replace(good, connection=visit.connection)
        shared.ask_well(before)
        if before:
            # HAProxy shows no page for this, but ends the connection, so that the client asks anew.
            with pytest.raises(http.client.RemoteDisconnected):
                visit.ask(method, "/full")
        else:
            visit.assert_page(method, "/full")
        visit.assert_line(method, "/full", "H19", "Backend connection timeout", 503)
        shared.ask_well(2)


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: bad.localhost", *headers, "", ""]).encode()


@pytest.fixture(params=[0, 1, 2], ids=["first", "second", "third"])
def begun(bad: Bad, request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, int]]:
    """A connection that has had so many answers, and their number."""
    with bad.send(b"") as client, client.makefile("rb") as stream:
        for _ in range(request.param):
            client.sendall(head("GET", "/good"))
            while stream.readline() != b"\r\n":
                pass
            assert stream.read(len(GOOD)) == GOOD
        yield client, request.param


def assert_left(bad: Bad, path: str, code: str, words: str, status: int) -> None:
    line = bad.mesh.line(bad.app_id, f'path="{re.escape(path)}"')
    assert line.startswith(f'at=error code={code} desc="{words}" ')
    assert " dyno=web.1 connect=" in line
    assert f" status={status} " in line
    with bad.visit() as visit:
        visit.ask_well(2)


def test_a_client_that_leaves_while_it_waits_is_h27(bad: Bad, begun: tuple[socket.socket, int]) -> None:
    client, number = begun
    path = f"/hang?left{number}"
    client.sendall(head("GET", path))
    bad.wait_seen(path)
    # The reader of the fixture holds the connection, too.
    client.shutdown(socket.SHUT_RDWR)
    assert_left(bad, path, "H27", "Client request interrupted", 499)


def test_a_client_that_leaves_in_the_middle_of_its_body_is_h27(bad: Bad, begun: tuple[socket.socket, int]) -> None:
    client, number = begun
    path = f"/echo?left{number}"
    connections = bad.dyno.connections
    client.sendall(head("POST", path, "Content-Length: 10") + b"half")
    wait_for("the request has begun to reach the dyno", lambda: bad.dyno.connections > connections)
    client.shutdown(socket.SHUT_RDWR)
    assert_left(bad, path, "H27", "Client request interrupted", 499)


def test_a_client_that_leaves_in_the_middle_of_the_answer_is_h27(bad: Bad, begun: tuple[socket.socket, int]) -> None:
    client, number = begun
    path = f"/flow?left{number}"
    client.sendall(head("GET", path))
    assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
    client.shutdown(socket.SHUT_RDWR)
    assert_left(bad, path, "H27", "Client request interrupted", 200)


def test_a_client_that_falls_silent_in_the_middle_of_its_body_is_h28(
    bad: Bad, begun: tuple[socket.socket, int]
) -> None:
    client, number = begun
    path = f"/echo?silent{number}"
    start = time.monotonic()
    client.sendall(head("POST", path, "Content-Length: 10") + b"half")
    assert re.match(rb"HTTP/1\.1 40[08] ", client.recv(65536))
    assert time.monotonic() - start > bad.mesh.settings.idle_timeout
    assert_left(bad, path, "H28", "Client connection idle", 499)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_the_apps_own_errors_pass_untouched_on_every_request(bad: Bad, status: int, method: str) -> None:
    with bad.visit() as visit:
        for turn in range(3):
            asked = f"/{status}?{method}{turn}"
            response = visit.ask(method, asked)
            assert (response.status, response.reason) == (status, "Mine")
            assert response.headers["X-Own"] == "yes"
            assert response.headers["Content-Type"] == "text/own"
            assert response.read() == OWN
            line = visit.line(asked)
            assert line.startswith(f'at=info method={method} path="{asked}"')
            assert f" status={status} " in line
        visit.ask_well()
