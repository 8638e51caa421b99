"""What the user reads when the platform does not answer, or says no."""

import json
import re
import socket
import threading
from collections.abc import Callable

import pytest
from tests.cli.program import Program, Run
from tests.cli.replay import Asked, Replay, Told


@pytest.fixture
def ask(replay: Callable[..., Replay], stranger: Program) -> Callable[..., Run]:
    """`celadon maintenance -a x` against a server that gives this answer."""

    def call(*told: Told) -> Run:
        server = replay(answers={"GET /apps/x": list(told)})
        stranger.env |= {"CELADON_HOST": server.url, "CELADON_API_KEY": "secret", "CELADON_APP": "x"}
        return stranger("maintenance")

    return call


GOOD = Told(body={"maintenance": True})


@pytest.mark.parametrize(
    ("told", "err"),
    [
        (Told(403, {"id": "forbidden", "message": "You may not."}), " !    You may not.\n"),
        (Told(422, {"id": "invalid_params", "message": "One.\nTwo."}), " !    One.\n !    Two.\n"),
        (Told(429, {"id": "rate_limit", "message": "Too many, wait."}), " !    Too many, wait.\n"),
        (Told(429), " !    Too many requests for now: wait a minute and try again.\n"),
        (
            Told(500, {"id": "x", "message": "It broke."}, {"Request-Id": "r-1"}),
            " !    It broke.\n !    The platform's log has more under Request-Id r-1.\n",
        ),
        (Told(410, "<html>", {"Content-Type": "text/html"}), " !    URL answered 410 without saying why.\n"),
        (Told(404, {"id": "not_found", "message": "Gone.", "resource": "dyno"}), " !    Gone.\n"),
    ],
)
def test_a_refusal_is_the_platforms_own_sentence(ask: Callable[..., Run], told: Told, err: str) -> None:
    shown = ask(told)
    assert (shown.out, shown.status) == ("", 1)
    assert re.sub(r"http://localhost:\d+", "URL", shown.err) == err


def test_a_warning_of_the_platform_is_shown_beside_the_answer(ask: Callable[..., Run]) -> None:
    shown = ask(Told(body={"maintenance": False}, headers={"X-Heroku-Warning": "soon gone"}))
    assert (shown.out, shown.err, shown.status) == ("off\n", " !    Warning: soon gone\n", 0)


def test_while_a_role_is_coming_back_the_request_is_sent_again(ask: Callable[..., Run]) -> None:
    shown = ask(Told(503, "<html>"), GOOD)
    assert (shown.out, shown.err, shown.status) == ("on\n", "", 0)


def test_what_the_api_itself_calls_unavailable_is_said_at_once(ask: Callable[..., Run]) -> None:
    assert ask(Told(503, {"id": "service_unavailable", "message": "Not now."}), GOOD).err == " !    Not now.\n"


def test_nobody_listens(stranger: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    shown = stranger("whoami", "--platform", f"http://localhost:{port}", env={"CELADON_API_KEY": "x"})
    assert (shown.out, shown.status) == ("", 1)
    assert shown.err == f" !    cannot reach http://localhost:{port}: nothing listens there (bin/up starts it)\n"


def test_an_unknown_name(stranger: Program) -> None:
    shown = stranger("whoami", "--platform", "https://api.invalid", env={"CELADON_API_KEY": "x"})
    assert shown.status == 1
    assert shown.err == " !    cannot reach https://api.invalid: the name api.invalid is not known\n"


def test_an_answer_that_is_no_http(stranger: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-x\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://localhost:{server.getsockname()[1]}"
        shown = stranger("whoami", "--platform", url, env={"CELADON_API_KEY": "x"})
        thread.join()
    assert shown.status == 1
    assert shown.err.startswith(f" !    cannot understand the answer of {url}: BadStatusLine")


def test_a_certificate_that_nobody_vouches_for(stranger: Program) -> None:
    shown = stranger(
        "whoami", "--platform", "https://localhost:1", env={"CELADON_API_KEY": "x", "CELADON_CA_FILE": "/no/such.pem"}
    )
    assert shown.status == 1
    assert "cannot" in shown.err and "Traceback" not in shown.err


def test_requests_say_version_3_who_asks_and_the_token(replay: Callable[..., Replay], stranger: Program) -> None:
    server = replay(answers={"GET /account": Told(body={"email": "a@b.c"})})
    shown = stranger("whoami", env={"CELADON_HOST": server.url, "CELADON_API_KEY": "tok"})
    assert shown.out == "a@b.c\n"
    (asked,) = server.asked
    assert asked.headers["accept"] == "application/vnd.heroku+json; version=3"
    assert asked.headers["authorization"] == "Bearer tok"
    assert asked.headers["user-agent"].startswith("celadon/")
    assert asked.headers["host"] == f"localhost:{server.port}"


def test_one_connection_serves_several_requests_and_a_closed_one_is_replaced(
    replay: Callable[..., Replay], stranger: Program
) -> None:
    def closing(send: Callable[[bytes], None], asked: Asked) -> None:
        send(b"[]")

    server = replay(
        answers={
            "GET /users/~/apps": Told(
                headers={"Content-Length": "2", "Content-Type": "application/json"}, write=closing
            ),
            "GET /account": Told(body={"email": "a@b.c"}),
        }
    )
    shown = stranger("apps", "--json", env={"CELADON_HOST": server.url, "CELADON_API_KEY": "tok"})
    assert json.loads(shown.out) == []


def test_pages_of_a_list_are_put_together(replay: Callable[..., Replay], stranger: Program) -> None:
    def app(name: str) -> dict[str, object]:
        return {"name": name, "owner": {"email": "a@b.c"}, "region": {"name": "us"}}

    server = replay(
        answers={
            "GET /users/~/apps": [
                Told(206, [app("one")], {"Next-Range": "name ]one..; max=1"}),
                Told(200, [app("two")]),
            ],
            "GET /account": Told(body={"email": "a@b.c"}),
        }
    )
    shown = stranger("apps", env={"CELADON_HOST": server.url, "CELADON_API_KEY": "tok"})
    assert shown.out == "=== My Apps\none\ntwo\n\n"
    assert server.asked[1].headers["range"] == "name ]one..; max=1"
