"""Lines of add-on providers: with the log token of an add-on they come into the stream of its app."""

import base64
import contextlib
import http.client
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from tests import stores

from celadon.actions import accounts, addons, apps, provisioning
from celadon.actions.context import Context
from celadon.logplex import inputs
from celadon.model.account import Actor
from celadon.platform.settings import Settings
from celadon.store import addons as stored
from celadon.store import database
from celadon.store.lines import Lines

_FRAME = b"<134>1 2026-01-01T00:00:00Z host notes notes - - "


@contextlib.contextmanager
def listening(application: Starlette) -> Iterator[int]:
    """Its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def post(port: int, content: bytes, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("POST", "/logs", content, headers)
        return connection.getresponse().status


def test_lines_come_by_the_token_of_a_living_add_on(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    stores.make(settings)
    context = Context(database.connect(settings), settings)
    actor = Actor(account=accounts.create_operator(context.database, email="a@example.com", password="correct horse"))
    app = apps.create(context, actor, name="shop")
    addon = addons.create(context, actor, "shop", plan="ssl").addon
    token = provisioning.log_token(context, addon.id)

    def find(given: str) -> object:
        with context.database.read() as tx:
            return stored.find_by_log_token(tx, given)

    application = Starlette(routes=[inputs.route(find, Lines(tmp_path))])  # type: ignore[arg-type]
    with listening(application) as port:

        def send(content: bytes, password: str = token, kind: str = inputs.CONTENT_TYPE, user: str = "token") -> int:
            given = base64.b64encode(f"{user}:{password}".encode()).decode()
            headers = {"Authorization": f"Basic {given}", "Content-Type": kind}
            return post(port, content, headers)

        lines = [_FRAME + b"one", _FRAME + b"two"]
        framed = b"".join(str(len(line)).encode() + b" " + line for line in lines)
        assert send(framed) == 204
        written = (tmp_path / "logs" / app.id / "app.ssl.log").read_text()
        assert [line.split(" ", 3)[3] for line in written.splitlines()] == ["one", "two"]
        assert "2026-01-01" not in written
        assert send(framed, password=f"d.{uuid.uuid4()}") == 401
        assert send(framed, user="other") == 401
        assert post(port, framed, {}) == 401
        assert send(framed, kind="text/plain") == 415
        assert send(b"x" * (inputs.LIMIT + 1)) == 413
        assert send(b"nonsense") == 400
        assert (tmp_path / "logs" / app.id / "app.ssl.log").read_text() == written
        provisioning.refused(context, addon.id, "no")
        assert send(framed) == 401
    context.database.close()
