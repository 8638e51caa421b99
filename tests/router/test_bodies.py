"""Bodies and streams of every kind: passed on as they come, kept nowhere, ended where they end."""

import contextlib
import http.client
import queue
import random
import re
import socket
import statistics
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.router import servers
from tests.router.mesh import Mesh, wait_for
from websockets.sync import client as websocket_client
from websockets.sync import server as websocket_server

from celadon.router import admin

BLOCK = random.Random(1).randbytes(1 << 20)
SIZES = [
    pytest.param(64, id="64-MB"),
    pytest.param(1024, id="1-GB"),
]
# What HAProxy may need for one connection and for whatever else it does meanwhile.
MARGIN = 16 << 20

Handler = Callable[[socket.socket, BinaryIO, str], bool]


class Streaming(servers.Dyno):
    """Reads a request's head only: the body is the handler's, which returns whether the connection goes on."""

    def __init__(self, handler: Handler, address: str = "127.0.0.1") -> None:
        super().__init__(address)
        self._handler = handler

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            while head := read_head(stream):
                self.requests.append(head)
                if not self._handler(connection, stream, head):
                    break
        self._open.discard(connection)


def read_head(stream: BinaryIO) -> str:
    lines = [stream.readline()]
    while lines[-1] not in (b"", b"\r\n"):
        lines.append(stream.readline())
    return b"".join(lines).decode("latin-1")


def canned(*parts: bytes, goes_on: bool = True) -> Handler:
    def answer(connection: socket.socket, _stream: BinaryIO, _head: str) -> bool:
        for part in parts:
            connection.sendall(part)
        return goes_on

    return answer


@contextlib.contextmanager
def asking(mesh: Mesh, request: bytes) -> Iterator[tuple[socket.socket, BinaryIO]]:
    """A connection on which a request has been sent."""
    with (
        socket.create_connection(("127.0.0.1", mesh.settings.http_port), timeout=15) as client,
        client.makefile("rb") as stream,
    ):
        client.sendall(request)
        yield client, stream


def line_of(method: str, path: str, host: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()


class Memory:
    """How much more memory HAProxy's worker has had at any time since this began."""

    def __init__(self, mesh: Mesh) -> None:
        self._proc = Path(f"/proc/{mesh.actual().process}")
        (self._proc / "clear_refs").write_text("5")
        self._before = self._read("VmRSS")

    def grown(self) -> int:
        return self._read("VmHWM") - self._before

    def _read(self, name: str) -> int:
        found = re.search(rf"^{name}:\s+(\d+) kB", (self._proc / "status").read_text("ascii"), re.MULTILINE)
        assert found is not None
        return int(found[1]) << 10


class Flow:
    """A body of so many blocks: its checksum, and how far whoever sends it has come."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.sent = 0
        self.checksum = 0

    def send(self, to: socket.socket) -> None:
        for _ in range(self.blocks):
            to.sendall(BLOCK)
            # Before the number: who sees that all is sent takes the checksum for that of all.
            self.checksum = zlib.crc32(BLOCK, self.checksum)
            self.sent += 1

    def receive(self, stream: BinaryIO) -> int:
        """The checksum of all that comes."""
        found, left = 0, self.blocks * len(BLOCK)
        while left and (part := stream.read(min(left, len(BLOCK)))):
            found = zlib.crc32(part, found)
            left -= len(part)
        assert left == 0
        return found

    def wait_held_back(self) -> None:
        """Until the sender does not come on any more, long before the end: nobody takes what it sends."""
        looks: list[int] = []

        def stands() -> bool:
            looks.append(self.sent)
            return self.sent > 0 and looks[-20:].count(self.sent) == 20

        wait_for("the sender is held back", stands)
        assert self.sent < self.blocks // 2


@pytest.mark.parametrize("blocks", SIZES)
def test_a_download_streams_and_a_client_that_does_not_read_holds_the_dyno_back(patient: Mesh, blocks: int) -> None:
    flow = Flow(blocks)

    def download(connection: socket.socket, _stream: BinaryIO, _head: str) -> bool:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {blocks << 20}\r\n\r\n".encode())
        flow.send(connection)
        return True

    app_id = patient.app("down")
    with Streaming(download) as dyno:
        patient.serve(app_id, dyno)
        memory = Memory(patient)
        with asking(patient, line_of("GET", "/", "down.localhost")) as (_, stream):
            flow.wait_held_back()
            read_head(stream)
            checksum = flow.receive(stream)
        assert memory.grown() < MARGIN
        wait_for("the dyno has sent all", lambda: flow.sent == blocks)
        assert checksum == flow.checksum
    assert int(re.findall(r"bytes=(\d+)", patient.line(app_id, "at=info"))[0]) > blocks << 20


@pytest.mark.parametrize("blocks", SIZES)
def test_an_upload_streams_and_a_dyno_that_does_not_read_holds_the_client_back(patient: Mesh, blocks: int) -> None:
    flow = Flow(blocks)
    reads = threading.Event()

    def upload(connection: socket.socket, stream: BinaryIO, _head: str) -> bool:
        assert reads.wait(15)
        return servers.answer(connection, str(flow.receive(stream)).encode())

    app_id = patient.app("up")
    with Streaming(upload) as dyno:
        patient.serve(app_id, dyno)
        memory = Memory(patient)
        with asking(patient, line_of("POST", "/", "up.localhost", f"Content-Length: {blocks << 20}")) as (
            client,
            stream,
        ):
            sending = threading.Thread(target=flow.send, args=(client,))
            sending.start()
            flow.wait_held_back()
            reads.set()
            sending.join()
            assert b"200 OK" in read_head(stream).encode()
            assert stream.read(len(str(flow.checksum))) == str(flow.checksum).encode()
        assert memory.grown() < MARGIN
    assert patient.line(app_id, "at=info method=POST")


def test_server_sent_events_arrive_one_by_one_and_at_once(patient: Mesh) -> None:
    mesh = patient
    seen = threading.Semaphore(1)

    def events(connection: socket.socket, _stream: BinaryIO, _head: str) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(20):
            # The next one only when this one has been seen.
            assert seen.acquire(timeout=10)
            data = f"data: {number}\n\n".encode()
            connection.sendall(b"%x\r\n%b\r\n" % (len(data), data))
        connection.sendall(b"0\r\n\r\n")
        return True

    app_id = mesh.app("events")
    with Streaming(events) as dyno:
        mesh.serve(app_id, dyno)
        connection = http.client.HTTPConnection("127.0.0.1", mesh.settings.http_port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/", headers={"Host": "events.localhost"})
            response = connection.getresponse()
            times = [time.monotonic()]
            for number in range(20):
                assert response.readline() + response.readline() == f"data: {number}\n\n".encode()
                times.append(time.monotonic())
                seen.release()
            assert response.read() == b""
    # Linux holds back what is sent with the promise of more for 200 ms.
    assert statistics.median(later - earlier for earlier, later in pairwise(times)) < 0.15
    assert mesh.line(app_id, "status=200").startswith("at=info")


def test_the_parts_of_an_upload_arrive_one_by_one_and_at_once(patient: Mesh) -> None:
    mesh = patient
    found: queue.Queue[bytes] = queue.Queue()

    def take(connection: socket.socket, stream: BinaryIO, _head: str) -> bool:
        while (line := stream.readline()) != b"0\r\n":
            found.put(line + stream.readline())
        stream.readline()
        return servers.answer(connection, b"all")

    app_id = mesh.app("parts")
    with Streaming(take) as dyno:
        mesh.serve(app_id, dyno)
        with asking(mesh, line_of("POST", "/", "parts.localhost", "Transfer-Encoding: chunked")) as (client, stream):
            times = [time.monotonic()]
            for _ in range(20):
                client.sendall(b"1\r\nx\r\n")
                assert found.get(timeout=10) == b"1\r\nx\r\n"
                times.append(time.monotonic())
            client.sendall(b"0\r\n\r\n")
            assert read_head(stream).startswith("HTTP/1.1 200 OK\r\n")
    assert statistics.median(later - earlier for earlier, later in pairwise(times)) < 0.15
    assert mesh.line(app_id, "status=200").startswith("at=info")


def test_a_long_poll_has_its_answer_when_there_is_news(patient: Mesh) -> None:
    news: queue.Queue[bytes] = queue.Queue()

    def poll(connection: socket.socket, stream: BinaryIO, head: str) -> bool:
        if head.startswith("POST"):
            news.put(stream.read(4))
            return servers.answer(connection, b"")
        return servers.answer(connection, news.get(timeout=10))

    app_id = patient.app("poll")
    with Streaming(poll) as dyno:
        patient.serve(app_id, dyno)
        with asking(patient, b"") as (client, stream):
            for text in (b"this", b"that", b"more"):
                client.sendall(line_of("GET", "/poll", "poll.localhost"))
                wait_for("the dyno has the poll", lambda: dyno.requests and "/poll" in dyno.requests[-1])
                assert patient.get("poll.localhost", "/tell", "POST", text)[0] == 200
                read_head(stream)
                assert stream.read(4) == text
    assert patient.errors(app_id) == []


def test_a_websocket_goes_on_through_a_reload_frame_by_frame_in_both_directions(patient: Mesh) -> None:
    received: list[str] = []

    def talk(connection: websocket_server.ServerConnection) -> None:
        for message in connection:
            text = str(message)
            received.append(text)
            connection.send(f"first {text}")
            connection.send(f"second {text}")

    app_id = patient.app("chat")
    with websocket_server.serve(talk, "127.0.0.1", 0) as server, servers.running(server) as dyno:
        patient.serve(app_id, dyno)
        with (
            socket.create_connection(("127.0.0.1", patient.settings.http_port)) as raw,
            websocket_client.connect("ws://chat.localhost/", sock=raw) as connection,
        ):
            for number in range(80):
                if number == 40:
                    admin.reload(patient.engine.master)
                    assert len(admin.old_workers(patient.engine.master)) == 1
                connection.send(str(number))
                assert connection.recv(timeout=10) == f"first {number}"
                assert connection.recv(timeout=10) == f"second {number}"
        wait_for("the old process is let go", lambda: not admin.old_workers(patient.engine.master))
    assert received == [str(number) for number in range(80)]
    assert patient.line(app_id, "status=101").startswith("at=info")


def test_a_client_that_closes_its_sending_side_has_left(patient: Mesh) -> None:
    mesh = patient
    app_id = mesh.app("half")
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        with asking(mesh, line_of("GET", "/hang", "half.localhost")) as (client, stream):
            wait_for("the dyno has the request", lambda: dyno.requests)
            client.shutdown(socket.SHUT_WR)
            assert stream.read().startswith(b"HTTP/1.1 400 ")
        line = mesh.line(app_id, 'path="/hang"')
        assert mesh.status("half.localhost") == 200
    assert line.startswith('at=error code=H27 desc="Client request interrupted"')
    assert " status=499 " in line


@pytest.mark.parametrize("version", [b"1.1", b"1.0"], ids=bytes.decode)
def test_a_body_without_length_ends_with_the_dynos_connection(mesh: Mesh, version: bytes) -> None:
    app_id = mesh.app("until")
    handler = canned(b"HTTP/%b 200 OK\r\nConnection: close\r\n\r\nabc" % version, b"d" * 100_000, goes_on=False)
    with Streaming(handler) as dyno:
        mesh.serve(app_id, dyno)
        for _ in range(2):
            with asking(mesh, line_of("GET", "/", "until.localhost")) as (_, stream):
                head = read_head(stream).lower()
                assert stream.read() == b"abc" + b"d" * 100_000
            assert "content-length" not in head
    wait_for("both lines", lambda: len(mesh.log(app_id)) == 2)
    assert mesh.errors(app_id) == []


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [
        ("HEAD", "200 OK", ["Content-Length: 1000", "ETag: x"]),
        ("HEAD", "200 OK", ["Transfer-Encoding: chunked"]),
        ("GET", "204 No Content", ["ETag: x"]),
        ("POST", "204 No Content", []),
        ("GET", "304 Not Modified", ["Content-Length: 1000", "ETag: x"]),
        ("GET", "304 Not Modified", ["ETag: x"]),
    ],
)
def test_an_answer_without_body_leaves_the_connection_usable(
    mesh: Mesh, method: str, status: str, headers: list[str]
) -> None:
    app_id = mesh.app("bare")
    with Streaming(canned("\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode())) as dyno:
        mesh.serve(app_id, dyno)
        with asking(mesh, b"") as (client, stream):
            for _ in range(3):
                client.sendall(line_of(method, "/", "bare.localhost", "Content-Length: 0"))
                head = read_head(stream)
                assert head.startswith(f"HTTP/1.1 {status}\r\n")
                assert all(f"{header.lower()}\r\n" in head.lower() for header in headers)
    wait_for("all lines", lambda: len(mesh.log(app_id)) == 3)
    assert mesh.errors(app_id) == []


@pytest.mark.parametrize("early", ["103 Early Hints", "102 Processing"])
def test_an_early_answer_arrives_before_the_dyno_has_the_proper_one(patient: Mesh, early: str) -> None:
    mesh = patient
    seen = threading.Event()

    def hint(connection: socket.socket, _stream: BinaryIO, _head: str) -> bool:
        connection.sendall(f"HTTP/1.1 {early}\r\nLink: </a.css>; rel=preload\r\n\r\n".encode())
        assert seen.wait(10)
        return servers.answer(connection, b"page")

    app_id = mesh.app("hints")
    with Streaming(hint) as dyno:
        mesh.serve(app_id, dyno)
        with asking(mesh, line_of("GET", "/", "hints.localhost")) as (_, stream):
            head = read_head(stream)
            assert head.startswith(f"HTTP/1.1 {early}\r\n")
            assert "link: </a.css>; rel=preload\r\n" in head
            seen.set()
            assert read_head(stream).startswith("HTTP/1.1 200 OK\r\n")
            assert stream.read(4) == b"page"
    assert mesh.line(app_id, "status=200").startswith("at=info")


def test_trailers_pass_in_both_directions(mesh: Mesh) -> None:
    found: list[bytes] = []

    def trailing(connection: socket.socket, stream: BinaryIO, _head: str) -> bool:
        while not found or found[-1] != b"\r\n":
            found.append(stream.readline())
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
        connection.sendall(b"3\r\nabc\r\n0\r\nX-Sum: 2\r\n\r\n")
        return True

    app_id = mesh.app("trail")
    request = line_of("POST", "/", "trail.localhost", "Transfer-Encoding: chunked", "Trailer: X-Sum", "TE: trailers")
    with Streaming(trailing) as dyno:
        mesh.serve(app_id, dyno)
        with asking(mesh, request + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n") as (_, stream):
            assert "trailer: X-Sum\r\n" in read_head(stream)
            assert [stream.readline() for _ in range(5)] == [b"3\r\n", b"abc\r\n", b"0\r\n", b"x-sum: 2\r\n", b"\r\n"]
    assert found == [b"3\r\n", b"abc\r\n", b"0\r\n", b"x-sum: 1\r\n", b"\r\n"]
    assert mesh.line(app_id, "status=200").startswith("at=info")


def test_a_dyno_that_expects_no_body_refuses_it_with_417_before_it_is_sent(mesh: Mesh) -> None:
    app_id = mesh.app("refuse")
    refusal = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    with Streaming(canned(refusal, goes_on=False)) as dyno:
        mesh.serve(app_id, dyno)
        expect = ("Content-Length: 1000", "Expect: 100-continue")
        with asking(mesh, line_of("POST", "/", "refuse.localhost", *expect)) as (_, stream):
            assert read_head(stream).startswith("HTTP/1.1 417 Expectation Failed\r\n")
            assert stream.read(2) == b"no"
        assert "expect: 100-continue\r\n" in dyno.requests[0]
    assert " status=417 " in mesh.line(app_id, "method=POST")


def test_a_dyno_that_wants_the_body_says_100_and_gets_it(patient: Mesh) -> None:
    mesh = patient

    def accept(connection: socket.socket, stream: BinaryIO, _head: str) -> bool:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return servers.answer(connection, stream.read(4))

    app_id = mesh.app("accept")
    with Streaming(accept) as dyno:
        mesh.serve(app_id, dyno)
        expect = ("Content-Length: 4", "Expect: 100-continue")
        with asking(mesh, line_of("POST", "/", "accept.localhost", *expect)) as (client, stream):
            assert read_head(stream).startswith("HTTP/1.1 100 Continue\r\n")
            client.sendall(b"body")
            assert read_head(stream).startswith("HTTP/1.1 200 OK\r\n")
            assert stream.read(4) == b"body"
    assert mesh.line(app_id, "status=200").startswith("at=info")
