import signal
import time
from collections.abc import Callable

import pytest
from tests.cli.inside import Inside
from tests.cli.program import Program
from tests.cli.replay import Asked, Replay, Told

from celadon.cli.commands.logs import Painter

SSE = {"Content-Type": "text/event-stream"}
FIRST = "2011-01-01T00:00:00.000000+00:00 app[web.1]: test"
SECOND = "2011-01-01T00:00:01.000000+00:00 heroku[router]: at=info"
THIRD = "2011-01-01T00:00:02.000000+00:00 app[worker.12]: third"

FORMED = {
    "GET /apps/x/formation": Told(200, [{"type": "worker", "quantity": 0}, {"type": "web", "quantity": 1}]),
    "GET /apps/x/dynos": Told(200, [{"type": "web", "name": "web.1"}, {"type": "run", "name": "run.4711"}]),
}


def event(number: int, *lines: str) -> bytes:
    return (f"id: {number}\n" + "".join(f"data: {line}\n" for line in lines) + "\n").encode()


def stream(*pieces: bytes) -> Told:
    def write(send: Callable[[bytes], None], asked: Asked) -> None:
        for piece in pieces:
            send(piece)

    return Told(headers=SSE, write=write)


def held(*pieces: bytes) -> Told:
    """A stream that stays open after these pieces."""

    def write(send: Callable[[bytes], None], asked: Asked) -> None:
        for piece in pieces:
            send(piece)
        for _ in range(2400):
            time.sleep(0.05)
            send(b":\n")

    return Told(headers=SSE, write=write)


@pytest.fixture
def serve(replay: Callable[..., Replay], stranger: Program) -> Callable[..., Replay]:
    def make(*told: Told, query: str = "") -> Replay:
        server = replay()
        server.answers = {
            "POST /apps/x/log-sessions": Told(201, {"id": "s", "logplex_url": f"{server.url}/streams/s{query}"}),
            f"GET /streams/s{query}": list(told),
        }
        stranger.env |= {"CELADON_HOST": server.url, "CELADON_API_KEY": "t", "CELADON_APP": "x"}
        return server

    return make


def test_recent_lines_are_printed_plain(serve: Callable[..., Replay], stranger: Program) -> None:
    server = serve(stream(b"retry: 10\n\n", event(1, FIRST, SECOND), b": comment\n", event(2, THIRD)))
    shown = stranger("logs")
    assert (shown.out, shown.err, shown.status) == (f"{FIRST}\n{SECOND}\n{THIRD}\n", "", 0)
    assert server.asked[0].body == {"lines": 100, "tail": False}
    assert server.asked[1].headers["accept"] == "text/event-stream"
    assert "authorization" not in server.asked[1].headers


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (["-n", "20", "-s", "app", "-d", "web.1"], {"lines": 20, "tail": False, "source": "app", "dyno": "web.1"}),
        (["--num", "5", "--ps", "router"], {"lines": 5, "tail": False, "dyno": "router"}),
        (["--source", "heroku", "-p", "web"], {"lines": 100, "tail": False, "source": "heroku", "dyno": "web"}),
    ],
)
def test_filters(serve: Callable[..., Replay], stranger: Program, words: list[str], body: dict[str, object]) -> None:
    server = serve(stream(event(1, FIRST)))
    assert stranger("logs", *words).status == 0
    assert server.asked[0].body == body


NOBODY = " !    There are no lines of {}. x has the process types web, worker.\n"


@pytest.mark.parametrize(
    ("words", "err"),
    [
        (["-p", "nope"], NOBODY.format("nope")),
        (["--dyno", "web.7"], NOBODY.format("web.7") + " !    Perhaps you meant `web`.\n"),
        (["--ps", "wroker"], NOBODY.format("wroker") + " !    Perhaps you meant `worker`.\n"),
        (["-p", "nope", "--since", "1h"], NOBODY.format("nope")),
        (["-p", "worker"], ""),
        (["-p", "web.1"], ""),
        (["-d", "run.4711"], ""),
        (["-p", "router"], ""),
        ([], ""),
    ],
)
def test_lines_of_what_the_app_has_not_are_told_to_be_none(
    serve: Callable[..., Replay], stranger: Program, words: list[str], err: str
) -> None:
    server = serve(stream())
    server.answers |= FORMED
    shown = stranger("logs", *words)
    assert (shown.out, shown.err, shown.status) == ("", err, 0)


def test_lines_that_a_search_does_not_find_are_not_told_to_be_none(
    serve: Callable[..., Replay], stranger: Program
) -> None:
    server = serve(stream(), stream(event(1, FIRST)))
    server.answers |= FORMED
    assert stranger("logs", "-p", "clock", "--grep", "nothing").err == ""
    assert [asked.body for asked in server.asked if asked.method == "POST"] == [
        {"lines": 100, "tail": False, "dyno": "clock", "grep": "nothing"},
        {"lines": 1, "tail": False, "dyno": "clock"},
    ]


def test_an_app_without_code_has_no_process_types(serve: Callable[..., Replay], stranger: Program) -> None:
    server = serve(stream())
    server.answers |= {"GET /apps/x/formation": Told(200, []), "GET /apps/x/dynos": Told(200, [])}
    told = "x has no process types: nothing has been deployed yet."
    assert stranger("logs", "-p", "web").err == f" !    There are no lines of web. {told}\n"
    # Who may not look is not told.
    server.answers |= {"GET /apps/x/formation": Told(403, {"id": "forbidden", "message": "no"})}
    assert stranger("logs", "-p", "web").err == ""


def test_a_tail_of_what_the_app_has_not_says_so_and_waits(serve: Callable[..., Replay], stranger: Program) -> None:
    server = serve(query="?tail=true")
    address = {"id": "s", "logplex_url": f"{server.url}/streams/"}
    server.answers |= FORMED | {
        "POST /apps/x/log-sessions": [
            Told(201, address | {"logplex_url": f"{server.url}/streams/once"}),
            Told(201, address | {"logplex_url": f"{server.url}/streams/s?tail=true"}),
        ],
        "GET /streams/once": stream(),
        "GET /streams/s?tail=true": held(event(1, FIRST)),
    }
    running = stranger.start("logs", "--tail", "-p", "nope", stdout=-1, stderr=-1)
    assert running.stdout is not None and running.stderr is not None
    assert running.stderr.readline().decode() == NOBODY.format("nope")
    assert running.stdout.readline().decode() == f"{FIRST}\n"
    assert running.poll() is None
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)


@pytest.mark.parametrize("words", [["-n", "x"], ["-n", "1501"], ["-s", "web"], ["-p", "web", "-d", "run.1"]])
def test_filters_that_cannot_be(stranger: Program, words: list[str]) -> None:
    assert stranger("logs", "-a", "x", *words).status == 2


def test_colours_are_forced_or_for_terminals_only(serve: Callable[..., Replay], stranger: Program) -> None:
    told = stream(event(1, FIRST, SECOND, THIRD, FIRST.replace("web.1", "web.2")))
    serve(told)
    painted = (
        "\x1b[36m2011-01-01T00:00:00.000000+00:00 app[web.1]:\x1b[0m test\n"
        "\x1b[33m2011-01-01T00:00:01.000000+00:00 heroku[router]:\x1b[0m at=info\n"
        "\x1b[32m2011-01-01T00:00:02.000000+00:00 app[worker.12]:\x1b[0m third\n"
        "\x1b[36m2011-01-01T00:00:00.000000+00:00 app[web.2]:\x1b[0m test\n"
    )
    assert stranger("logs", "--force-colors").out == painted
    plain = f"{FIRST}\n{SECOND}\n{THIRD}\n{FIRST.replace('web.1', 'web.2')}\n"
    assert stranger("logs").out == plain
    for env, out in (({}, painted), ({"NO_COLOR": "1"}, plain), ({"TERM": "dumb"}, plain)):
        asked = stranger.terminal("logs", env=env)
        assert asked.read().replace("\r\n", "\n") == out
        asked.close()


def test_the_palette_begins_again_after_five_sources() -> None:
    painter = Painter()
    shown = [painter.paint(f"t app[{name}.1]: x") for name in "abcdefa"]
    assert [line[2:4] for line in shown] == ["36", "33", "32", "35", "31", "36", "36"]
    assert painter.paint("no header") == "no header"


def test_a_tail_prints_lines_as_they_come_and_ends_with_ctrl_c(serve: Callable[..., Replay], stranger: Program) -> None:
    serve(held(event(1, FIRST)), query="?tail=true")
    running = stranger.start("logs", "--tail", stdout=-1, stderr=-1)
    assert running.stdout is not None
    assert running.stdout.readline().decode() == f"{FIRST}\n"
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert (running.returncode, b"Traceback" in err) == (130, False)


def test_a_tail_goes_on_after_the_last_event_it_has_seen(serve: Callable[..., Replay], stranger: Program) -> None:
    broken = stream(event(1, FIRST), event(2, SECOND), b"id: 3\ndata: half a li")
    server = serve(broken, Told(503, "<html>"), held(event(3, THIRD)), query="?tail=true")
    running = stranger.start("logs", "-t", stdout=-1, stderr=-1)
    assert running.stdout is not None
    lines = [running.stdout.readline().decode() for _ in range(3)]
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert lines == [f"{FIRST}\n", f"{SECOND}\n", f"{THIRD}\n"]
    streams = [asked for asked in server.asked if asked.path.startswith("/streams")]
    assert [asked.headers.get("last-event-id") for asked in streams] == [None, "2", "2"]


def test_a_session_that_has_ended_says_so(serve: Callable[..., Replay], stranger: Program) -> None:
    serve(stream(event(1, FIRST)), Told(404, "gone"), query="?tail=true")
    shown = stranger("logs", "-t")
    assert shown.out == f"{FIRST}\n"
    assert shown.err == " !    The log session has ended. Run the command again to go on.\n"
    assert shown.status == 1


@pytest.mark.parametrize(
    ("query", "words", "data", "why"),
    [
        ("", [], '{"id": "app_destroyed", "message": "the app was destroyed"}', "the app was destroyed."),
        ("&raw=true", ["--raw"], '{"id": "x", "message": "\\u001b[2J"}', "\ufffd[2J."),
        ("", [], "x", "the platform does not say why."),
        ("", [], "[]", "the platform does not say why."),
    ],
)
def test_a_tail_that_the_platform_ends_says_why(
    serve: Callable[..., Replay], stranger: Program, query: str, words: list[str], data: str, why: str
) -> None:
    server = serve(query="?tail=true")
    told = stream(event(1, f'"{FIRST}"' if words else FIRST), f"event: end\ndata: {data}\n\n".encode())
    server.answers |= {f"GET /streams/s?tail=true{query}": told}
    shown = stranger("logs", "--tail", *words)
    assert (shown.out, shown.err, shown.status) == (f"{FIRST}\n", f" !    The log stream has ended: {why}\n", 1)


def test_a_backlog_that_breaks_off_is_an_error(serve: Callable[..., Replay], stranger: Program) -> None:
    def write(send: Callable[[bytes], None], asked: Asked) -> None:
        piece = event(1, FIRST)
        send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    serve(Told(headers={**SSE, "Transfer-Encoding": "chunked"}, write=write))
    shown = stranger("logs")
    assert (shown.out, shown.status) == (f"{FIRST}\n", 1)
    assert shown.err.startswith(" !    cannot read the answer of http://localhost:")


def test_a_stream_of_plain_text_is_read_too(serve: Callable[..., Replay], stranger: Program) -> None:
    serve(Told(body=f"{FIRST}\n{SECOND}\n", headers={"Content-Type": "text/plain"}))
    assert stranger("logs").out == f"{FIRST}\n{SECOND}\n"


@pytest.mark.parametrize(
    ("words", "sent", "shown"),
    [
        ([], "\x1b[2Jred\tz\x9b\u202e", "^[[2Jred\tz\ufffd\ufffd"),
        (["--raw"], '"\\u001b[31mred"', "\x1b[31mred"),
        (["--raw"], "no JSON", "no JSON"),
        (["--raw"], "42", "42"),
    ],
)
def test_a_platform_that_does_not_clean_or_quote_its_lines(
    replay: Callable[..., Replay], inside: Inside, words: list[str], sent: str, shown: str
) -> None:
    server = replay()
    query = "?raw=true" if words else ""
    server.answers = {
        "POST /apps/x/log-sessions": Told(201, {"id": "s", "logplex_url": f"{server.url}/streams/s"}),
        f"GET /streams/s{query}": stream(event(1, sent)),
    }
    inside.env = {"CELADON_HOST": server.url, "CELADON_API_KEY": "t", "CELADON_APP": "x"}
    assert inside("logs", *words).out == f"{shown}\n"


@pytest.mark.parametrize("lines", [2000, 1])
def test_a_reader_that_leaves_ends_the_tail(serve: Callable[..., Replay], stranger: Program, lines: int) -> None:
    serve(held(*(event(number, FIRST) for number in range(lines))), query="?tail=true")
    running = stranger.start("logs", "-t", stdout=-1, stderr=-1)
    assert running.stdout is not None and running.stderr is not None
    running.stdout.readline()
    running.stdout.close()
    assert running.wait(timeout=60) == 141
    assert running.stderr.read() == b""
    running.stderr.close()
