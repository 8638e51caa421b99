import re
from pathlib import Path

from tests.cli import people
from tests.cli.program import Program
from tests.cli.world import EMAIL, OTHER, PASSWORD, World

NEW = "a new and longer one"


def test_the_account_is_shown(bare_world: World, celadon: Program) -> None:
    shown = celadon("account").out
    assert shown.startswith(f"=== {EMAIL}\nCreated: ")
    assert "Two-Factor: not enabled\n" in shown


def test_a_new_password_ends_other_logins_and_keeps_this_one(bare_world: World, celadon: Program) -> None:
    other = bare_world.new_token(EMAIL)
    differing = celadon("account:password", input=f"{PASSWORD}\n{NEW}\nanother\n")
    assert (differing.status, differing.out) == (1, "")
    changed = celadon("account:password", input=f"{PASSWORD}\n{NEW}\n{NEW}\n")
    assert changed.out == "Changing password... done\nEvery other login and token of the account has ended.\n"
    assert celadon("whoami").status == 0
    assert celadon("whoami", env={"CELADON_API_KEY": other}).status == 1
    refused = celadon("account:password", input=f"{PASSWORD}\n{NEW}\n{NEW}\n")
    assert refused.status == 1


def test_another_address_counts_once_its_link_is_followed(bare_world: World, celadon: Program) -> None:
    asked = celadon("account:email", "lovelace@example.com", input=f"{PASSWORD}\n")
    assert asked.out == ("A link was sent to lovelace@example.com: follow it, and the address is your account's.\n")
    assert "/account/email/" in people.letters_to(bare_world, "lovelace@example.com")[0]
    assert celadon("whoami").out == f"{EMAIL}\n"


def test_an_account_is_deleted_by_who_confirms_and_knows_its_password(world: World, tmp_path: Path) -> None:
    grace = people.collaborator(world, tmp_path)
    assert grace("account:delete", "--confirm", EMAIL, input=f"{PASSWORD}\n").status == 1
    assert grace("account:delete", "--confirm", OTHER, input="wrong\n").status == 1
    assert grace("whoami").out == f"{OTHER}\n"
    deleted = grace("account:delete", "--confirm", OTHER, input=f"{PASSWORD}\n")
    assert (deleted.out, deleted.status) == (f"Deleting {OTHER}... done\n", 0)
    assert world.machine not in (grace.home / ".netrc").read_text()


def test_an_owner_of_apps_cannot_delete_the_account(world: World, celadon: Program) -> None:
    refused = celadon("account:delete", "--confirm", EMAIL, input=f"{PASSWORD}\n")
    assert refused.status == 1 and re.search(r"!    cannot delete ", refused.err)
