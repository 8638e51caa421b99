"""WebSocket echo with nothing but the upgrade and frames of one size: a backend and a client that take as little time as
Python can, so that the proxy between them is seen."""

import contextlib
import multiprocessing
import os
import select
import socket
import statistics
import sys
import time
from collections.abc import Iterator

from processes import OTHER_CORE
from rounds import Run

# A masked binary frame as clients send them: head, mask, 56 bytes. It comes back as it is: proxies do not look inside.
FRAME = bytes([0x82, 0x80 | 56]) + b"mask" + bytes(range(56))
_ASK = (
    b"GET / HTTP/1.1\r\nHost: bench.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
# The key and its answer are those of RFC 6455, 1.3.
_SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
_PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_READ = 1 << 16


@contextlib.contextmanager
def backend() -> Iterator[int]:
    """The echo in a process of its own, beside the client; its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(listener,))
        process.start()
        try:
            yield listener.getsockname()[1]
        finally:
            process.kill()
            process.join()


def _serve(listener: socket.socket) -> None:
    os.sched_setaffinity(0, {OTHER_CORE})
    connections: dict[int, socket.socket] = {}
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection
                poll.register(connection, select.EPOLLIN)
            elif not _answer(number):
                connections.pop(number).close()


def _answer(number: int) -> bool:
    """Give back what came, or the answer to a request's head; False when the connection has ended."""
    try:
        received = os.read(number, _READ)
        if received.startswith(b"GET "):
            os.write(number, _SWITCH if b"websocket" in received else _PLAIN)
        else:
            os.write(number, received)
    except ConnectionError:
        return False
    return bool(received)


def ask(port: int, seconds: float, connections: int) -> Run:
    """A frame on each connection, the next as soon as it is back. Counts the frames that came back."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(_upgraded(port)) for _ in range(connections)]
        poll = stack.enter_context(select.epoll())
        sent: dict[int, float] = {}
        for connection in opened:
            poll.register(connection, select.EPOLLIN)
            sent[connection.fileno()] = time.perf_counter()
            connection.send(FRAME)
        return _follow(poll, sent, seconds)


def _follow(poll: select.epoll, sent: dict[int, float], seconds: float) -> Run:
    took: list[float] = []
    now = began = time.perf_counter()
    while now - began < seconds:
        for number, _ in poll.poll():
            if os.read(number, _READ) != FRAME:
                sys.exit("a frame did not come back as it was sent")
            now = time.perf_counter()
            took.append(now - sent[number])
            sent[number] = now
            os.write(number, FRAME)
    cuts = statistics.quantiles(took, n=100)
    return Run(len(took), len(took) / (now - began), 1000 * cuts[49], 1000 * cuts[98])


def _upgraded(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(_ASK)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        received = connection.recv(_READ)
        head += received
        if not received or not head.startswith(b"HTTP/1.1 101"):
            sys.exit(f"no WebSocket at port {port}: {head!r}")
    return connection
