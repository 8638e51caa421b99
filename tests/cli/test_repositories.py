"""The repository of an app, at the command line."""

from tests.cli.program import Program
from tests.cli.world import World

from celadon.actions import events, repositories


def test_the_folder_that_is_built_is_shown_set_and_cleared(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    assert celadon("apps:repo:path").out == "example is built from the whole source.\n"
    assert celadon("apps:repo:path", "services/api/").out == (
        "Setting the source path of example... done\nThe next push builds the folder services/api.\n"
    )
    assert celadon("apps:repo:path").out == "services/api\n"
    assert "Source Path:" in celadon("apps:info").out
    refused = celadon("apps:repo:path", "../x")
    assert refused.status == 1
    assert "it must name folders, without `.`, `..` and empty names" in refused.err
    assert celadon("apps:repo:path", "x", "--clear").status != 0
    assert "The next push builds the whole source.\n" in celadon("apps:repo:path", "--clear").out
    assert "Source Path" not in celadon("apps:info").out


def test_a_reset_is_asked_for_when_the_apps_name_is_confirmed(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    assert celadon("apps:repo:reset", "--confirm", "other").status == 1
    assert repositories.to_reset(world.context) == []
    for name in ("apps:repo:reset", "repo:reset"):
        assert "Resetting the repository of example... done\n" in celadon(name, "--confirm", "example").out
    assert [app.name for app in repositories.to_reset(world.context)] == ["example"]
    numbers = events.of_app(world.context, world.actor, "example")[1]
    told = [event.line for event, _ in events.read(world.context, numbers)]
    assert told.count("Reset repository by user ada@example.com") == 2
