"""Dynos that behave, and dynos that do not: raw sockets, one thread per connection."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

from websockets.sync import server as websocket_server

Behaviour = Callable[[socket.socket, str, bytes], bool]


def read_request(connection: socket.socket, rest: bytes) -> tuple[bytes, bytes, bytes]:
    """Head, body and what follows; an empty head when the other side has closed."""
    while b"\r\n\r\n" not in rest:
        received = connection.recv(65536)
        if not received:
            return b"", b"", b""
        rest += received
    head, _, rest = rest.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(rest) < length:
        received = connection.recv(65536)
        if not received:
            break
        rest += received
    return head, rest[:length], rest[length:]


def answer(connection: socket.socket, body: bytes, status: str = "200 OK", *headers: str) -> bool:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return True


def behave(connection: socket.socket, head: str, body: bytes) -> bool:
    """What the path says; True when the connection goes on."""
    path = head.split(" ")[1].partition("?")[0]
    match path:
        case "/close":
            return False
        case "/reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        case "/hang":
            connection.recv(1)
            return False
        case "/stall":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            connection.recv(1)
            return False
        case "/half":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            return False
        case "/junk":
            connection.sendall(b"this is no HTTP\r\n\r\n")
            return False
        case "/long-field":
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 20_000 + b"\r\n\r\n")
            return False
        case "/many-fields":
            fields = b"".join(b"X-%d: a\r\n" % number for number in range(200))
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n")
            return False
        case "/long-line":
            connection.sendall(b"HTTP/1.1 200 " + b"O" * 20_000 + b"\r\n\r\n")
            return False
        case "/half-head":
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Half: ")
            return False
        case "/503":
            return answer(connection, b"mine", "503 Service Unavailable")
        case "/headers":
            return answer(connection, head.encode())
        case "/echo":
            return answer(connection, body)
        case "/slow":
            time.sleep(0.3)
            return answer(connection, b"slow\n")
        case "/drip":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(3):
                time.sleep(0.8)
                connection.sendall(b"1\r\nx\r\n")
            connection.sendall(b"0\r\n\r\n")
            return True
        case _:
            return answer(connection, b"hello\n")


class Dyno:
    """A listening web dyno at an address of its own; a context manager."""

    def __init__(self, address: str = "127.0.0.1", behaviour: Behaviour = behave, port: int = 0) -> None:
        self.requests: list[str] = []
        self.connections = 0
        self._behaviour = behaviour
        self._open: set[socket.socket] = set()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, port))
        self._listener.listen(1024)
        self.address, self.port = self._listener.getsockname()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Die: nobody listens, and every connection is gone."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        rest = b""
        with contextlib.suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                head, body, rest = read_request(connection, rest)
                if not head:
                    break
                text = head.decode("latin-1")
                self.requests.append(text)
                if not self._behaviour(connection, text, body):
                    break
        self._open.discard(connection)


@contextlib.contextmanager
def running(server: websocket_server.Server) -> Iterator[Dyno]:
    """A WebSocket server as a dyno of the table."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    place = Dyno.__new__(Dyno)
    place.address, place.port = server.socket.getsockname()
    try:
        yield place
    finally:
        server.shutdown()
        thread.join()
