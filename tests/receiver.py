"""A stranger's server that webhooks are delivered to: it can fail, redirect, be silent and be slow."""

import contextlib
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    path: str
    headers: Mapping[str, str]
    content: bytes


class Receiver:
    """`/200` answers 200, `/500` answers 500 …; `/redirect` leads to /200, `/silent` says nothing until `release`, `/drip`
    sends header after header until then. `answers` makes it say something else.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.answers: dict[str, int] = {}
        self.release = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _of(self))
        self.server.daemon_threads = True
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [one.path for one in self.received]


def _of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, content))
            if self.path == "/silent":
                receiver.release.wait(60)
            elif self.path == "/drip":
                self._drip()
            elif self.path == "/redirect":
                self.send_response(302)
                self.send_header("Location", "/200")
                self.end_headers()
            else:
                self.send_response(receiver.answers.get(self.path) or int(self.path.strip("/")))
                self.end_headers()
                self.wfile.write(b"x" * 100_000)

        def _drip(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            # Seldom: http.client takes a hundred headers, and gives up before who is tested does.
            while not receiver.release.wait(0.2):
                self.wfile.write(b"X: y\r\n")

        def log_message(self, *_: Any) -> None:
            pass

    return Answering


@contextlib.contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver(tls)
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.release.set()
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()


@contextlib.contextmanager
def serving(answering: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server that answers as this class says; its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
