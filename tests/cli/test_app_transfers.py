import json
import re
from pathlib import Path

import pytest
from tests.cli import people
from tests.cli.program import Program
from tests.cli.world import EMAIL, OTHER, World


@pytest.fixture
def grace(world: World, tmp_path: Path) -> Program:
    return people.collaborator(world, tmp_path)


def offer(celadon: Program) -> None:
    offered = celadon("apps:transfer", OTHER, "--app", "example")
    assert offered.out == f"Initiating transfer of example to {OTHER}... email sent\n"


def test_an_offer_that_is_accepted_makes_another_owner(world: World, celadon: Program, grace: Program) -> None:
    offer(celadon)
    assert re.fullmatch(
        rf"=== App Transfers\nexample  from {EMAIL}  to {OTHER}  .* ago\)\n\n", grace("apps:transfers").out
    )
    assert json.loads(celadon("apps:transfers", "--json").out)[0]["state"] == "pending"
    assert grace("apps:transfer:accept", "example").out == "Accepting transfer of example... done\n"
    assert f"{OTHER}  owner" in celadon("access", "--app", "example").out
    assert celadon("apps:transfers").out == "No app transfers.\n"


def test_an_offer_is_declined(celadon: Program, grace: Program) -> None:
    offer(celadon)
    assert grace("apps:transfer:decline", "--app", "example").out == "Declining transfer of example... done\n"
    assert f"{EMAIL}    owner" in celadon("access", "--app", "example").out
    assert grace("apps:transfer:accept", "example").status == 1


def test_an_offer_is_taken_back_and_only_by_who_made_it(celadon: Program, grace: Program) -> None:
    offer(celadon)
    assert grace("apps:transfer:cancel", "example").status == 1
    assert celadon("apps:transfer:cancel", "example").out == "Cancelling transfer of example... done\n"
    assert grace("apps:transfers").out == "No app transfers.\n"


def test_nobody_but_a_collaborator_is_offered_an_app(world: World, celadon: Program) -> None:
    refused = celadon("sharing:transfer", "alan@example.com", "--app", "example")
    assert refused.status == 1
    assert "add them as a collaborator first" in refused.err
