import json

import pytest
from tests.cli.program import Program
from tests.cli.world import World


@pytest.fixture(autouse=True)
def app(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"


def test_domains_are_added_listed_described_and_removed(celadon: Program) -> None:
    assert celadon("domains").out == "example has no domain names.\n"
    assert celadon("domains:add", "Example.com").out == (
        "Adding Example.com to example... done\nHave DNS lead example.com here: ALIAS or ANAME to example.localhost\n"
    )
    celadon("domains:add", "*.example.com")
    assert celadon("domains").out == (
        "=== example Domain Names\n"
        "*.example.com  CNAME to example.localhost (pending)\n"
        "example.com    ALIAS or ANAME to example.localhost (pending)\n"
        "\n"
    )
    assert "Kind:        custom\n" in celadon("domains:info", "example.com").out
    assert celadon("domains:remove", "example.com").out == "Removing example.com from example... done\n"
    assert celadon("domains:clear").out == "Removing all domain names from example... done\n"
    assert [entry["kind"] for entry in json.loads(celadon("domains", "--json").out)] == ["heroku"]


def test_a_name_that_cannot_be_is_an_error_that_says_why(celadon: Program) -> None:
    shown = celadon("domains:add", "api.localhost")
    assert shown.status == 1
    assert "names under localhost are the platform's own" in shown.err
    assert celadon("domains:remove", "www.example.com").status == 1
    assert celadon("domains:info", "www.example.com").status == 1
    assert celadon("domains:add").status == 2
