import json
import re

import pytest
from tests.cli.program import Program
from tests.cli.world import World

TIME = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \(~ \d+s ago\)"


@pytest.fixture(autouse=True)
def app(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"


def timeless(text: str) -> str:
    return re.sub(TIME, "TIME", text)


def test_releases_are_listed_from_the_newest(celadon: Program) -> None:
    celadon("config:set", "SUPER_LONG_CONFIG_VAR_TO_GET_PAST_THE_WIDTH=1")
    assert timeless(celadon("releases").out) == (
        "=== example Releases\n"
        "v4  Set SUPER_LONG_CONFIG_VAR_TO_GET_PAST_..  ada@example.com  TIME\n"
        "v3  Deploy 3063626d                           ada@example.com  TIME\n"
        "v2  Enable Logplex                            ada@example.com  TIME\n"
        "v1  Initial release                           ada@example.com  TIME\n"
        "\n"
    )
    assert timeless(celadon("releases", "-n", "1").out).splitlines()[1].startswith("v4  ")
    assert len(json.loads(celadon("releases", "-n", "2", "--json").out)) == 2


def test_info_of_one_release(celadon: Program) -> None:
    celadon("config:set", "LANG=en_US.UTF-8", "B=two words")
    assert timeless(celadon("releases:info", "v4").out) == (
        "=== Release v4\n"
        "By:     ada@example.com\n"
        "Change: Set B, LANG config vars\n"
        "When:   TIME\n"
        "\n"
        "=== v4 Config Vars\n"
        "B:    two words\n"
        "LANG: en_US.UTF-8\n"
    )
    assert celadon("releases:info", "--shell").out.endswith("=== v4 Config Vars\nB='two words'\nLANG=en_US.UTF-8\n")
    assert celadon("releases:info", "3").out.startswith("=== Release v3\n")
    assert celadon("releases:info", "x").status == 2
    assert celadon("releases:info", "v99").status == 1


def test_rollback_goes_to_the_release_before_and_says_how_to_undo_it(celadon: Program) -> None:
    celadon("config:set", "A=1")
    shown = celadon("rollback")
    assert shown.out == "Rolling back example... done, v3\n"
    assert shown.err == (
        " !    v5 has the code and config vars of v3; add-ons are left as they are.\n"
        " !    To undo it: celadon rollback v4\n"
    )
    assert celadon("config").out == "example has no config vars.\n"
    assert celadon("releases:rollback", "v4").out == "Rolling back example... done, v4\n"
    assert celadon("config:get", "A").out == "1\n"


def test_rollback_with_nothing_to_go_back_to(celadon: Program) -> None:
    assert celadon("rollback").err == " !    cannot roll back example: there is no earlier release with code\n"
    assert celadon("rollback", "v1").status == 1


def test_output_of_a_release_without_a_release_phase(celadon: Program) -> None:
    shown = celadon("releases:output", "v3")
    assert (shown.out, shown.status) == ("", 0)
    assert shown.err == " !    Release v3 has no release phase.\n"
