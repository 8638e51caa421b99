import json

from tests.cli import people
from tests.cli.program import Program
from tests.cli.world import EMAIL, OTHER, PASSWORD, World

from celadon.actions import accounts, authorizations


def test_who_may_work_on_an_app_is_listed(world: World, celadon: Program) -> None:
    listed = f"=== example Access List\n{EMAIL}    owner\n{OTHER}  collaborator\n\n"
    assert celadon("access", "--app", "example").out == listed
    assert celadon("sharing", "--app", "example").out == listed
    people_ = json.loads(celadon("access", "--app", "example", "--json").out)
    assert [person["user"]["email"] for person in people_] == [EMAIL, OTHER]


def test_somebody_with_an_account_is_added_and_removed(world: World, celadon: Program) -> None:
    accounts.create(world.context, world.actor, email="alan@example.com", password=PASSWORD)
    added = celadon("access:add", "alan@example.com", "--app", "example")
    assert added.out == "Adding alan@example.com to example as collaborator... done\n"
    assert "lets you work on the app example" in people.letters_to(world, "alan@example.com")[0]
    again = celadon("sharing:add", "alan@example.com", "--app", "example")
    assert again.out.endswith("failed\n") and again.status == 1
    removed = celadon("access:remove", "alan@example.com", "--app", "example")
    assert removed.out == "Removing alan@example.com from example collaborators... done\n"
    assert "alan@example.com" not in celadon("access", "--app", "example").out


def test_somebody_without_an_account_is_invited(world: World, celadon: Program) -> None:
    added = celadon("access:add", "alan@example.com", "--app", "example")
    assert added.out == "Adding alan@example.com to example as collaborator... done\n"
    assert "alan@example.com has no account yet: an invitation is on its way by mail." in added.err
    assert "/account/accept/" in people.letters_to(world, "alan@example.com")[0]
    listed = f"=== example Access List\n{EMAIL}    owner\nalan@example.com   collaborator (invited)\n"
    assert celadon("access", "--app", "example").out == f"{listed}{OTHER}  collaborator\n\n"
    *others, invited = json.loads(celadon("access", "--app", "example", "--json").out)
    assert (invited["user"]["email"], invited["role"], invited["invited"]) == ("alan@example.com", "collaborator", True)
    assert not any("invited" in other for other in others)
    assert celadon("sharing:remove", "alan@example.com", "--app", "example").status == 0
    assert "alan@example.com" not in celadon("access", "--app", "example").out


def test_who_may_not_add_people_sees_those_who_are_there(world: World, celadon: Program) -> None:
    celadon("access:add", "alan@example.com", "--app", "example")
    reads = authorizations.create(world.context, world.actor, scope=["read"])[1]
    celadon.env["CELADON_API_KEY"] = reads
    shown = celadon("access", "--app", "example")
    assert (shown.err, shown.status) == ("", 0)
    assert OTHER in shown.out and "alan@example.com" not in shown.out


def test_what_is_missing_is_said(world: World, celadon: Program) -> None:
    for command, must in (("access:add", "EMAIL to add"), ("access:remove", "EMAIL to remove")):
        shown = celadon(command, "--app", "example")
        assert shown.status == 2
        assert shown.err == f" !    Usage: celadon {command} EMAIL\n !    Must specify {must}.\n"
