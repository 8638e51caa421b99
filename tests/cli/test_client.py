"""What the user reads when the platform does not answer, or says no."""

import json
from collections.abc import Callable

import pytest
from tests.cli.inside import Inside
from tests.cli.program import Run
from tests.cli.replay import Asked, Replay, Told


@pytest.fixture
def ask(replay: Callable[..., Replay], inside: Inside, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """`celadon maintenance -a x` against a server that gives these answers; waiting takes no time."""
    monkeypatch.setattr("celadon.cli.connection.patience._RETRY_WAITS", (0.001, 0.001, 0.001))

    def call(*told: Told, words: tuple[str, ...] = ("maintenance",)) -> Run:
        method = "GET" if words == ("maintenance",) else "PATCH"
        server = replay(answers={f"{method} /apps/x": list(told)})
        inside.env |= {"CELADON_HOST": server.url, "CELADON_API_KEY": "secret", "CELADON_APP": "x"}
        shown = inside(*words)
        assert "secret" not in shown.out + shown.err
        return Run(shown.out, shown.err.replace(server.url, "URL"), shown.status)

    return call


HTML = {"Content-Type": "text/html"}
LOG = " !    The platform's log has more under Request-Id r-1.\n"
KEY = " !    Give it another one, or unset it and run `celadon login`.\n"
MINUTE = " !    Try again in a minute.\n"
NO_JSON = (
    " !    cannot understand the answer of URL: it is no JSON\n"
    " !    Is this the address of a platform's API, and not that of something else?\n"
)
GOOD = Told(body={"maintenance": True})


@pytest.mark.parametrize(
    ("told", "err"),
    [
        (Told(403, {"id": "forbidden", "message": "You may not."}), " !    You may not.\n"),
        (Told(422, {"id": "invalid_params", "message": "One.\nTwo."}), " !    One.\n !    Two.\n"),
        (Told(429, {"id": "rate_limit", "message": "Too many, wait."}), " !    Too many, wait.\n"),
        (Told(429), " !    Too many requests for now.\n !    Wait a minute and try again.\n"),
        (
            Told(429, {"message": "Too many wrong codes."}, {"Retry-After": "360"}),
            " !    Too many wrong codes.\n !    Try again in 6 minutes.\n",
        ),
        (
            Told(500, {"id": "x", "message": "It broke."}, {"Request-Id": "r-1"}),
            " !    It broke.\n !    The platform's log has more under Request-Id r-1.\n",
        ),
        (Told(500, "", {"Request-Id": "r-1"}), " !    URL answered 500 without saying why.\n" + LOG),
        (Told(410, "<html>", HTML), " !    URL answered 410 without saying why.\n"),
        (Told(502, "<html>", HTML), " !    URL is not available for now: its router answered 502.\n" + MINUTE),
        (Told(503, "<html>", HTML), " !    URL is not available for now: its router answered 503.\n" + MINUTE),
        (Told(504, ""), " !    URL is not available for now: its router answered 504.\n" + MINUTE),
        (
            Told(302, "", {"Location": "http://x/"}),
            " !    URL answered 302: it sends us elsewhere, and we do not go there.\n",
        ),
        (Told(401, {"id": "unauthorized"}), " !    The token in CELADON_API_KEY is not valid for URL.\n" + KEY),
        (Told(200, "<html>", HTML), NO_JSON),
        (Told(200, "{", {"Content-Type": "application/json"}), NO_JSON),
        (Told(200, ""), NO_JSON),
        (Told(404, {"id": "not_found", "message": "Gone.", "resource": "thing"}), " !    Gone.\n"),
    ],
)
def test_a_refusal_is_the_platforms_own_sentence(ask: Callable[..., Run], told: Told, err: str) -> None:
    shown = ask(told)
    assert (shown.out, shown.status) == ("", 1)
    assert shown.err == err


def test_a_warning_of_the_platform_is_shown_beside_the_answer(ask: Callable[..., Run]) -> None:
    shown = ask(Told(body={"maintenance": False}, headers={"X-Heroku-Warning": "soon gone"}))
    assert (shown.out, shown.err, shown.status) == ("off\n", " !    Warning: soon gone\n", 0)


def test_while_a_role_is_coming_back_the_request_is_sent_again(ask: Callable[..., Run]) -> None:
    shown = ask(Told(503, "<html>"), GOOD)
    assert (shown.out, shown.err, shown.status) == ("on\n", "", 0)


def test_a_change_that_may_have_been_made_is_not_sent_again(ask: Callable[..., Run]) -> None:
    shown = ask(Told(502, "<html>"), GOOD, words=("maintenance:on",))
    assert shown.out == "Enabling maintenance mode for x... failed\n"
    assert shown.err == (
        " !    URL is not available for now: its router answered 502.\n"
        " !    What you asked for may have been done: look, before you try again.\n"
    )
    assert ask(Told(502, "<html>"), GOOD).out == "on\n"


def test_a_limit_of_the_rate_is_waited_for_as_long_as_it_says(
    ask: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("celadon.cli.connection.client.time.sleep", waits.append)
    shown = ask(Told(429, {"message": "Wait."}, {"Retry-After": "3"}), Told(429, "", {"Retry-After": "1"}), GOOD)
    assert (shown.out, shown.err, shown.status) == (
        "on\n",
        " !    Too many requests for now: going on in 3 seconds.\n",
        0,
    )
    assert waits == [3, 1]
    assert ask(Told(429, {"message": "Wait."}, {"Retry-After": "1"})).err == " !    Wait.\n"
    assert waits == [3, 1, 1, 1, 1]


def test_what_the_api_itself_calls_unavailable_is_said_at_once(ask: Callable[..., Run]) -> None:
    assert ask(Told(503, {"id": "service_unavailable", "message": "Not now."}), GOOD).err == " !    Not now.\n"


def test_requests_say_version_3_who_asks_and_the_token(replay: Callable[..., Replay], inside: Inside) -> None:
    server = replay(answers={"GET /account": Told(body={"email": "a@b.c"})})
    inside.env |= {"CELADON_HOST": server.url, "CELADON_API_KEY": "tok"}
    shown = inside("whoami")
    assert shown.out == "a@b.c\n"
    (asked,) = server.asked
    assert asked.headers["accept"] == "application/vnd.heroku+json; version=3"
    assert asked.headers["authorization"] == "Bearer tok"
    assert asked.headers["user-agent"].startswith("celadon/")
    assert asked.headers["host"] == f"localhost:{server.port}"


def test_one_connection_serves_several_requests_and_a_closed_one_is_replaced(
    replay: Callable[..., Replay], inside: Inside
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
    inside.env |= {"CELADON_HOST": server.url, "CELADON_API_KEY": "tok"}
    shown = inside("apps", "--json")
    assert json.loads(shown.out) == []


def test_pages_of_a_list_are_put_together(replay: Callable[..., Replay], inside: Inside) -> None:
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
    inside.env |= {"CELADON_HOST": server.url, "CELADON_API_KEY": "tok"}
    shown = inside("apps")
    assert shown.out == "=== My Apps\none\ntwo\n\n"
    assert server.asked[1].headers["range"] == "name ]one..; max=1"
