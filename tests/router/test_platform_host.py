"""The API host: path prefixes to the roles' sockets, HTTPS, and roles that come and go."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.router import servers
from tests.router.mesh import Mesh, wait_for

from celadon.platform import certificates
from celadon.router import haproxy


class Role:
    """A role's Unix socket, as uvicorn would listen there; a context manager."""

    def __init__(self, mesh: Mesh, name: str) -> None:
        self.name = name
        self.requests: list[str] = []
        self._path: Path = mesh.settings.run / f"{name}.sock"
        self._open: list[socket.socket] = []
        self._slow = mesh.settings.first_byte_timeout + 1.0

    def __enter__(self) -> "Role":
        self._path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """As after a SIGKILL: the socket's file stays, nobody is behind it, connections are cut."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        rest = b""
        with contextlib.suppress(OSError), connection:
            while True:
                head, body, rest = servers.read_request(connection, rest)
                if not head:
                    return
                self.requests.append(head.decode())
                if b"?slow " in head:
                    time.sleep(self._slow)
                servers.answer(connection, self.name.encode() + b" " + str(len(body)).encode())


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("/apps", "api"),
        ("/", "api"),
        ("/app.git/info/refs?service=git-receive-pack", "git"),
        ("/app.git/git-receive-pack", "git"),
        ("/apps/x.git.y", "api"),
        ("/builds-output/1", "build"),
        ("/blobs/sources/1/2", "build"),
        ("/apps/blobs/builds", "api"),
        ("/apps/builds-output/builds", "api"),
        ("/streams/abc?srv=1", "logplex"),
        ("/logs", "logplex"),
        ("/dashboard/apps/shop/logs", "api"),
        ("/streamsX", "api"),
        ("/dataclips/dGhpcyBpcyBhIGxpbms.csv", "addons"),
        ("/postgres-backups/dGhpcyBpcyBhIGxpbms", "addons"),
        ("/client/v11/apps/x/transfers", "addons"),
        ("/apps/dataclips", "api"),
        ("/apps/dataclips/dynos", "api"),
        ("/apps/x/dataclips", "api"),
        ("/apps/x/dataclips/1/actions/run", "addons"),
        ("/apps/x/dataclips/1/actions/share", "api"),
        ("/dashboard/databases", "api"),
        ("/dashboard/databases/orders", "api"),
        ("/dashboard/databases/orders/", "api"),
        ("/dashboard/databases/orders/credentials?show=default", "addons"),
        ("/dashboard/dataclips/example/1", "api"),
        ("/dashboard/dataclips/example/1/result?page=2", "addons"),
    ],
)
def test_paths_of_the_api_host_lead_to_their_roles(mesh: Mesh, path: str, role: str) -> None:
    with contextlib.ExitStack() as stack:
        for name in ("api", "git", "build", "logplex", "addons"):
            stack.enter_context(Role(mesh, name))
        assert mesh.get("localhost", path) == (200, f"{role} 0".encode())


def test_no_request_is_lost_while_a_role_is_killed_and_comes_back_within_a_second(mesh: Mesh) -> None:
    failures: list[object] = []
    # Of which thread each was.
    answered: list[int] = []
    stop = threading.Event()

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", mesh.settings.http_port, timeout=30)
        while not stop.is_set():
            try:
                connection.request("GET", "/account", headers={"Host": "localhost"})
                response = connection.getresponse()
                response.read()
                if response.status == 200:
                    answered.append(number)
                else:
                    failures.append(response.status)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                failures.append(error)
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    with Role(mesh, "api"):
        for thread in threads:
            thread.start()
        wait_for("some are answered", lambda: len(answered) > 50)
    # What comes while it is away waits, whatever its size; what it had begun is asked again where that is safe.
    with futures.ThreadPoolExecutor(1) as pool:
        late = pool.submit(mesh.get, "localhost", "/apps", "POST", b"x" * 100_000)
        time.sleep(0.7)
        assert not late.done()
        with Role(mesh, "api"):
            assert late.result() == (200, b"api 100000")
            # A request is sent twice at most: none may meet both kills.
            count = len(answered)
            wait_for("what was asked again is answered", lambda: len(set(answered[count:])) == len(threads))
    with Role(mesh, "api"):
        count = len(answered)
        wait_for("more are answered", lambda: len(answered) > count + 50)
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []


@pytest.mark.parametrize(
    ("path", "method", "size"), [("/apps", "GET", 0), ("/a.git/git-receive-pack", "POST", 5 << 20)]
)
def test_a_role_that_stays_away_is_said_in_json_within_seconds(mesh: Mesh, path: str, method: str, size: int) -> None:
    """What asks again, as git does for each part of a push, must not wait out the patience several times for each."""
    began = time.monotonic()
    status, body = mesh.get("localhost", path, method, b"x" * size if size else None)
    assert time.monotonic() - began < 2 * haproxy.ROLE_PATIENCE
    assert status == 503
    assert b'"id":"service_unavailable"' in body


def test_a_role_may_take_longer_than_a_dyno(mesh: Mesh) -> None:
    with Role(mesh, "git"):
        path = "/app.git/git-receive-pack?slow"
        assert mesh.get("localhost", path, "POST", b"x" * 100_000) == (200, b"git 100000")


def test_requests_of_the_api_host_are_in_no_apps_log(mesh: Mesh) -> None:
    with Role(mesh, "api"):
        mesh.get("localhost", "/apps")
    assert not list((mesh.settings.home / "logs").iterdir())


@contextlib.contextmanager
def https(mesh: Mesh, host: str, *protocols: str) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=str(mesh.settings.ca_file))
    context.set_alpn_protocols(list(protocols))
    with socket.create_connection(("127.0.0.1", mesh.settings.https_port), timeout=10) as raw:
        with context.wrap_socket(raw, server_hostname=host) as wrapped:
            yield wrapped


def test_https_appears_with_its_certificate_and_is_renewed_with_it(mesh: Mesh) -> None:
    app_id = mesh.app("secure")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        certificates.issue(mesh.settings, datetime.now(UTC))
        mesh.app("nudge")
        wait_for("HTTPS answers", lambda: can_connect(mesh))
        # Programs refuse a wildcard right below a top-level name, so the name asked for is the platform's.
        with https(mesh, "localhost", "http/1.1") as client:
            client.sendall(b"GET /headers HTTP/1.1\r\nHost: secure.localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(65536), b""))
            first = client.getpeercert(True)
        assert b"x-forwarded-proto: https" in answer
        assert f"x-forwarded-port: {mesh.settings.https_port}".encode() in answer
        assert mesh.line(app_id, "/headers").endswith(" protocol=https")
        with https(mesh, "localhost", "h2", "http/1.1") as client:
            assert client.selected_alpn_protocol() == "h2"
        certificates.server_pem(mesh.settings).unlink()
        certificates.issue(mesh.settings, datetime.now(UTC))
        mesh.app("nudge-again")

        def renewed() -> bool:
            # Between the two certificates there may be a moment without HTTPS.
            with contextlib.suppress(OSError), https(mesh, "localhost") as client:
                return client.getpeercert(True) != first
            return False

        wait_for("the new certificate is served", renewed)


def can_connect(mesh: Mesh) -> bool:
    with contextlib.suppress(OSError), https(mesh, "localhost"):
        return True
    return False
