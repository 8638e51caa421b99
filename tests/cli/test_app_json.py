"""`celadon create --from-app-json`: mistakes all at once, questions on a terminal, and what becomes of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.program import Program
from tests.cli.test_apps import web
from tests.cli.world import World

from celadon.actions import apps, config_vars
from celadon.cli.commands import app_json
from celadon.cli.failure import UsageFailure

WANTED = {
    "name": "Small Sharp Tool",
    "env": {
        "API_KEY": {"description": "Of the mail service"},
        "SECRET": {"generator": "secret"},
        "GREETING": "hi",
        "OTHER": {"required": True},
    },
    "buildpacks": [{"url": "heroku/python"}],
    "formation": {"worker": {"quantity": 1, "size": "standard-2x"}},
    "scripts": {"postdeploy": "rake db:seed"},
}


def write(celadon: Program, content: Any = WANTED, name: str = "app.json") -> None:
    (celadon.work / name).write_text(content if isinstance(content, str) else json.dumps(content))


def config(world: World, app: str) -> dict[str, str]:
    return config_vars.find(world.context, world.actor, app)


def test_an_app_with_all_that_its_app_json_says(bare_world: World, celadon: Program) -> None:
    celadon.repository()
    write(celadon)
    shown = celadon("create", "--from-app-json", "example", "--env", "API_KEY=k=1", "-e", "OTHER=", "-e", "MORE=2")
    assert (shown.out, shown.err, shown.status) == (
        "Creating example... done, stack is cedar\n"
        "Config vars: API_KEY, GREETING, MORE, OTHER, SECRET\n"
        "Buildpacks: heroku/python\n"
        f"{web(bare_world, 'example')} | https://localhost:8843/example.git\n"
        "Git remote celadon added\n"
        "With the first release it is scaled: worker=1 worker=standard-2x\n"
        "After the first release this runs once, as celadon logs shows: rake db:seed\n",
        "",
        0,
    )
    found = config(bare_world, "example")
    assert len(found.pop("SECRET")) == 64
    assert found == {"API_KEY": "k=1", "OTHER": "", "GREETING": "hi", "MORE": "2"}


def test_the_file_may_be_elsewhere_and_the_name_anywhere(bare_world: World, celadon: Program) -> None:
    (celadon.work / "deploy").mkdir()
    write(celadon, {"env": {"A": "1"}}, "deploy/app.json")
    write(celadon, {"env": {"A": "2"}}, "other.json")
    assert celadon("create", "one", "--from-app-json", "./deploy").status == 0
    assert celadon("create", "--from-app-json", "other.json", "two").status == 0
    assert json.loads(celadon("create", "-a", "three", "--from-app-json=other.json", "--json").out)["name"] == "three"
    assert [config(bare_world, name)["A"] for name in ("one", "two", "three")] == ["1", "2", "2"]
    shown = celadon("create", "one", "--from-app-json", "deploy")
    assert (shown.status, shown.err) == (
        2,
        " !    deploy is no path of an app.json: write it with a slash, as --from-app-json ./deploy\n",
    )


def test_what_is_required_is_asked_for_on_a_terminal(bare_world: World, celadon: Program) -> None:
    write(celadon)
    shown = celadon.terminal("create", "example", "--from-app-json")
    shown.expect_exact("API_KEY (Of the mail service): ")
    shown.sendline("")
    shown.expect_exact("It is required: type a value.")
    shown.expect_exact("API_KEY (Of the mail service): ")
    shown.sendline("typed")
    shown.expect_exact("OTHER: ")
    shown.sendline("too")
    # In between a sign turns where it takes longer.
    shown.expect_exact("Creating example... ")
    shown.expect_exact("done")
    shown.expect_exact("runs once")
    shown.wait()
    assert config(bare_world, "example")["API_KEY"] == "typed"
    assert config(bare_world, "example")["OTHER"] == "too"


def test_without_a_terminal_everything_that_is_missing_is_named(bare_world: World, celadon: Program) -> None:
    write(celadon)
    shown = celadon("create", "example", "--from-app-json")
    assert (shown.out, shown.err, shown.status) == (
        "",
        " !    app.json requires config vars that it has no values for:\n"
        " !    API_KEY (Of the mail service)\n"
        " !    OTHER\n"
        " !    Give each a value: --env API_KEY=VALUE --env OTHER=VALUE\n",
        2,
    )
    assert apps.list_visible(bare_world.context, bare_world.actor) == []


def test_each_mistake_is_shown_with_its_place_and_nothing_is_made(bare_world: World, celadon: Program) -> None:
    write(celadon, '{\n  "env": {"A\\nB": "1"},\n  "addons": {},\n  "formation": {"web": {"quantity": "2"}}\n}')
    shown = celadon("create", "example", "--from-app-json")
    assert (shown.out, shown.status) == ("", 1)
    assert shown.err.splitlines() == [
        " !    cannot create an app from app.json",
        " !    line 2, column 19: env.'A\\nB': cannot set config var 'A\\nB': a name has letters, digits and underscores "
        "and starts with no digit",
        " !    line 3, column 13: addons must be a list, not an object",
        " !    line 4, column 37: formation.web.quantity must be a whole number from 0 to 100",
    ]
    write(celadon, {"buildpacks": ["; rm"], "formation": {"web": {"size": "huge"}}, "addons": ["no-such"]})
    shown = celadon("create", "example", "--from-app-json")
    assert (shown.out, shown.status) == ("Creating example... failed\n", 1)
    assert shown.err.startswith(" !    cannot create an app from this app.json\n !    ")
    assert "as buildpack" in shown.err
    assert "the sizes here are" in shown.err
    assert apps.list_visible(bare_world.context, bare_world.actor) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from-app-json"], "cannot read app.json: No such file or directory"),
        (["--from-app-json", "."], "cannot read app.json: No such file or directory"),
        (["--from-app-json", "./none.json"], "cannot read none.json: No such file or directory"),
        (["--from-app-json", f"./{'x' * 300}"], "File name too long"),
        (["--env", "A=1"], "--env goes with --from-app-json"),
    ],
)
def test_what_cannot_be_read_is_said(celadon: Program, words: list[str], said: str) -> None:
    shown = celadon("create", "example", *words)
    assert said in shown.err
    assert shown.status
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    "content",
    ["", "[" * 100_000, '{"a": ' + "9" * 5000 + "}", " " * 300_000, '{"env": {"A": "\\u0000"}}', "\x00", "\ufeff{"],
)
def test_a_hostile_file_is_refused_in_a_sentence(celadon: Program, content: str) -> None:
    write(celadon, content)
    shown = celadon("create", "example", "--from-app-json")
    assert shown.err.startswith(" !    cannot create an app from app.json\n !    ")
    assert (shown.status, "Traceback" in shown.err) == (1, False)


def test_what_nobody_knows_is_told_of_and_what_is_shown_has_no_escape_codes(celadon: Program) -> None:
    write(celadon, {"addon": [], "\x1b[31mred": 1, "scripts": {"postdeploy": "echo \x1b[31m"}})
    shown = celadon("create", "example", "--from-app-json")
    assert " !    app.json: nobody knows 'addon', it is left alone; did you mean addons?\n" in shown.err
    assert shown.status == 0
    assert "\x1b" not in shown.out + shown.err


def test_pairs_must_be_pairs(celadon: Program) -> None:
    write(celadon, {})
    for pair in ("A", "=1"):
        assert f"{pair} is invalid" in celadon("create", "example", "--from-app-json", "--env", pair).err


@given(st.text(), st.none() | st.just("example"))
def test_a_word_is_a_path_or_a_name_by_its_looks_alone(value: str, name: str | None) -> None:
    is_path = any(character in value for character in "./\\")
    if "\x00" in value:
        return
    if not is_path and name:
        with pytest.raises(UsageFailure):
            app_json.split(value, name)
        return
    path, found = app_json.split(value, name)
    assert found == (name if is_path else value)
    assert is_path or path == Path("app.json")
