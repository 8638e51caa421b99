"""Uploads over a real socket: what is kept, what is refused, what is left behind."""

import hashlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from tests import stores

from celadon.actions import accounts, apps, context, slugs, sources
from celadon.actions.context import Context
from celadon.build import stream
from celadon.model.account import Actor
from celadon.model.source import Source
from celadon.platform.settings import Settings
from celadon.store import sources as stored

LIMIT = 3 << 20


class Stand:
    """The build role's listener over a store of its own."""

    def __init__(self, home: Path) -> None:
        settings = Settings(home=home, source_limit=LIMIT, slug_limit=LIMIT)
        stores.make(settings)
        (home / "uploads").mkdir()
        self.context: Context = context.connect(settings)
        self.owner = Actor(account=accounts.create_operator(self.context.database, email="a@b", password="long enough"))
        self.socket = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(stream.application(self.context), log_config=None, lifespan="off", ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(timeout=10)
        self.socket.close()
        self.context.database.close()

    def new(self) -> Source:
        return sources.create(self.context, self.owner)

    def path(self, verb: str, source: Source) -> str:
        return sources.path(self.context, verb, source.id)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.socket.getsockname()[1], timeout=30)
        try:
            connection.request(method, path, body, headers, encode_chunked=bool(headers))  # type: ignore[arg-type]
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    @property
    def files(self) -> set[str]:
        return {path.name for path in (self.context.settings.home / "uploads").iterdir()}


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    yield made
    made.stop()


def test_what_was_put_is_got(stand: Stand) -> None:
    source, content = stand.new(), b"archive" * 400_000
    assert stand.ask("GET", stand.path("get", source))[0] == 404
    assert stand.ask("PUT", stand.path("put", source), content) == (200, b"")
    assert stand.ask("GET", stand.path("get", source)) == (200, content)
    with stand.context.database.read() as tx:
        found = stored.find(tx, source.id, context.now())
    assert found and found.size == len(content)
    assert found.checksum == f"SHA256:{hashlib.sha256(content).hexdigest()}"
    assert stand.context.blobs.upload(source.id).stat().st_mode & 0o777 == 0o444
    assert stand.ask("PUT", stand.path("put", source), b"other") == (200, b"")
    assert stand.ask("GET", stand.path("get", source)) == (200, b"other")
    assert stand.files == {source.id}


def test_a_body_of_unknown_length_is_kept_up_to_the_limit(stand: Stand) -> None:
    source = stand.new()
    pieces = {"Transfer-Encoding": "chunked"}
    assert stand.ask("PUT", stand.path("put", source), iter([b"one", b"two"]), **pieces)[0] == 200
    assert stand.ask("GET", stand.path("get", source)) == (200, b"onetwo")
    status, said = stand.ask("PUT", stand.path("put", source), iter([b"x" * (LIMIT + 1)]), **pieces)
    assert (status, json.loads(said)["id"]) == (413, "request_too_large")
    assert stand.ask("GET", stand.path("get", source)) == (200, b"onetwo")
    assert stand.files == {source.id}


def test_what_says_that_it_is_too_large_is_refused_unread(stand: Stand) -> None:
    source = stand.new()
    with socket.create_connection(stand.socket.getsockname(), timeout=30) as client:
        client.sendall(
            f"PUT {stand.path('put', source)} HTTP/1.1\r\nHost: x\r\nContent-Length: {LIMIT + 1}\r\n\r\n".encode()
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert stand.files == set()


def test_half_a_body_leaves_nothing(stand: Stand) -> None:
    source = stand.new()
    with socket.create_connection(stand.socket.getsockname(), timeout=30) as client:
        client.sendall(
            f"PUT {stand.path('put', source)} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode()
        )
        until(lambda: bool(stand.files))
        client.shutdown(socket.SHUT_RDWR)
    until(lambda: not stand.files)
    assert stand.ask("GET", stand.path("get", source))[0] == 404


def test_a_wrong_key_neither_writes_nor_reads(stand: Stand) -> None:
    source = stand.new()
    assert stand.ask("PUT", stand.path("get", source), b"x")[0] == 404
    assert stand.ask("PUT", f"{stand.path('put', source)}0", b"x")[0] == 404
    assert stand.ask("POST", stand.path("put", source), b"x")[0] == 405
    assert stand.files == set()


def test_sources_of_one_account_are_bounded_together(stand: Stand) -> None:
    for _ in range(4):
        assert stand.ask("PUT", stand.path("put", stand.new()), b"x" * LIMIT)[0] == 200
    status, said = stand.ask("PUT", stand.path("put", stand.new()), b"x")
    assert (status, json.loads(said)["id"]) == (429, "rate_limit")
    assert len(stand.files) == 4


def test_who_uploads_a_slug_hears_whether_it_is_one(stand: Stand) -> None:
    apps.create(stand.context, stand.owner, name="hello")
    slug = slugs.create(stand.context, stand.owner, "hello", {"web": "x"})
    put = slugs.put_path(stand.context, slug)
    told: list[tuple[int, bytes]] = []

    def upload() -> threading.Thread:
        uploading = threading.Thread(target=lambda: told.append(stand.ask("PUT", put, b"archive")))
        uploading.start()
        until(lambda: [found.id for found in slugs.waiting(stand.context)] == [slug.id])
        return uploading

    first = upload()
    assert stand.ask("PUT", put, b"again")[0] == 409
    slugs.refuse(stand.context, slug.id, "cannot use the slug: no")
    first.join(30)
    assert (told[0][0], json.loads(told[0][1])["message"]) == (422, "cannot use the slug: no")
    second = upload()
    slugs.packed(stand.context, slug.id, "SHA256:0", 1)
    second.join(30)
    assert told[1] == (200, b"")
    assert stand.ask("PUT", put, b"x" * (LIMIT + 1))[0] == 413


def test_who_was_cut_off_uploads_a_slug_again_and_hears_of_the_first_upload(stand: Stand) -> None:
    apps.create(stand.context, stand.owner, name="hello")
    slug = slugs.create(stand.context, stand.owner, "hello", {"web": "x"})
    put = slugs.put_path(stand.context, slug)
    # As the role finds it that was killed after the bytes had come, and before it could say so.
    part = stand.context.settings.home / "uploads" / "part"
    part.write_bytes(b"archive")
    checksum = f"SHA256:{hashlib.sha256(b'archive').hexdigest()}"
    slugs.uploaded(stand.context, slug, part, checksum)
    begun = slugs.begin(stand.context, slug.id)
    assert begun is not None and begun.attempts == 1
    told: list[tuple[int, bytes]] = []
    again = threading.Thread(target=lambda: told.append(stand.ask("PUT", put, b"archive")))
    again.start()
    assert stand.ask("PUT", put, b"other")[0] == 409
    until(lambda: stand.files == {slug.id})
    assert told == []
    slugs.packed(stand.context, slug.id, "SHA256:0", 1)
    again.join(30)
    assert told == [(200, b"")]
    # Afterwards, too; nothing is packed anew.
    assert stand.ask("PUT", put, b"archive") == (200, b"")
    status, said = stand.ask("PUT", put, b"other")
    assert (status, json.loads(said)["message"]) == (
        409,
        "cannot upload this slug: it has other bytes already; create another one",
    )
    assert (slugs.waiting(stand.context), stand.files) == ([], set())
