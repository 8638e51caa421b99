"""What was mistyped, and the nearest name to it, from the real API."""

import pytest
from tests.cli.inside import Inside
from tests.cli.world import World

from celadon.cli import suggestions


@pytest.fixture
def user(world: World, inside: Inside) -> Inside:
    inside.env = {"CELADON_HOME": str(world.context.settings.home), "CELADON_API_KEY": world.token}
    return inside


@pytest.mark.parametrize(
    ("words", "nearest", "status"),
    [
        (["info", "-a", "exmaple"], "example", 1),
        (["config", "-a", "Example"], "example", 1),
        (["restart", "wbe.1"], "web.1", 1),
        (["restart", "wokrer"], "worker", 1),
        (["stop", "wokrer"], "worker", 1),
        (["scale", "wokrer=2"], "worker", 1),
        (["features:enable", "prebot"], "preboot", 1),
        (["domains:remove", "exmaple.localhost"], "example.localhost", 1),
        (["ps", "wbe"], "web", 0),
        (["help", "confg"], "config", 2),
        (["confg"], "config", 2),
        (["logn"], "login", 2),
        (["git:clone", "exmaple"], "example", 1),
    ],
)
def test_the_nearest_name_is_offered(user: Inside, words: list[str], nearest: str, status: int) -> None:
    user.env["CELADON_APP"] = "example"
    shown = user(*words)
    assert shown.status == status
    assert f"Perhaps you meant `{nearest}`" in shown.err


def test_a_config_var_that_is_not_set_is_answered_by_the_nearest(user: Inside) -> None:
    user("config:set", "GREETING=x", "-a", "example")
    shown = user("config:unset", "GREETNG", "-a", "example")
    assert shown.out == "example has no GREETNG: nothing to unset.\n"
    assert shown.err == " !    Perhaps you meant `GREETING`.\n"


def test_nothing_is_offered_for_what_is_like_nothing(user: Inside) -> None:
    assert user("info", "-a", "zzzzzz").err == (
        " !    Couldn't find that app.\n !    `celadon apps` lists what there is.\n"
    )
    assert "Perhaps" not in user("scale", "zzzzzz=1", "-a", "example").err
    assert "Perhaps" not in user("scale", "web=-1", "-a", "example").err


def test_options_are_corrected_too(user: Inside) -> None:
    shown = user("ps", "--josn")
    assert shown.status == 2
    assert "Did you mean '--json'?" in shown.err


def test_names_are_compared_without_their_case() -> None:
    assert suggestions.near("greeting", ["GREETING", "OTHER"]) == ["GREETING"]
    assert suggestions.sentence([]) == []


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [
        ("destry", ["destroy"]),
        ("depstroy", ["destroy"]),
        ("deploys", []),
        ("keys:renew", []),
        ("domains:romove", ["domains:remove"]),
    ],
)
def test_what_takes_something_away_is_offered_for_a_slip_only(wanted: str, offered: list[str]) -> None:
    assert suggestions.commands(wanted, ["destroy", "keys:remove", "domains:remove"]) == offered
