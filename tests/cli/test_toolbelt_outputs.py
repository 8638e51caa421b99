"""What scripts and eyes know from Heroku's toolbelt, line by line: command → what it prints. The rest is beside its own command."""

import pytest
from tests.cli.program import Program
from tests.cli.world import World


@pytest.mark.parametrize(
    "session",
    [
        [
            (["maintenance"], "off\n"),
            (["maintenance:on"], "Enabling maintenance mode for example... done\n"),
            (["maintenance"], "on\n"),
            (["maintenance", "--json"], '{\n  "maintenance": true\n}\n'),
            (["maintenance:off"], "Disabling maintenance mode for example... done\n"),
        ],
        [
            (["config:add", "A=1", "B=2"], "Setting config vars and restarting example... done, v4\nA: 1\nB: 2\n"),
            (["config"], "=== example Config Vars\nA: 1\nB: 2\n"),
            (["config", "--shell"], "A=1\nB=2\n"),
            (["config:get", "B"], "2\n"),
            # One release for all of them, where the toolbelt made one for each.
            (["config:remove", "A", "B"], "Unsetting A, B and restarting example... done, v5\n"),
        ],
        [
            (["regions"], "=== Regions\nus  This platform\n\n"),
            # `features` lists what is for good, `labs` what is not.
            (["labs:disable", "runtime-dyno-metadata"], "Disabling runtime-dyno-metadata for example... done\n"
             "runtime-dyno-metadata was off already.\n"),
            (["features:enable", "websockets"], "Enabling websockets for example... done\nwebsockets was on already.\n"),
        ],
        [
            (["open"], "Opening example... done\n"),
            (["destroy", "example", "--confirm", "example"], "Destroying example (including all add-ons)... done\n"),
        ],
    ],
    ids=["maintenance", "config", "features", "the rest"],
)  # fmt: skip
def test_what_is_printed(world: World, celadon: Program, session: list[tuple[list[str], str]]) -> None:
    celadon.env |= {"CELADON_APP": "example", "BROWSER": "true %s"}
    for words, out in session:
        shown = celadon(*words)
        assert (shown.out, shown.status) == (out, 0), (words, shown.err)
