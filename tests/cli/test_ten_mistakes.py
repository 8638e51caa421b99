"""What a new user does wrong, one after the other: each answer says what to do next."""

import pexpect
import pytest
from tests import ports
from tests.cli.inside import Inside
from tests.cli.program import Program
from tests.cli.world import OTHER, World

USAGE = " !    Usage: celadon"
MISTAKES = (
    (
        "info -a exmaple",
        1,
        " !    Couldn't find that app.\n"
        " !    Perhaps you meant `example`.\n"
        " !    `celadon apps` lists what there is.\n",
    ),
    (
        "confg -a example",
        2,
        " !    `confg` is not a celadon command.\n"
        " !    Perhaps you meant `config` or `config:set` or `config:get`.\n"
        " !    See `celadon help` for a list of available commands.\n",
    ),
    (
        "config:set -a example",
        2,
        f"{USAGE} config:set KEY1=VALUE1 [KEY2=VALUE2 ...]\n !    Must specify KEY and VALUE to set.\n",
    ),
    (
        "ps",
        2,
        " !    No app specified.\n"
        " !    Run this command from an app folder or specify which app to use with --app APP.\n",
    ),
    (
        "destroy -a example --confirm example",
        1,
        " !    cannot do this to example: only its owner may\n !    `celadon info -a example` says who that is.\n",
    ),
    (
        "restart wbe.1 -a example",
        1,
        " !    Couldn't find that dyno: example has no wbe.1 (its dynos: web.1).\n"
        " !    Perhaps you meant `web.1`.\n"
        " !    `celadon ps -a example` lists what there is.\n",
    ),
    (
        "config:set GREE-TING=1 -a example",
        1,
        " !    cannot set config var 'GREE-TING': a name has letters, digits and underscores and starts with no digit\n",
    ),
)


@pytest.fixture
def user(world: World, inside: Inside) -> Inside:
    """The collaborator of `example`, outside of any repository."""
    inside.env = {"CELADON_HOME": str(world.context.settings.home), "CELADON_API_KEY": world.new_token(OTHER)}
    return inside


@pytest.mark.parametrize(("words", "status", "err"), MISTAKES, ids=[words for words, _, _ in MISTAKES])
def test_a_wrong_name_or_word_or_place(user: Inside, words: str, status: int, err: str) -> None:
    shown = user(*words.split())
    assert (shown.err, shown.status) == (err, status)


def test_no_login(user: Inside, world: World) -> None:
    url = f"http://{world.machine}"
    del user.env["CELADON_API_KEY"]
    shown = user("apps")
    assert (shown.err, shown.status) == (
        f" !    Not logged in to {url}: the credentials are missing or no longer valid.\n"
        " !    Run `celadon login` first.\n",
        1,
    )


def test_no_network(user: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("celadon.cli.connection.patience._RETRY_WAITS", (0.001,))
    with ports.held() as (port,):
        url = f"http://localhost:{port}"
        shown = user("apps", "--platform", url)
    assert (shown.err, shown.status) == (f" !    cannot reach {url}: nothing listens there (bin/up starts it)\n", 1)


def test_ctrl_c_in_the_middle_destroys_nothing_and_the_question_has_said_how_to_go_on(
    world: World, celadon: Program
) -> None:
    asked = celadon.terminal("destroy", "-a", "example")
    asked.expect_exact('To proceed, type "example" or re-run this command with --confirm example')
    asked.expect_exact("> ")
    asked.sendintr()
    asked.expect(pexpect.EOF)
    asked.close()
    assert asked.exitstatus == 130
    assert celadon("info", "-s", "-a", "example").status == 0
