import json
import re

from tests.cli.program import Program
from tests.cli.world import World

URL = "https://reports.example.com/back"


def test_a_client_is_made_shown_changed_and_destroyed(bare_world: World, celadon: Program) -> None:
    assert celadon("clients").out == "No OAuth clients.\n"
    made = celadon("clients:create", "Reports", URL)
    found = re.fullmatch(
        r"Creating Reports\.\.\. done\nHEROKU_OAUTH_ID=([0-9a-f-]{36})\nHEROKU_OAUTH_SECRET=(\S+)\n", made.out
    )
    assert found, made.out
    id, secret = found[1], found[2]
    assert celadon("clients").out == f"Reports  {id}  {URL}\n\n"
    variables = f"HEROKU_OAUTH_ID={id}\nHEROKU_OAUTH_SECRET={secret}\n"
    assert celadon("clients:info", id, "--shell").out == variables
    assert celadon("clients:update", id, "-n", "More").out == f"Updating {id}... done\n"
    info = celadon("clients:info", id).out
    assert info.startswith("=== More\ncreated_at:") and re.search(
        rf"^secret: +{re.escape(secret)}$", info, re.MULTILINE
    )
    rotated = json.loads(celadon("clients:rotate", id, "--json").out)
    assert rotated["secret"] != secret
    assert celadon("clients:rotate", id).out.startswith(f"Updating {id}... done\n=== More\n")
    assert celadon("clients:destroy", id).out == f"Destroying {id}... done\n"
    assert celadon("clients:info", id).status == 1


def test_what_is_wrong_is_said(bare_world: World, celadon: Program) -> None:
    assert celadon("clients:create", "Reports").err == (
        " !    Usage: celadon clients:create NAME REDIRECT_URI\n !    Must specify NAME and REDIRECT_URI.\n"
    )
    nothing = celadon("clients:update", "x")
    assert (nothing.status, nothing.err) == (2, " !    No changes provided: give --name or --url.\n")
