"""A small HTTP server: answers by method and path, and what it was asked."""

import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = "application/json"


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Told:
    """An answer; `write` sends the body piece by piece instead, on a connection that closes after it."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    write: Callable[[Callable[[bytes], None], Asked], None] | None = None


def _body(headers: Mapping[str, str], content: bytes) -> Any:
    if headers.get("content-type") == JSON:
        return json.loads(content) if content else None
    return content or None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has left is no error: told of, it would stand in what the next test shows on standard error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Replay:
    """`answers`: "METHOD /path" → what is told, each time, or a list of what is told one after the other."""

    def __init__(self, answers: Mapping[str, Told | list[Told]] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[Asked] = []
        self.server = _Server(("127.0.0.1", 0), self._handler())
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=5)

    def next_answer(self, asked: Asked) -> Told:
        self.asked.append(asked)
        told = self.answers.get(f"{asked.method} {asked.path}")
        if isinstance(told, list):
            told = told.pop(0) if len(told) > 1 else told[0]
        return told or Told(404, {"id": "not_found", "message": "Couldn't find that resource.", "resource": "thing"})

    def _handler(replay: "Replay") -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, self.path, headers, _body(headers, content))
                told = replay.next_answer(asked)
                self.send_response(told.status)
                body = b"" if told.body is None else told.body.encode() if isinstance(told.body, str) else None
                if body is None:
                    body = json.dumps(told.body).encode()
                    self.send_header("Content-Type", JSON)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                if told.write is not None:
                    self.close_connection = True
                    self.send_header("Connection", "close")
                    self.end_headers()
                    told.write(self._send, asked)
                    return
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _send(self, piece: bytes) -> None:
                self.wfile.write(piece)
                self.wfile.flush()

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
