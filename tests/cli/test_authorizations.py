import json
import re

from tests.cli.program import Program
from tests.cli.world import EMAIL, World


def test_a_token_is_made_shown_described_replaced_and_revoked(bare_world: World, celadon: Program) -> None:
    made = celadon("authorizations:create", "-d", "of a robot", "-s", "read, write", "-e", "3600")
    found = re.fullmatch(
        r"Creating OAuth Authorization\.\.\. done\n"
        r"Client:       <none>\n"
        r"ID:           (?P<id>[0-9a-f-]{36})\n"
        r"Description:  of a robot\n"
        r"Scope:        read,write\n"
        r"Token:        (?P<token>HRKU-\S+)\n"
        r"Expires at:   [\d/]{10} [\d:]{8}\n"
        r"Updated at:   .* ago\)\n",
        made.out,
    )
    assert found, made.out
    id, token = found["id"], found["token"]
    assert celadon("apps", env={"CELADON_API_KEY": token}).status == 0
    assert re.search(rf"^of a robot +{id}  read,write$", celadon("authorizations").out, re.MULTILINE)
    info = celadon("authorizations:info", id).out
    assert token not in info and f"{token[:9]}**********" in info
    updated = celadon("authorizations:update", id, "-d", "of another")
    assert updated.out.startswith("Updating OAuth Authorization... done\nClient:")
    assert "of another" in updated.out
    rotated = celadon("authorizations:rotate", id)
    assert rotated.out.startswith("Rotating OAuth Authorization... done\n")
    assert celadon("apps", env={"CELADON_API_KEY": token}).status == 1
    revoked = celadon("authorizations:destroy", id)
    assert revoked.out == "Revoking OAuth Authorization... done, revoked authorization from of another\n"
    assert celadon("authorizations:info", id).status == 1


def test_short_prints_a_token_alone_that_works(bare_world: World, celadon: Program) -> None:
    token = celadon("authorizations:create", "-S").out
    assert re.fullmatch(r"HRKU-\S+\n", token)
    assert celadon("whoami", env={"CELADON_API_KEY": token.strip()}).out == f"{EMAIL}\n"


def test_json_is_that_of_the_api(bare_world: World, celadon: Program) -> None:
    made = json.loads(celadon("authorizations:create", "-j").out)
    listed = json.loads(celadon("authorizations", "--json").out)
    assert made["id"] in {entry["id"] for entry in listed}
    assert json.loads(celadon("authorizations:info", made["id"], "-j").out)["id"] == made["id"]


def test_what_is_wrong_is_said(bare_world: World, celadon: Program) -> None:
    refused = celadon("authorizations:create", "-s", "all")
    assert refused.status == 1 and "cannot authorize scope all" in refused.err
    assert celadon("authorizations:info").err == (
        " !    Usage: celadon authorizations:info ID\n !    Must specify ID of the authorization.\n"
    )
