"""What the router answers by itself beside the states of an app: too many requests, names that lead nowhere, nonsense."""

import contextlib
import http.client
import re
import socket
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.router import mesh as meshes
from tests.router import servers
from tests.router.mesh import Mesh, now, wait_for

from celadon.model.dyno import DynoState
from celadon.router import admin, haproxy
from celadon.store import acme_challenges, changes, configs, releases


@pytest.fixture
def small() -> Iterator[Mesh]:
    """A router that takes few requests at once."""
    limits = {"dyno_connections": 2, "dyno_backlog": 2, "app_connections": 6}
    with meshes.mesh(first_byte_timeout=20.0, idle_timeout=20.0, **limits) as running:
        yield running


@contextlib.contextmanager
def hanging(mesh: Mesh, host: str, count: int, path: str = "/hang") -> Iterator[list[socket.socket]]:
    """Requests that are never answered."""
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", mesh.settings.http_port)))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            clients.append(client)
        yield clients


def waiting(mesh: Mesh) -> int:
    """Requests that have a dyno or wait for one."""
    rows = [row.split(",") for row in mesh.tell("show stat -1 2 -1").splitlines()]
    scur = rows[0].index("scur")
    return sum(int(row[scur] or 0) for row in rows if row[0].startswith("slot"))


def test_a_backlog_that_is_too_deep_is_h11(small: Mesh) -> None:
    app_id = small.app("slow")
    with servers.Dyno() as dyno:
        small.serve(app_id, dyno)
        with hanging(small, "slow.localhost", 4):
            wait_for("two are served and two wait", lambda: waiting(small) == 4)
            wait_for("the dyno has two", lambda: len(dyno.requests) == 2)
            status, page = small.get("slow.localhost", "/late")
            assert len(dyno.requests) == 2
    assert status == 503
    assert b"This app is very busy" in page
    line = small.line(app_id, 'path="/late"')
    assert line.startswith('at=error code=H11 desc="Backlog too deep" method=GET')
    assert " dyno= connect= service= status=503 " in line


def test_those_that_wait_in_the_backlog_are_served_in_their_turn(small: Mesh) -> None:
    app_id = small.app("slow")
    with servers.Dyno() as dyno:
        small.serve(app_id, dyno)
        with hanging(small, "slow.localhost", 2) as clients:
            wait_for("the dyno has two", lambda: len(dyno.requests) == 2)
            with socket.create_connection(("127.0.0.1", small.settings.http_port), timeout=10) as client:
                client.sendall(b"GET /third HTTP/1.1\r\nHost: slow.localhost\r\n\r\n")
                wait_for("it waits", lambda: waiting(small) == 3)
                clients[0].close()
                assert client.recv(12) == b"HTTP/1.1 200"


def test_more_requests_at_once_than_an_app_may_have_are_h22(small: Mesh) -> None:
    app_id = small.app("crowded", web=3)
    with contextlib.ExitStack() as stack:
        for number in range(3):
            small.serve(app_id, stack.enter_context(servers.Dyno(f"127.0.0.{number + 2}")), number + 1)
        stack.enter_context(hanging(small, "crowded.localhost", 6))
        wait_for("six are there", lambda: waiting(small) == 6)
        assert small.get("crowded.localhost", "/late")[0] == 503
    line = small.line(app_id, 'path="/late"')
    assert line.startswith('at=error code=H22 desc="Connection limit reached" method=GET')


def test_what_outlives_a_reload_for_too_long_is_h24(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy, "OUTLIVES_RELOAD", 0.5)
    with meshes.mesh(first_byte_timeout=20.0, idle_timeout=20.0) as running, servers.Dyno() as dyno:
        app_id = running.app("old")
        running.serve(app_id, dyno)
        with hanging(running, "old.localhost", 1), hanging(running, "old.localhost", 1, "/stall") as (client,):
            assert client.recv(12) == b"HTTP/1.1 200"
            wait_for("both are there", lambda: len(dyno.requests) == 2)
            admin.reload(running.engine.master)
            # Looked at when something changes, and every ten seconds.
            wait_for(
                "both have their line",
                lambda: running.app(f"n{uuid.uuid4().hex[:9]}") and len(running.log(app_id)) >= 2,
            )
            lines = [running.line(app_id, f'code=H24.*path="{path}"') for path in ("/hang", "/stall")]
    assert lines[0].startswith('at=error code=H24 desc="Forced close"')
    assert " status=200 " in lines[1]


def test_one_address_cannot_have_all_connections() -> None:
    # Connections that say nothing are ended after the idle time: not before all are made.
    with meshes.mesh(address_connections=20, idle_timeout=20.0) as running, contextlib.ExitStack() as stack:
        wait_for("earlier ones are gone", lambda: running.status("nobody.localhost") == 404)
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", running.settings.http_port))) for _ in range(40)
        ]
        wait_for("some are closed", lambda: sum(closed(client) for client in clients) >= 19)
        for client in clients:
            client.close()
        wait_for("the others may come again", lambda: running.status("nobody.localhost") == 404)


def closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_a_name_whose_app_is_not_there_is_h23(mesh: Mesh) -> None:
    app_id = mesh.app("ghost")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        # Else the role, who looks once more when a dyno is reached, tells the route again.
        mesh.stop_role()
        mesh.tell(f"del map {mesh.settings.home}/router/routes.map {app_id}")
        assert mesh.get("ghost.localhost", "/ghost")[0] == 503
    assert mesh.line(app_id, 'path="/ghost"').startswith('at=error code=H23 desc="Endpoint misconfigured"')


def test_an_expectation_that_nobody_knows_is_h26(mesh: Mesh) -> None:
    app_id = mesh.app("strict")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        status, page = mesh.get("strict.localhost", "/x", headers={"Expect": "the-unexpected"})
        assert dyno.requests == []
        assert mesh.get("strict.localhost", "/y", headers={"Expect": "100-Continue"})[0] == 200
    assert status == 400
    assert b"This is not a valid request" in page
    line = mesh.line(app_id, 'path="/x"')
    assert line.startswith('at=error code=H26 desc="Request error"')
    assert " status=400 " in line


def test_what_is_no_http_is_refused_with_400(mesh: Mesh) -> None:
    with socket.create_connection(("127.0.0.1", mesh.settings.http_port)) as client:
        client.sendall(b"NONSENSE\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 400"


def test_a_certificate_authority_is_answered_at_any_name_and_dynos_do_not_see_it(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("proved")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        with mesh.database.transaction() as tx:
            acme_challenges.insert(tx, "to-ken_1", "to-ken_1.thumb", now())
            changes.record(tx, "domain")
        path = "/.well-known/acme-challenge/"
        wait_for(
            "the proof is there", lambda: mesh.get("proved.localhost", f"{path}to-ken_1") == (200, b"to-ken_1.thumb")
        )
        seen = len([head for head in dyno.requests if "to-ken_1" in head])
        for _ in range(10):
            assert mesh.get("proved.localhost", f"{path}to-ken_1") == (200, b"to-ken_1.thumb")
        assert len([head for head in dyno.requests if "to-ken_1" in head]) == seen
        assert mesh.get("proved.localhost", f"{path}other") == (200, b"hello\n")
        with mesh.database.transaction() as tx:
            acme_challenges.delete(tx, "to-ken_1")
            changes.record(tx, "domain")
        wait_for("it is gone", lambda: mesh.get("proved.localhost", f"{path}to-ken_1") == (200, b"hello\n"))


def set_config(mesh: Mesh, app_id: str, **config_vars: str) -> None:
    with mesh.database.transaction() as tx:
        release = releases.current(tx, app_id)
        assert release is not None
        config_id = configs.insert(tx, app_id, config_vars, now())
        releases.insert(tx, replace(release, id=str(uuid.uuid4()), version=release.version + 1, config_id=config_id))
        changes.record(tx, "release", app_id)


def test_an_app_has_pages_of_its_own_for_errors_and_maintenance(mesh: Mesh) -> None:
    app_id = mesh.app("own")
    set_config(
        mesh, app_id, ERROR_PAGE_URL='https://pages.example/e?a="b"&c=;', MAINTENANCE_PAGE_URL="http://m.example/"
    )
    template = mesh.actual().template
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        status, page = mesh.get("own.localhost", "/close")
        assert status == 503
        assert b'src="https://pages.example/e?a=%22b%22&c=%3B"' in page
        mesh.maintenance(app_id, True)
        wait_for("maintenance", lambda: b'src="http://m.example/"' in mesh.get("own.localhost")[1])
        mesh.maintenance(app_id, False)
        set_config(mesh, app_id)
        wait_for("the router's own page", lambda: b'src=""' in mesh.get("own.localhost", "/close")[1])
    assert mesh.actual().template == template


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "http://",
        "x",
        "http://own.localhost/page",
        "https://OWN.localhost",
        "http://[::1",
        "a" * 5000,
        "http://x.example/" + "\U0001f600" * 1900,
    ],
)
def test_a_page_that_cannot_be_shown_is_not(mesh: Mesh, url: str) -> None:
    app_id = mesh.app("own")
    set_config(mesh, app_id, ERROR_PAGE_URL=url)
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        assert b'src=""' in mesh.get("own.localhost", "/close")[1]


@pytest.mark.parametrize(
    ("code", "status"),
    [("H10", 503), ("H14", 503), ("H23", 503), ("H25", 503), ("H26", 400), ("H80", 503), ("H81", 503)],
)
def test_a_code_of_a_state_is_the_same_on_a_later_request_of_a_connection(mesh: Mesh, code: str, status: int) -> None:
    """Page, status and line, for what `test_kept_alive_codes` does not provoke by a dyno."""
    good, bad = mesh.app("good"), mesh.app("bad", deployed=code != "H81", web=0 if code == "H14" else 1)
    with servers.Dyno("127.0.0.2") as dyno, servers.Dyno("127.0.0.3") as other:
        mesh.serve(good, dyno)
        if code == "H10":
            mesh.dyno(bad, state=DynoState.CRASHED)
        elif code not in ("H14", "H81"):
            mesh.serve(bad, other)
        mesh.maintenance(bad, code == "H80")
        if code == "H23":
            # Else the role tells the route once more.
            mesh.stop_role()
            mesh.tell(f"del map {mesh.settings.home}/router/routes.map {bad}")
        path = "/long-field" if code == "H25" else "/later"
        headers = {"Host": "bad.localhost", **({"Expect": "nonsense"} if code == "H26" else {})}
        expected = {"H80": "H80", "H10": "H10", "H14": "H14", "H81": "H81"}.get(code)
        if expected:
            wait_for("its state is known", lambda: mesh.has_route(bad, expected))
        connection = http.client.HTTPConnection("127.0.0.1", mesh.settings.http_port, timeout=30)
        with contextlib.closing(connection):
            for _ in range(2):
                connection.request("GET", "/", headers={"Host": "good.localhost"})
                assert connection.getresponse().read() == b"hello\n"
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            page = response.read().decode()
    assert response.status == status
    line = mesh.line(bad, f'path="{path}"')
    assert f"code={code} " in line
    assert f" status={status} " in line
    found = re.search(r"request <code>([^<]+)</code>", page, re.IGNORECASE)
    assert found is not None
    assert f"request_id={found[1]} " in line
