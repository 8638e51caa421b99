import json
import re
from pathlib import Path

from tests.cli import people
from tests.cli.program import Program
from tests.cli.world import World


def test_the_operator_invites_somebody_and_finds_the_link_in_the_outbox(world: World, celadon: Program) -> None:
    assert celadon("platform:outbox").out == "The outbox is empty.\n"
    invited = celadon("platform:invite", "alan@example.com")
    assert re.fullmatch(
        r"Inviting alan@example\.com\.\.\. done\n"
        r"A link was sent to alan@example\.com, which works once until \d{4}-\d\d-\d\d \d\d:\d\d UTC\.\n"
        r"Without a mail server it is in `celadon platform:outbox`\.\n",
        invited.out,
    )
    shown = celadon("platform:outbox").out
    assert shown.startswith("=== Your account at Celadon\nTo:      alan@example.com\nWritten: ")
    assert "\nSent:    not yet\n" in shown
    assert re.search(r"\nhttps://\S+/account/accept/[\w-]{43}\n", shown)
    assert json.loads(celadon("platform:outbox", "--json").out)[0]["recipient"] == "alan@example.com"


def test_others_neither_invite_nor_read_the_outbox(world: World, tmp_path: Path) -> None:
    grace = people.collaborator(world, tmp_path)
    assert "only its operator does" in grace("platform:invite", "alan@example.com").err
    assert "only the platform's operator may read it" in grace("platform:outbox").err
