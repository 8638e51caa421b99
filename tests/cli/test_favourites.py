import json

from tests.cli.program import Program
from tests.cli.world import World


def test_favourites_are_added_listed_and_removed(world: World, celadon: Program) -> None:
    assert "no favourite apps" in celadon("apps:favorites").out
    assert celadon("apps:favorites:add", "--app", "example").out == "Adding example to favorites... done\n"
    assert celadon("apps:favorites:add", "--app", "example").status == 0
    assert celadon("apps:favorites").out == "=== Favorited Apps\nexample\n\n"
    assert [app["name"] for app in json.loads(celadon("apps:favorites", "--json").out)] == ["example"]
    assert celadon("apps:favorites:remove", "--app", "example").out == "Removing example from favorites... done\n"
    assert json.loads(celadon("apps:favorites", "--json").out) == []
    unknown = celadon("apps:favorites:add", "--app", "nobody")
    assert unknown.status == 1 and "Couldn't find that app" in unknown.err
