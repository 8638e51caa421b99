import json
import re

import pytest
from tests.cli.program import Program
from tests.cli.world import World

URL = "https://user:secret@logs.example.com/?token=1"


@pytest.fixture(autouse=True)
def app(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"


def test_drains_are_added_listed_and_removed_by_url_or_token(celadon: Program) -> None:
    assert celadon("drains").out == ""
    assert celadon("drains:add", URL).out == f"Successfully added drain {URL}\n"
    celadon("drains:add", "syslog://logs.example.com:514")
    (_, second) = json.loads(celadon("drains", "--json").out)
    shown = re.sub(r"\(d\.[0-9a-f-]{36}\)", "(TOKEN)", celadon("drains").out)
    assert shown == f"=== Drains\n{URL} (TOKEN)\nsyslog://logs.example.com:514 (TOKEN)\n"
    assert celadon("drains:remove", URL).out == f"Successfully removed drain {URL}\n"
    assert celadon("drains:remove", second["token"]).out == f"Successfully removed drain {second['url']}\n"
    assert json.loads(celadon("drains", "--json").out) == []


def test_what_is_no_drain_is_said(celadon: Program) -> None:
    refused = celadon("drains:add", "ftp://logs.example.com")
    assert (refused.status, "must begin with https://" in refused.err) == (1, True)
    assert "see `celadon drains`" in celadon("drains:remove", "syslog://logs.example.com").err
    assert celadon("drains:add").status == 2
