import json
import re

from tests.cli.program import Program
from tests.cli.world import World

from celadon.actions import incidents


def test_status_says_what_the_operator_tells(world: World, celadon: Program) -> None:
    assert celadon("status").out == (
        "=== Celadon Status\nApps:   No known issues at this time.\nData:   No known issues at this time.\n"
        "Tools:  No known issues at this time.\n"
    )
    made = incidents.create(
        world.context,
        world.actor,
        title="HTTP Routing Errors",
        severity="red",
        components=["router"],
        contents="We look.",
    )
    incidents.update(world.context, world.actor, made.id, "It is better.\nNearly.", resolved=False)
    shown = celadon("status").out
    assert "Apps:   red\n" in shown
    assert re.search(r"\n\n=== HTTP Routing Errors  \d{4}/\d\d/\d\d \d\d:\d\d:\d\d \(~ \d+s\+\)\n", shown)
    assert re.search(r"\(~ \d+s ago\)  update  It is better\.\n +Nearly\.\n.* issue   We look\.\n", shown)
    assert json.loads(celadon("status", "--json").out)["incidents"][0]["title"] == "HTTP Routing Errors"
