"""What passes between visitor and dyno: headers, bodies, streams, WebSockets, kept-alive connections."""

import http.client
import json
import re
import socket
import threading
import time

import pytest
from tests.router import servers
from tests.router.mesh import Mesh
from websockets.sync import client as websocket_client
from websockets.sync import server as websocket_server


def seen_headers(mesh: Mesh, host: str, **headers: str) -> dict[str, str]:
    _, body = mesh.get(host, "/headers", headers=headers)
    lines = body.decode().split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_the_dyno_sees_who_asked_and_how(mesh: Mesh) -> None:
    app_id = mesh.app("heads")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        before = time.time() * 1000
        seen = seen_headers(mesh, "heads.localhost")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", seen["x-request-id"])
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-port"] == str(mesh.settings.http_port)
    assert before - 1000 < int(seen["x-request-start"]) < before + 5000
    assert seen["via"] == "1.1 heroku-router"
    assert "connection" not in seen


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("a" * 20, True), ("short", False), ("x" * 201, False), ("a" * 19 + '"', False), ("a" * 20 + ", <b>", False)],
)
def test_a_valid_request_id_is_kept_and_any_other_replaced(mesh: Mesh, sent: str, kept: bool) -> None:
    app_id = mesh.app("ids")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        seen = seen_headers(mesh, "ids.localhost", **{"X-Request-ID": sent})
    assert (seen["x-request-id"] == sent) is kept


def test_what_a_client_sends_cannot_forge_a_field_of_the_line(mesh: Mesh) -> None:
    app_id = mesh.app("forged")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        with socket.create_connection(("127.0.0.1", mesh.settings.http_port)) as client:
            client.sendall(
                b'GET /a"dyno=web.9\\"status=500] HTTP/1.1\r\nHost: forged.localhost\r\nConnection: close\r\n'
                b'X-Forwarded-For: 1" dyno=web.8 \xff\x01\\\r\n\r\n'
            )
            while client.recv(65536):
                pass
    line = mesh.line(app_id, "at=info")
    quoted = r'"((?:[^"\\]|\\.)*)"'
    found = re.fullmatch(
        rf"at=info method=GET path={quoted} host=forged.localhost request_id=\S+ fwd={quoted} "
        r"dyno=web\.1 connect=\d+ms service=\d+ms status=200 bytes=\d+ protocol=http",
        line,
    )
    assert found, line
    assert found[1] == r"/a\"dyno=web.9\\\"status=500]"


def test_a_very_long_path_still_is_one_whole_line(mesh: Mesh) -> None:
    app_id = mesh.app("long")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        assert mesh.get("long.localhost", "/" + "x" * 9000)[0] == 200
    assert mesh.line(app_id, "at=info").endswith(" protocol=http")


def test_a_response_streams_unbuffered_for_as_long_as_something_comes(mesh: Mesh) -> None:
    seen = threading.Semaphore(0)

    def drip(connection: socket.socket, head: str, body: bytes) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(14):
            time.sleep(0.4)
            connection.sendall(b"1\r\nx\r\n")
            # The next one only when this one has been seen.
            assert seen.acquire(timeout=30)
        connection.sendall(b"0\r\n\r\n")
        return True

    app_id = mesh.app("stream")
    with servers.Dyno(behaviour=drip) as dyno:
        mesh.serve(app_id, dyno)
        connection = http.client.HTTPConnection("127.0.0.1", mesh.settings.http_port)
        start = time.monotonic()
        connection.request("GET", "/drip", headers={"Host": "stream.localhost"})
        response = connection.getresponse()
        count = 0
        while response.read(1):
            count += 1
            seen.release()
        connection.close()
    # Longer in all than the time to the first byte and than the idle time.
    assert count == 14 and time.monotonic() - start > mesh.settings.idle_timeout
    assert mesh.line(app_id, 'path="/drip"').startswith("at=info")


@pytest.mark.parametrize("size", [0, 1, 20_000, 3_000_000])
def test_bodies_of_any_size_come_back_as_they_were(patient: Mesh, size: int) -> None:
    mesh = patient
    app_id = mesh.app("echo")
    body = bytes(range(256)) * (size // 256 + 1)
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        assert mesh.get("echo.localhost", "/echo", "POST", body[:size]) == (200, body[:size])


def test_websockets_echo_and_silence_ends_them(mesh: Mesh) -> None:
    def echo(connection: websocket_server.ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    app_id = mesh.app("chat")
    with websocket_server.serve(echo, "127.0.0.1", 0, ping_interval=None) as server, servers.running(server) as dyno:
        mesh.serve(app_id, dyno)
        address = ("127.0.0.1", mesh.settings.http_port)
        with (
            socket.create_connection(address) as raw,
            websocket_client.connect("ws://chat.localhost/", sock=raw, ping_interval=None) as connection,
        ):
            # Longer in all than the idle time.
            for number in range(11):
                connection.send(json.dumps(number))
                assert connection.recv(timeout=30) == json.dumps(number)
                time.sleep(0.5)
            start = time.monotonic()
            with pytest.raises(Exception, match="close frame"):
                connection.recv(timeout=30)
            assert time.monotonic() - start < 2 * mesh.settings.idle_timeout
    line = mesh.line(app_id, "status=101")
    assert line.startswith('at=error code=H15 desc="Idle connection" method=GET')


def test_a_post_that_a_dyno_drops_is_h13_on_a_kept_alive_connection_too_and_is_sent_once(mesh: Mesh) -> None:
    app_id = mesh.app("once")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        connection = http.client.HTTPConnection("127.0.0.1", mesh.settings.http_port)
        for _ in range(3):
            connection.request("GET", "/", headers={"Host": "once.localhost"})
            assert connection.getresponse().read() == b"hello\n"
        connection.request("POST", "/close", b"x", {"Host": "once.localhost"})
        assert connection.getresponse().status == 503
        connection.close()
        assert sum("POST /close" in head for head in dyno.requests) == 1
    assert mesh.line(app_id, 'path="/close"').startswith("at=error code=H13")


def test_a_get_over_a_connection_the_dyno_has_just_closed_is_sent_again(patient: Mesh) -> None:
    mesh = patient

    def one_each(connection: socket.socket, head: str, body: bytes) -> bool:
        """Closes after each answer without saying so."""
        servers.answer(connection, b"one\n")
        return False

    app_id = mesh.app("rude")
    with servers.Dyno(behaviour=one_each) as dyno:
        mesh.serve(app_id, dyno)
        connection = http.client.HTTPConnection("127.0.0.1", mesh.settings.http_port)
        for _ in range(300):
            connection.request("GET", "/", headers={"Host": "rude.localhost"})
            assert connection.getresponse().read() == b"one\n"
        connection.close()


def test_connections_to_a_dyno_are_reused(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("reuse")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        connection = http.client.HTTPConnection("127.0.0.1", mesh.settings.http_port)
        for _ in range(100):
            connection.request("GET", "/", headers={"Host": "reuse.localhost"})
            connection.getresponse().read()
        connection.close()
        assert dyno.connections < 5


def test_a_client_that_expects_100_continue_gets_it_from_the_dyno(patient: Mesh) -> None:
    mesh = patient

    def continues(connection: socket.socket, head: str, body: bytes) -> bool:
        return servers.answer(connection, body)

    app_id = mesh.app("expect")
    with servers.Dyno(behaviour=continues) as dyno:
        mesh.serve(app_id, dyno)
        with socket.create_connection(("127.0.0.1", mesh.settings.http_port), timeout=30) as client:
            client.sendall(
                b"POST /e HTTP/1.1\r\nHost: expect.localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
            )
            client.sendall(b"ok")
            received = b""
            while b"ok" not in received:
                received += client.recv(65536)
    assert b"200 OK" in received
