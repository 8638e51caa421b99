"""Ctrl-C while the platform is at work: it goes on, and how to look and to end it is said."""

import threading
from collections.abc import Callable, Iterator

import pytest
from starlette.types import Receive, Scope, Send
from tests.cli.conftest import Stand
from tests.cli.program import Program
from tests.cli.replay import Asked, Replay, Told
from tests.cli.world import World


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ps:wait", "--type", "web"), "The dynos go on without us.\n !    To look: celadon ps -a example\n"),
        (("domains:wait",), "To look: celadon domains:info www.example.com -a example\n"),
        (("addons:create", "heroku-redis:mini", "--wait"), "is made all the same.\n !    To wait for it: celadon"),
    ],
)
def test_what_goes_on_is_said_with_how_to_look(
    world: World, celadon: Program, words: tuple[str, ...], said: str
) -> None:
    if words[0] == "domains:wait":
        assert celadon("domains:add", "www.example.com", "-a", "example").status == 0
    if words[0] == "ps:wait":
        world.deploy("example", {"web": "gunicorn app:app"}, commit="b" * 16)
    left = celadon.interrupted(*words, "-a", "example", after="Waiting for ")
    assert said in left.err
    assert "Traceback" not in left.err
    assert left.status == 130


def test_what_is_only_asked_for_may_be_made_all_the_same(
    stand: Stand, world: World, celadon: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = stand.application
    assert application is not None

    async def silent(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await application(scope, receive, send)
            return
        # With an answer the command would wait for the add-on, and leave with other words.
        while (await receive())["type"] != "http.disconnect":
            pass

    monkeypatch.setattr(stand, "application", silent)
    left = celadon.interrupted("addons:create", "heroku-redis:mini", "--wait", "-a", "example", after="... ")
    assert "heroku-redis:mini may be made all the same.\n !    To look: celadon addons -a example\n" in left.err
    assert "Traceback" not in left.err
    assert left.status == 130


@pytest.fixture
def server(replay: Callable[..., Replay], stranger: Program) -> Iterator[Replay]:
    """A platform whose build has no end."""
    over = threading.Event()

    def write(send: Callable[[bytes], None], asked: Asked) -> None:
        send(b"-----> Python app detected\n")
        over.wait(120)

    made = replay()
    build = {"id": "b1", "status": "pending", "output_stream_url": f"{made.url}/streams/b1"}
    made.answers = {
        "POST /apps/example/builds": Told(201, build),
        "GET /streams/b1": Told(headers={"Content-Type": "text/plain"}, write=write),
    }
    stranger.env |= {"CELADON_HOST": made.url, "CELADON_API_KEY": "t", "CELADON_APP": "example"}
    yield made
    over.set()


def test_a_build_goes_on_and_can_be_followed_or_stopped(server: Replay, stranger: Program) -> None:
    said = (
        " !    The build goes on.\n"
        " !    To follow it: celadon builds:output b1 -a example\n"
        " !    To stop it: celadon builds:cancel b1 -a example\n"
    )
    left = stranger.interrupted("builds:create", "--source-url", "http://x/y.tgz", after="detected\n")
    assert (left.err, left.status) == (said, 130)
