"""A third party's provider: a real HTTP server that can be slow, broken, refusing, and forget nothing."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    authorization: str
    accept: str
    body: dict[str, Any]


# Status, body, and what of the body is sent: a part of it is a server that dies.
Said = tuple[int, bytes]


@dataclass
class Partner:
    """`say` answers the next requests, the last one all that follow; without one it provides."""

    say: list[Callable[[Asked], Said | None]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    at_once: int = 0
    most_at_once: int = 0
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def methods(self) -> list[str]:
        return [one.method for one in self.asked]

    def answer(self, asked: Asked) -> Said | None:
        with self.lock:
            said = (self.say.pop(0) if len(self.say) > 1 else self.say[0]) if self.say else self.provide
        return said(asked)

    def provide(self, asked: Asked) -> Said:
        if asked.method == "POST":
            uuid = asked.body["uuid"]
            self.made[uuid] = asked.body
            return ok({"id": uuid, "config": {"ACME_URL": f"https://acme/{uuid}"}, "message": "welcome"})
        uuid = asked.path.rpartition("/")[2]
        if asked.method == "PUT":
            self.made[uuid]["plan"] = asked.body["plan"]
            return ok({"config": {"ACME_URL": f"https://acme/{uuid}/{asked.body['plan']}"}})
        return (204, b"") if self.made.pop(uuid, None) else (410, b"")


def ok(body: object, status: int = 200) -> Said:
    return status, json.dumps(body).encode()


def status(code: int, message: str = "") -> Callable[[Asked], Said]:
    return lambda _: ok({"message": message}, code)


def text(content: bytes, code: int = 200) -> Callable[[Asked], Said]:
    return lambda _: (code, content)


def dies(_: Asked) -> None:
    """Half an answer."""


def _of(partner: Partner) -> type[BaseHTTPRequestHandler]:
    class Answering(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(
                self.command,
                self.path,
                self.headers["Authorization"],
                self.headers["Accept"],
                json.loads(content) if content else {},
            )
            with partner.lock:
                partner.asked.append(asked)
                partner.at_once += 1
                partner.most_at_once = max(partner.most_at_once, partner.at_once)
            try:
                said = partner.answer(asked)
            finally:
                with partner.lock:
                    partner.at_once -= 1
            with contextlib.suppress(OSError):
                self._send(said)

        def _send(self, said: Said | None) -> None:
            code, body = said or (200, b'{"id": "x", "config": {}}' + b" " * 1000)
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if said else body[:10])

        do_POST = do_PUT = do_DELETE = _answer

        def log_message(self, *_: Any) -> None:
            pass

    return Answering


@contextlib.contextmanager
def running() -> Iterator[Partner]:
    partner = Partner()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _of(partner))
    server.daemon_threads = True
    partner.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield partner
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
