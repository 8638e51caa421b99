import json

from tests.cli.program import Program
from tests.cli.world import World


def test_stacks_are_listed_with_a_star_at_the_apps_own(world: World, celadon: Program) -> None:
    shown = celadon("stack", "-a", "example").out
    assert shown.startswith("=== example Available Stacks\n* cedar\n  aspen-mri-1.8.6 (deprecated)\n")
    assert [one["name"] for one in json.loads(celadon("stack", "-a", "example", "--json").out) if one["default"]] == [
        "cedar"
    ]


def test_a_stack_is_set_for_the_next_release(world: World, celadon: Program) -> None:
    celadon.repository(production="https://localhost:8843/example.git")
    for name in ("stack:set", "stack:migrate"):
        assert celadon(name, "cedar").out == (
            "Stack set. Next release on example will use cedar.\n"
            "Run `git push production main` to create a new release on cedar.\n"
        )


def test_a_retired_stack_is_refused_with_advice(world: World, celadon: Program) -> None:
    for words in (["stack:set", "cedar-14", "-a", "example"], ["create", "other", "--stack", "cedar-14"]):
        shown = celadon(*words)
        assert shown.status == 1
        assert "stack cedar-14: it is retired" in shown.err and "the only stack here is cedar" in shown.err
    assert "stack 'cedra'" in celadon("stack:set", "cedra", "-a", "example").err
