"""The API over a real socket: bytes, bodies, connections."""

import http.client
import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest
import uvicorn
from starlette.types import Message
from tests.api.world import ACCEPT, World

from celadon.api import asgi, role
from celadon.api.answer import Response


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, token: str) -> None:
        # Forty at once share two processors with the server, and with whatever else the machine does.
        super().__init__("localhost", timeout=120)
        self._path = path
        self.sent = {"Accept": ACCEPT, "Authorization": f"Bearer {token}"}

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))

    def ask(self, method: str, path: str, body: object = None) -> tuple[http.client.HTTPResponse, bytes]:
        self.request(method, path, body=body, headers=self.sent)  # type: ignore[arg-type]
        answer = self.getresponse()
        return answer, answer.read()


@pytest.fixture
def served(world: World) -> Iterator[Callable[[], Connection]]:
    """Makes connections to a role that serves; a socket that a killed one left is in its place before it starts."""
    directory = Path(tempfile.mkdtemp(prefix="celadon-api-"))
    path = directory / "api.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    server = uvicorn.Server(role.configuration(path, asgi.Application(world.context, role.ROUTES)))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < deadline
        assert thread.is_alive()
        time.sleep(0.01)
    yield lambda: Connection(path, world.token)
    server.should_exit = True
    thread.join(20)
    shutil.rmtree(directory)


def test_app_is_created_and_read_on_one_connection(served: Callable[[], Connection]) -> None:
    connection = served()
    made, content = connection.ask("POST", "/apps", b'{"name": "over-the-wire"}')
    assert (made.status, json.loads(content)["name"]) == (201, "over-the-wire")
    read, content = connection.ask("GET", "/apps/over-the-wire")
    assert (read.status, read.headers["ETag"][0], json.loads(content)["name"]) == (200, '"', "over-the-wire")
    assert int(read.headers["RateLimit-Remaining"]) > 0


def test_head_has_the_headers_and_no_body(served: Callable[[], Connection]) -> None:
    connection = served()
    got, content = connection.ask("GET", "/apps/example")
    asked, nothing = connection.ask("HEAD", "/apps/example")
    assert (asked.status, nothing) == (200, b"")
    assert asked.headers["Content-Length"] == str(len(content))
    assert asked.headers["ETag"] == got.headers["ETag"]


def test_post_that_stands_for_head_has_the_body_its_length_promises(served: Callable[[], Connection]) -> None:
    connection = served()
    connection.sent["X-HTTP-Method-Override"] = "HEAD"
    for path, status in (("/apps/example", 200), ("/apps/nothing", 404)):
        answer, content = connection.ask("POST", path)
        assert (answer.status, len(content)) == (status, int(answer.headers["Content-Length"]))


def test_unchanged_resource_is_304_and_the_connection_goes_on(served: Callable[[], Connection]) -> None:
    connection = served()
    got, _ = connection.ask("GET", "/apps/example")
    connection.sent["If-None-Match"] = got.headers["ETag"]
    for _ in range(2):
        again, nothing = connection.ask("GET", "/apps/example")
        assert (again.status, nothing) == (304, b"")


def test_slash_inside_a_name_is_not_the_end_of_it(served: Callable[[], Connection]) -> None:
    answer, content = served().ask("DELETE", "/account/keys/SHA256%3Aab%2Fcd%2Bef")
    assert (answer.status, json.loads(content)["resource"]) == (404, "key")


@pytest.mark.parametrize("path", ["/apps/%00", "/apps/%ff", "/apps?" + "x=1&" * 101])
def test_path_or_query_that_cannot_be_read_is_400_with_a_request_id(
    served: Callable[[], Connection], path: str
) -> None:
    answer, content = served().ask("GET", path)
    assert (answer.status, json.loads(content)["id"]) == (400, "bad_request")
    assert answer.headers["Request-Id"]


@pytest.mark.parametrize("chunked", [False, True])
def test_ten_megabytes_of_environment_are_refused_with_a_sentence(
    served: Callable[[], Connection], chunked: bool
) -> None:
    body = json.dumps({"BIG": "x" * (10 << 20)}).encode()
    pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
    answer, content = served().ask("PATCH", "/apps/example/config-vars", pieces if chunked else body)
    assert (answer.status, json.loads(content)["id"]) == (413, "request_too_large")
    assert "longer than 1,024 KB" in json.loads(content)["message"]
    assert served().ask("GET", "/apps/example/config-vars")[1] == b"{}"


def test_client_that_leaves_in_the_middle_harms_nobody(served: Callable[[], Connection]) -> None:
    connection = served()
    connection.putrequest("POST", "/apps")
    for name, value in connection.sent.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b'{"name": "half')
    connection.close()
    assert served().ask("GET", "/apps/half")[0].status == 404


def test_many_at_once_are_all_answered(served: Callable[[], Connection]) -> None:
    def change(number: int) -> int:
        connection = served()
        body = json.dumps({f"VAR_{number}": str(number)}).encode()
        return connection.ask("PATCH", "/apps/example/config-vars", body)[0].status

    with ThreadPoolExecutor(40) as pool:
        assert set(pool.map(change, range(40))) == {200}
    config = json.loads(served().ask("GET", "/apps/example/config-vars")[1])
    assert config == {f"VAR_{number}": str(number) for number in range(40)}


def test_no_value_of_a_header_ends_it_or_the_answer() -> None:
    hostile = Response(
        status=200, headers={"Location": " /x\r\nX-Forged: 1\x00\u2028\x7f", "X-Good": "a\tb"}, content=b"{}"
    )
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    anyio.run(asgi._send, hostile, "GET", send)
    headers = dict(sent[0]["headers"])
    assert (headers[b"location"], headers[b"x-good"]) == (b"/x??X-Forged: 1???", b"a\tb")
