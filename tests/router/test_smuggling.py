"""Requests that two readers would take for different ones: the dyno sees what the router saw, or nothing."""

import contextlib
import http.client
import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pytest
from tests.router import mesh as meshes
from tests.router import servers
from tests.router.mesh import Mesh, wait_for

HOST = b"Host: front.localhost\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
LAST = b"GET /last HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
# An empty chunked body, and after it what a reader who counts bytes takes for the body.
EMPTY_THEN = b"0\r\n\r\n" + SMUGGLED
COUNTED = b"Content-Length: %d\r\n" % len(EMPTY_THEN)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
OURS = ("x-request-id", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-request-start", "via", "host")


class Careful(servers.Dyno):
    """Reads lengths and chunks, keeps every head as it came, and answers with the path it has read."""

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rb") as stream:
            while head := read_head(stream):
                # Before the body: one that never comes must not hide the request.
                self.requests.append(head)
                skip_body(stream, fields(head))
                servers.answer(connection, path(head).encode())
        self._open.discard(connection)


def read_head(stream: BinaryIO) -> str:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return ""
        head += line
    return head.decode("latin-1")


def skip_body(stream: BinaryIO, of: dict[str, list[str]]) -> None:
    if "transfer-encoding" not in of:
        skip(stream, int(of.get("content-length", ["0"])[0]))
        return
    while size := int(stream.readline().partition(b";")[0], 16):
        skip(stream, size + 2)
    while stream.readline().strip():
        pass


def skip(stream: BinaryIO, size: int) -> None:
    while size:
        found = stream.read(min(size, 65536))
        if not found:
            raise ValueError("the body stops")
        size -= len(found)


def path(head: str) -> str:
    return head.partition(" ")[2].partition(" ")[0]


def fields(head: str) -> dict[str, list[str]]:
    """Values by name, as CGI tells them to an app: to it a `_` is a `-`."""
    found: dict[str, list[str]] = {}
    for line in head.split("\r\n")[1:-2]:
        name, _, value = line.partition(":")
        found.setdefault(name.lower().replace("_", "-"), []).append(value.strip())
    return found


@dataclass(frozen=True)
class Place:
    mesh: Mesh
    app_id: str
    front: Careful
    other: Careful

    def attack(self, data: bytes) -> list[int]:
        """The statuses of all answers, the one for a proper last request on the same connection left out."""
        self.front.requests.clear()
        self.other.requests.clear()
        with (
            socket.create_connection(("127.0.0.1", self.mesh.settings.http_port), timeout=10) as client,
            client.makefile("rb") as stream,
        ):
            client.sendall(data)
            return list(answers(client, stream))

    def paths(self) -> list[str]:
        return [found for head in self.front.requests if (found := path(head)) != "/last"]

    def check(self) -> None:
        """What the dyno saw is what the router saw, and nobody else's request suffers."""
        assert self.other.requests == []
        for head in self.front.requests:
            assert_unambiguous(head)
            (request_id,) = fields(head)["x-request-id"]
            line = self.mesh.line(self.app_id, f"request_id={re.escape(request_id)} ")
            shown = re.sub("^http://[^/]*", "", path(head))
            assert f'path="{shown}"' in line
        self.check_others()

    def check_others(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.mesh.settings.http_port, timeout=10)
        with contextlib.closing(connection):
            # Only from the second on may a request go over a connection that another client's has used.
            for number in range(3):
                for host in ("front", "other"):
                    connection.request("GET", f"/honest{number}", headers={"Host": f"{host}.localhost"})
                    assert connection.getresponse().read() == f"/honest{number}".encode()


def answers(client: socket.socket, stream: BinaryIO) -> Iterator[int]:
    more = True
    while line := stream.readline():
        status = int(line.split(b" ")[1])
        of = fields("\r\n" + read_head(stream))
        body = stream.read(int(of["content-length"][0]))
        if body == b"/last":
            continue
        yield status
        if of.get("connection") == ["close"]:
            assert not stream.read(), "no answer follows a promised end"
            return
        if more:
            more = False
            client.sendall(LAST)


def assert_unambiguous(head: str) -> None:
    of = fields(head)
    assert re.match(r"[A-Z]+ \S+ HTTP/1\.[01]\r\n", head)
    assert "\n" not in head.replace("\r\n", "")
    assert "\0" not in head
    # Two readers who prefer different ones of these must find the same end.
    lengths, codings = of.get("content-length", []), of.get("transfer-encoding", [])
    assert len(lengths) + len(codings) <= 1
    assert all(re.fullmatch("[0-9]{1,18}", length) for length in lengths)
    assert all(coding == "chunked" for coding in codings)
    assert {name: len(of.get(name, [])) for name in OURS} == dict.fromkeys(OURS, 1)
    assert of["host"] == ["front.localhost"]
    assert of["x-forwarded-for"] == ["127.0.0.1"]
    assert of["x-forwarded-proto"] == ["http"]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    # A dyno that had to wait for a processor is no refusal.
    with (
        meshes.mesh(first_byte_timeout=20.0, idle_timeout=1.5) as mesh,
        Careful("127.0.0.2") as front,
        Careful("127.0.0.3") as other,
    ):
        app_id = mesh.app("front")
        mesh.serve(app_id, front)
        mesh.serve(mesh.app("other"), other)
        wait_for("both answer", lambda: mesh.status("front.localhost") == mesh.status("other.localhost") == 200)
        yield Place(mesh, app_id, front, other)


def post(head: bytes, body: bytes, method: bytes = b"POST", version: bytes = b"1.1") -> bytes:
    return method + b" /first HTTP/" + version + b"\r\n" + HOST + head + b"\r\n" + body


def get(head: bytes = b"", line: bytes = b"GET /first HTTP/1.1") -> bytes:
    return line + b"\r\n" + head + b"\r\n"


@pytest.mark.parametrize("method", [b"GET", b"POST"], ids=bytes.decode)
@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        pytest.param(COUNTED + CHUNKED, EMPTY_THEN, 200, id="length-and-chunks"),
        pytest.param(CHUNKED + COUNTED, EMPTY_THEN, 200, id="chunks-and-length"),
        pytest.param(
            CHUNKED + b"Content-Length: 4\r\n",
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED),
            200,
            id="short-length",
        ),
        pytest.param(b"Transfer-Encoding : chunked\r\n" + COUNTED, EMPTY_THEN, 400, id="blank-before-colon"),
        pytest.param(b"Content-Length : 5\r\n", b"abcde", 400, id="blank-after-length"),
        pytest.param(b"Transfer-Encoding: xchunked\r\n" + COUNTED, EMPTY_THEN, 400, id="xchunked"),
        pytest.param(b"Transfer-Encoding: xchunked\r\n", EMPTY_THEN, 400, id="xchunked-alone"),
        pytest.param(b'Transfer-Encoding: "chunked"\r\n' + COUNTED, EMPTY_THEN, 400, id="quoted-chunked"),
        pytest.param(b"Transfer-Encoding: \r\n" + COUNTED, EMPTY_THEN, 400, id="no-coding"),
        pytest.param(CHUNKED + CHUNKED, EMPTY_THEN, 400, id="chunked-twice"),
        pytest.param(CHUNKED + b"Transfer-Encoding: identity\r\n" + COUNTED, EMPTY_THEN, 400, id="then-identity"),
        pytest.param(b"Transfer-Encoding: identity\r\n" + CHUNKED + COUNTED, EMPTY_THEN, 422, id="identity-then"),
        pytest.param(b"Transfer-Encoding: chunked, identity\r\n" + COUNTED, EMPTY_THEN, 400, id="chunked-identity"),
        pytest.param(b"Transfer-Encoding: identity, chunked\r\n" + COUNTED, EMPTY_THEN, 422, id="identity-chunked"),
        pytest.param(b"Transfer-Encoding: gzip, chunked\r\n", EMPTY_THEN, 422, id="gzip-chunked"),
        pytest.param(b"Transfer-Encoding:\tchunked\r\n" + COUNTED, EMPTY_THEN, 200, id="tab"),
        pytest.param(b"Transfer-Encoding: \x0bchunked\r\n" + COUNTED, EMPTY_THEN, 400, id="vertical-tab"),
        pytest.param(b"Transfer-Encoding: chunked\x0b\r\n" + COUNTED, EMPTY_THEN, 400, id="vertical-tab-after"),
        pytest.param(b"Transfer-Encoding:\r\n chunked\r\n" + COUNTED, EMPTY_THEN, 200, id="folded-coding"),
        pytest.param(b"X-Y: a\r\n Transfer-Encoding: chunked\r\n" + COUNTED, EMPTY_THEN, 200, id="coding-in-a-fold"),
        pytest.param(b"X-Y: a\rTransfer-Encoding: chunked\r\n" + COUNTED, EMPTY_THEN, 400, id="coding-after-cr"),
        pytest.param(b"X-Y: a\nTransfer-Encoding: chunked\r\n" + COUNTED, EMPTY_THEN, 200, id="coding-after-lf"),
        pytest.param(b"Transfer_Encoding: chunked\r\n" + COUNTED, EMPTY_THEN, 200, id="transfer_encoding"),
        pytest.param(b"Content_Length: 0\r\n" + COUNTED, EMPTY_THEN, 200, id="content_length"),
        pytest.param(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc", 200, id="a-length-twice"),
        pytest.param(b"Content-Length: 3, 3\r\n", b"abc", 200, id="a-length-twice-in-a-list"),
        pytest.param(b"Content-Length: 0\r\n" + COUNTED, EMPTY_THEN, 400, id="two-lengths"),
        pytest.param(b"Content-Length: 0, %d\r\n" % len(SMUGGLED), SMUGGLED, 400, id="two-lengths-in-a-list"),
        pytest.param(b"Content-Length: +5\r\n", b"abcde", 400, id="plus"),
        pytest.param(b"Content-Length: -1\r\n", SMUGGLED, 400, id="minus"),
        pytest.param(b"Content-Length: 0x0\r\n", SMUGGLED, 400, id="hexadecimal"),
        pytest.param(b"Content-Length: 1 0\r\n", SMUGGLED, 400, id="blank-in-a-length"),
        pytest.param(b"Content-Length: \r\n", SMUGGLED, 400, id="no-length"),
        pytest.param(b"Content-Length: 18446744073709551616\r\n", SMUGGLED, 400, id="zero-in-64-bits"),
        pytest.param(b"Content-Length: 18446744073709551619\r\n", b"abc" + SMUGGLED, 400, id="three-in-64-bits"),
        pytest.param(b"Content-Length: 99999999999999999999\r\n", SMUGGLED, 400, id="length-of-20-digits"),
        pytest.param(b"Connection: Content-Length\r\nContent-Length: 3\r\n", b"abc", 200, id="hop-by-hop-length"),
        pytest.param(
            b"Connection: Transfer-Encoding\r\n" + CHUNKED, b"3\r\nabc\r\n0\r\n\r\n", 200, id="hop-by-hop-coding"
        ),
        pytest.param(CHUNKED, b'3;a="b\r\n'[:6] + b"\r\nabc\r\n0;x\r\n\r\n", 200, id="chunk-extension"),
        pytest.param(CHUNKED, b"3;x\nabc\r\n0\r\n\r\n" + SMUGGLED, 400, id="chunk-extension-lf"),
        pytest.param(CHUNKED, b"3\nabc\n0\n\n" + SMUGGLED, 400, id="chunks-lf"),
        pytest.param(CHUNKED, b"10000000000000003\r\nabc\r\n0\r\n\r\n" + SMUGGLED, 400, id="chunk-beyond-64-bits"),
        pytest.param(CHUNKED, b"-3\r\nabc\r\n0\r\n\r\n" + SMUGGLED, 400, id="chunk-minus"),
        pytest.param(CHUNKED, b"0x3\r\nabc\r\n0\r\n\r\n" + SMUGGLED, 400, id="chunk-0x"),
        pytest.param(CHUNKED, b"2\r\nabc\r\n0\r\n\r\n" + SMUGGLED, 400, id="chunk-too-short"),
        pytest.param(
            CHUNKED, b"3\r\nabc\r\n0\r\nHost: other.localhost\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n", 200, id="trailers"
        ),
    ],
)
def test_a_body_ends_for_the_dyno_where_it_ends_for_the_router(
    place: Place, method: bytes, head: bytes, body: bytes, status: int
) -> None:
    assert place.attack(post(head, body, method)) == [status]
    # What is wrong in a body is found when its head has been passed on.
    begun = status == 400 and head == CHUNKED
    assert place.paths() in ([["/first"]] if status == 200 else [[], ["/first"]] if begun else [[]])
    place.check()


@pytest.mark.parametrize("kept", [b"", b"Connection: keep-alive\r\n"], ids=["closed", "kept"])
@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param(CHUNKED, EMPTY_THEN, id="chunks"),
        pytest.param(CHUNKED + COUNTED, EMPTY_THEN, id="chunks-and-length"),
        pytest.param(CHUNKED, b"%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED), id="request-in-a-chunk"),
    ],
)
def test_chunks_of_http_1_0_hide_no_request(place: Place, kept: bytes, head: bytes, body: bytes) -> None:
    assert place.attack(post(kept + head, body, version=b"1.0")) == [200]
    assert place.paths() == ["/first"]
    place.check()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(get(HOST + b"X-Y: a\0b\r\n"), 400, id="nul"),
        pytest.param(get(HOST + b"X-Y: a\rb\r\n"), 400, id="cr"),
        pytest.param(get(HOST + b"X-Y\r\n"), 400, id="no-colon"),
        pytest.param(get(HOST + b": x\r\n"), 400, id="no-name"),
        pytest.param(get(b" Host: other.localhost\r\n" + HOST), 400, id="fold-at-the-start"),
        pytest.param(get(HOST + b"X-Y: a\r\n Host: other.localhost\r\n"), 200, id="host-in-a-fold"),
        pytest.param(get(HOST).replace(b"\r\n", b"\n"), 200, id="bare-lf"),
        pytest.param(get(b"Host : front.localhost\r\n"), 400, id="blank-before-colon"),
        pytest.param(get(HOST + b"Host: other.localhost\r\n"), 400, id="two-hosts"),
        pytest.param(get(HOST + HOST), 200, id="a-host-twice"),
        pytest.param(get(b"Host: front.localhost, other.localhost\r\n"), 400, id="list-of-hosts"),
        pytest.param(get(b"Host: other.localhost@front.localhost\r\n"), 400, id="user-in-host"),
        pytest.param(get(b"Host: front.localhost:80 other.localhost\r\n"), 400, id="blank-in-host"),
        pytest.param(get(b"Host: front.localhost/../other.localhost\r\n"), 400, id="path-in-host"),
        pytest.param(get(HOST, b"GET http://other.localhost/first HTTP/1.1"), 400, id="target-of-another-host"),
        pytest.param(get(HOST, b"GET http://front.localhost:81/first HTTP/1.1"), 400, id="target-of-another-port"),
        pytest.param(get(HOST, b"GET http:///first HTTP/1.1"), 400, id="target-without-host"),
        pytest.param(get(HOST, b"GET /first HTTP/1.1 "), 400, id="blank-after-version"),
        pytest.param(get(HOST, b"GET  /first  HTTP/1.1"), 200, id="double-blanks"),
        pytest.param(get(HOST, b"GET\t/first\tHTTP/1.1"), 200, id="tabs"),
        pytest.param(get(HOST, b"GET /first HTTP/1.10"), 400, id="version-of-three-digits"),
        pytest.param(get(HOST, b"GET /first HTTP/0.9"), 400, id="version-0.9"),
        pytest.param(b"GET /first\r\n\r\n", 400, id="no-version"),
        pytest.param(get(HOST, b"GET first HTTP/1.1"), 400, id="no-slash"),
        pytest.param(get(HOST, b"GET /first#part HTTP/1.1"), 400, id="fragment"),
        pytest.param(get(HOST + b"Connection: close, Upgrade\r\nUpgrade: websocket\r\n"), 400, id="close-upgrade"),
        pytest.param(get(HOST + b"Upgrade: websocket\r\n"), 200, id="upgrade-alone"),
        pytest.param(get(HOST + b"Connection: " + ", ".join(OURS).encode() + b"\r\n"), 200, id="ours-hop-by-hop"),
        pytest.param(get(HOST + b"X_Forwarded_For: 6.6.6.6\r\n"), 200, id="x_forwarded_for"),
        pytest.param(get(HOST + b"X-Forwarded_Proto: https\r\n"), 200, id="x-forwarded_proto"),
        pytest.param(get(HOST + b"X_Request_ID: 0123456789-0123456789\r\n"), 200, id="x_request_id"),
    ],
)
def test_a_head_is_read_in_one_way_only(place: Place, data: bytes, status: int) -> None:
    assert place.attack(data) == [status]
    assert place.paths() == (["/first"] if status == 200 else [])
    place.check()


def test_a_target_with_the_host_itself_reaches_its_app(place: Place) -> None:
    assert place.attack(get(HOST, b"GET http://front.localhost/first HTTP/1.1")) == [200]
    assert [re.sub("^http://front.localhost", "", found) for found in place.paths()] == ["/first"]
    place.check()


@pytest.mark.parametrize("target", [b"front.localhost:80", b"other.localhost:80", b"/first"], ids=bytes.decode)
def test_connect_is_refused_and_opens_no_tunnel(place: Place, target: bytes) -> None:
    (status,) = place.attack(get(b"Host: front.localhost\r\n", b"CONNECT " + target + b" HTTP/1.1") + SMUGGLED)
    assert status in (400, 405)
    assert place.paths() == []
    place.check()


@pytest.mark.parametrize("connection", [b"Upgrade, HTTP2-Settings", b"Upgrade", b"HTTP2-Settings"], ids=bytes.decode)
def test_no_dyno_is_asked_to_speak_http_2(place: Place, connection: bytes) -> None:
    head = b"Connection: " + connection + b"\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    assert place.attack(get(HOST + head)) == [200]
    assert place.paths() == ["/first"]
    assert "upgrade" not in fields(place.front.requests[0])
    place.check()


@pytest.mark.parametrize(
    ("extra", "body"),
    [
        pytest.param([(b"transfer-encoding", b"chunked")], EMPTY_THEN, id="chunked"),
        pytest.param([(b"content-length", b"0")], SMUGGLED, id="length-too-short"),
        pytest.param([(b"content-length", b"999")], SMUGGLED, id="length-too-long"),
        pytest.param([(b"x-y", b"a\r\nTransfer-Encoding: chunked")], EMPTY_THEN, id="line-break-in-a-value"),
        pytest.param([(b"x-y: a\r\ntransfer-encoding", b"chunked")], EMPTY_THEN, id="line-break-in-a-name"),
        pytest.param([(b"connection", b"x-forwarded-for")], b"", id="connection"),
        pytest.param([(b":path", b"/smuggled")], b"", id="path-twice"),
    ],
)
def test_http_2_that_would_be_ambiguous_as_http_1_reaches_no_dyno(
    place: Place, extra: list[tuple[bytes, bytes]], body: bytes
) -> None:
    place.front.requests.clear()
    place.other.requests.clear()
    with socket.create_connection(("127.0.0.1", place.mesh.settings.http_port), timeout=10) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
        # At once: a head whose length says that nothing follows may be answered before anything does.
        head = frame(1, 0x4 if body else 0x5, 1, fields_block(extra))
        client.sendall(head + (frame(0, 0x1, 1, body) if body else b""))
        with client.makefile("rb") as stream:
            assert is_refused(stream)
    # A body that is too long or too short may only be known when its head has been passed on.
    assert all(path(head) == "/first" for head in place.front.requests)
    assert len(place.front.requests) <= 1
    place.check()


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def fields_block(extra: list[tuple[bytes, bytes]]) -> bytes:
    pairs = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"front.localhost"), (b":path", b"/first")]
    # Literals that no table remembers (RFC 7541, 6.2.2).
    return b"".join(b"\0%c%b%c%b" % (len(name), name, len(value), value) for name, value in [*pairs, *extra])


def is_refused(stream: BinaryIO) -> bool:
    """Whether the stream or the connection ends with an error, or the answer is a 4xx."""
    while head := stream.read(9):
        payload = stream.read(int.from_bytes(head[:3]))
        if head[3] in (3, 7):
            return True
        if head[3] == 1:
            # `:status` from the static table: 400 is its number 12, other 4xx but 404 are literals.
            return payload[0] == 0x80 | 12 or b"4" in payload[:4]
    return True
