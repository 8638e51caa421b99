"""The console: its WebSocket by the wire and its page in a browser; the dyno is a stub (tests/journeys has a real one)."""

import contextlib
import json
import resource
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websockets.exceptions
from playwright.sync_api import expect
from tests.api.world import PASSWORD, World
from tests.dashboard.browser import Stand, Visitor, wait_for
from tests.dashboard.dyno_stub import FLOOD, Stub
from tests.dashboard.test_logging_in import ask, cookie_of, log_in
from websockets.sync.client import ClientConnection, connect

from celadon.actions import accounts
from celadon.dashboard import terminal
from celadon.store import dynos


@pytest.fixture
def rendezvous() -> Iterator[socket.socket]:
    """A port that is nobody else's; nobody listens there before there is a stub."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held


@pytest.fixture
def world(new_world: Callable[..., World], rendezvous: socket.socket) -> World:
    return new_world(rendezvous_port=rendezvous.getsockname()[1])


@pytest.fixture
def stub(world: World, rendezvous: socket.socket) -> Iterator[Stub]:
    made = Stub(world.context, rendezvous)
    yield made
    made.stop()


class Client:
    """A browser's side of one console."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.output = b""
        self.told: list[dict[str, Any]] = []

    def say(self, **message: object) -> None:
        # Who is refused hears it first.
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            self.connection.send(json.dumps(message))

    def hear(self) -> None:
        message = self.connection.recv(timeout=30)
        if isinstance(message, str):
            self.told.append(json.loads(message))
        else:
            self.output += message

    def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self.hear()

    def end(self) -> None:
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            while True:
                self.hear()


@pytest.fixture
def open_console(world: World, stand: Stand) -> Iterator[Callable[..., Client]]:
    stand.show(world.context)
    with contextlib.ExitStack() as stack:

        def made(app: str = "example", *, cookie: str | None = None, origin: str | None = stand.url) -> Client:
            headers = {"Cookie": cookie if cookie is not None else cookie_of(log_in(world))}
            uri = f"{stand.url.replace('http', 'ws')}/dashboard/apps/{app}/console/socket"
            options: dict[str, Any] = {"origin": origin, "additional_headers": headers, "max_size": None}
            return Client(stack.enter_context(connect(uri, **options)))

        yield made


def run(client: Client, command: str = "bash", **more: object) -> Client:
    client.say(command=command, columns=101, lines=33, **more)
    return client


def dynos_of(world: World) -> list[Any]:
    with world.context.database.read() as tx:
        app = world.get("/apps/example").json["id"]
        return [dyno for dyno in dynos.list_of(tx, app) if dyno.attach]


def test_a_command_runs_its_window_changes_and_its_status_is_told(
    world: World, stub: Stub, open_console: Callable[..., Client]
) -> None:
    client = run(open_console(), "say", size="1X")
    client.until(lambda: b"101x33\r\n" in client.output)
    (dyno,) = dynos_of(world)
    assert (dyno.env["TERM"], dyno.size) == ("xterm-256color", "1X") and dyno.command.startswith("say ; ")
    client.connection.send(b"hello\r")
    client.until(lambda: b"hello\r\n" in client.output)
    for columns in (80, 90, 70):
        client.say(columns=columns, lines=20)
    wait_for("the window is as it is now", lambda: dynos_of(world)[0].env["COLUMNS"] == "70")
    client.connection.send(b"exit 3\r")
    client.end()
    assert client.told == [{"dyno": dyno.name}, {"up": True}, {"ended": 3}]
    assert "exit-status" not in client.output.decode() and client.connection.close_code == 1000


def test_whoever_closes_the_window_ends_the_dyno(world: World, stub: Stub, open_console: Callable[..., Client]) -> None:
    client = run(open_console())
    client.until(lambda: {"up": True} in client.told)
    client.connection.close()
    wait_for("the rendezvous hears it", lambda: stub.left == [stub.met[0].name])
    wait_for("the dyno is to stop", lambda: dynos_of(world)[0].request == "stop")


def test_a_dyno_that_writes_much_waits_for_who_reads(
    world: World, stub: Stub, open_console: Callable[..., Client]
) -> None:
    client = run(open_console())
    client.until(lambda: {"up": True} in client.told)
    client.connection.send(b"flood\r")
    client.until(lambda: len(client.output) > terminal.AHEAD)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    at = stub.flooded
    wait_for("the dyno waits", lambda: (last := stub.flooded) == stub.flooded and last < FLOOD / 10 and last >= at)
    # Though it reads: a browser always does, and shows it when it can.
    with contextlib.suppress(TimeoutError):
        while len(client.output) < 2 * terminal.AHEAD:
            client.output += client.connection.recv(timeout=1)
    assert len(client.output) < 2 * terminal.AHEAD
    seen = len(client.output)
    while seen < 8 << 20:
        client.say(taken=seen)
        client.output = b""
        client.until(lambda: len(client.output) >= terminal.AHEAD // 2)
        seen += len(client.output)
    assert stub.flooded < FLOOD / 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


@pytest.mark.parametrize("origin", [None, "null", "http://shop.localhost:1", "https://localhost"])
def test_another_sites_page_opens_no_console(open_console: Callable[..., Client], origin: str | None) -> None:
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        open_console(origin=origin)
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("cookie", ["", "celadon=nonsense"])
def test_who_is_not_logged_in_opens_no_console(open_console: Callable[..., Client], cookie: str) -> None:
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        open_console(cookie=cookie)
    assert refused.value.response.status_code == 401


def test_who_may_not_run_dynos_opens_no_console(world: World, open_console: Callable[..., Client]) -> None:
    accounts.create(world.context, world.actor, email="eve@example.com", password=PASSWORD)
    stranger = accounts.log_in(world.context, "eve@example.com", PASSWORD)
    for token, status in ((world.new_token(actor=stranger), 404), (world.new_token("read"), 403)):
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            open_console(cookie=f"celadon={token}")
        assert refused.value.response.status_code == status


@pytest.mark.parametrize(
    ("first", "word"),
    [
        ("nonsense", "JSON"),
        ('{"command": "bash", "columns": 0, "lines": 2}', "window"),
        ('{"command": "bash"}', "window"),
        ('{"command": "bash", "columns": 80, "lines": 24, "size": "Giant"}', "size"),
        ('{"command": "a\\u0000b", "columns": 80, "lines": 24}', "NUL"),
        (b"bash", "first"),
    ],
)
def test_what_cannot_be_run_is_said(world: World, open_console: Callable[..., Client], first: Any, word: str) -> None:
    client = open_console()
    client.connection.send(first)
    client.end()
    assert word in client.told[-1]["error"] and not dynos_of(world)


def test_a_dyno_that_cannot_be_met_is_told_and_stopped(world: World, open_console: Callable[..., Client]) -> None:
    client = run(open_console())
    client.end()
    assert "rendezvous" in client.told[-1]["error"]
    assert [dyno.request for dyno in dynos_of(world)] == ["stop"]


def test_there_are_only_so_many_at_once(
    world: World, stub: Stub, stand: Stand, open_console: Callable[..., Client]
) -> None:
    clients = [run(open_console()) for _ in range(terminal.OF_ONE)]
    for client in clients:
        client.until(lambda client=client: {"up": True} in client.told)
    more = run(open_console())
    more.end()
    assert "at once" in more.told[-1]["error"]
    clients[0].connection.close()
    wait_for("one is over", lambda: "stop" in [dyno.request for dyno in dynos_of(world)])
    # What a transaction has done may be seen before it is over for who did it; the console is counted off after that.
    application = stand.application
    assert application is not None
    wait_for("its place is free", lambda: application._consoles._open.total() < terminal.OF_ONE)
    again = run(open_console())
    again.until(lambda: {"up": True} in again.told)


def test_who_logs_out_has_no_console_any_more(
    world: World, stub: Stub, open_console: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "_CHECKED", 0.05)
    cookie = cookie_of(log_in(world))
    client = run(open_console(cookie=cookie))
    client.until(lambda: {"up": True} in client.told)
    assert ask(world, "POST", "/dashboard/logout", {}, Cookie=cookie, Origin="http://localhost:8080").status == 303
    client.end()
    assert "log in again" in client.told[-1]["error"]
    wait_for("the dyno has no client", lambda: stub.left)


def test_an_idle_console_is_closed(
    world: World, stub: Stub, open_console: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "_CHECKED", 0.05)
    monkeypatch.setattr(terminal, "_IDLE", 0.1)
    client = run(open_console())
    client.end()
    assert "an hour" in client.told[-1]["error"]


def test_the_page_runs_a_command(world: World, stub: Stub, visitor: Visitor) -> None:
    page = visitor.go("/dashboard/apps/example/console")
    visitor.look("console")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_label("Command").fill("python manage.py shell")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("status")).to_contain_text("is up")
    page.keyboard.type("hello")
    page.keyboard.press("Enter")
    wait_for("what is typed comes", lambda: b"hello\r" in stub.typed)
    # A colour that is none of the 256 needs a style of its own.
    expect(page.locator(".xterm-rows span[style]", has_text="green")).to_be_visible()
    before = stub.met[0].env["COLUMNS"]
    page.set_viewport_size({"width": 700, "height": 900})
    wait_for("the window is told", lambda: int(dynos_of(world)[0].env["COLUMNS"]) < int(before) - 20)
    visitor.look("console-running")
    page.keyboard.press("Control+]")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    page.locator(".xterm-helper-textarea").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("exit 3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("ended with exit status 3")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("status")).to_contain_text("is up")
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("status")).to_contain_text("was stopped")


def test_the_page_says_why_there_is_no_console(world: World, visitor: Visitor) -> None:
    world.call("POST", "/apps", {"name": "bare"})
    page = visitor.go("/dashboard/apps/bare/console")
    expect(page.locator("main")).to_contain_text("Nothing has been deployed yet")
    expect(page.get_by_role("button", name="Run")).to_have_count(0)


def test_only_the_console_may_add_style(world: World) -> None:
    cookie = cookie_of(log_in(world))
    policies = [
        ask(world, "GET", path, Cookie=cookie).headers["content-security-policy"]
        for path in ("/dashboard/apps/example/console", "/dashboard/apps/example/console", "/dashboard/apps/example")
    ]
    assert "'nonce-" in policies[0] and policies[0] != policies[1] and "nonce" not in policies[2]
    assert not any("unsafe" in policy for policy in policies)
