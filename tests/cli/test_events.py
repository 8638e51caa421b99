import json
import re
from pathlib import Path

from tests.cli import people
from tests.cli.program import Program
from tests.cli.world import EMAIL, World


def test_the_activity_of_an_app_is_told_with_the_newest_first(world: World, celadon: Program) -> None:
    celadon("maintenance:on", "--app", "example")
    celadon("features:enable", "log-runtime-metrics", "--app", "example")
    title, newest, before, *_ = celadon("activity", "--app", "example", "-n", "2").out.splitlines()
    assert title == "=== example Activity"
    told = rf"[\d/]+ [\d:]+ \(~ \d+[sm] ago\)  {EMAIL}  -  "
    assert re.fullmatch(rf"{told}Enable log-runtime-metrics feature", newest)
    assert re.fullmatch(rf"{told}Maintenance mode enabled", before)
    events = json.loads(celadon("activity", "--app", "example", "-n", "2", "--json").out)
    assert [event["action"] for event in events] == ["feature:update", "app:update"]


def test_only_the_owner_reads_it(world: World, tmp_path: Path) -> None:
    refused = people.collaborator(world, tmp_path)("activity", "--app", "example")
    assert (refused.status, refused.out) == (1, "")
