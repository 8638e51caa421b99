"""config:pull and config:push: config vars to `.env` and back."""

import json
import re
from pathlib import Path

import pytest
from tests.cli.program import Program
from tests.cli.world import World

from celadon.actions import config_vars

HARD = "-----BEGIN 'x'\n\t\"$HOME\" `id` \\n\\ #1 \\\r\n\u2028 "


@pytest.fixture(autouse=True)
def app(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"


def set_config_vars(world: World, **changes: str) -> None:
    config_vars.update(world.context, world.actor, "example", changes)


def env(celadon: Program) -> Path:
    return celadon.work / ".env"


def test_pull_writes_all_values_and_push_brings_them_back(world: World, celadon: Program) -> None:
    set_config_vars(world, HARD=HARD, PLAIN="x=1,2", EMPTY="", BLANK=" ")
    done = celadon("config:pull")
    assert (done.out, done.err) == ("Writing BLANK, EMPTY, HARD, PLAIN of example to .env... done\n", "")
    assert env(celadon).stat().st_mode & 0o777 == 0o600
    assert celadon("local:run", 'printf "%s|" "$HARD" "$PLAIN" "$EMPTY" "$BLANK"').out == f"{HARD}|x=1,2|| |"
    celadon("config:unset", "HARD", "BLANK")
    assert celadon("config:push").out.startswith("Setting BLANK, HARD and restarting example... done, v")
    assert json.loads(celadon("config", "--json").out) == {"HARD": HARD, "PLAIN": "x=1,2", "EMPTY": "", "BLANK": " "}
    assert celadon("config:pull").out == "Nothing to write: .env has all config vars of example.\n"
    assert celadon("config:push").out == "Nothing to set: example has what is in .env.\n"


def test_pull_keeps_what_is_there(world: World, celadon: Program) -> None:
    set_config_vars(world, A="app", B="app", C="app")
    text = "# mine\nA=here # note\nexport C='app'\nMORE=1"
    env(celadon).write_text(text)
    env(celadon).chmod(0o640)
    assert celadon("config:pull").out == (
        "Kept what .env has of its own: A (--overwrite replaces them)\nWriting B of example to .env... done\n"
    )
    assert env(celadon).read_text() == f"{text}\nB=app\n"
    assert celadon("config:pull", "--overwrite").out == "Writing A of example to .env... done\n"
    assert env(celadon).read_text() == "# mine\nA=app\nexport C='app'\nMORE=1\nB=app\n"
    assert env(celadon).stat().st_mode & 0o777 == 0o640
    assert [path.name for path in celadon.work.iterdir()] == [".env"]


def test_interactive_asks_about_each(world: World, celadon: Program) -> None:
    set_config_vars(world, A="app", B="app", C="app")
    env(celadon).write_text("A=here\nB=here\nC=app\n")
    done = celadon("config:pull", "--interactive", input="n\ny\n")
    assert re.findall(r"^(\w)$|here: (\w+)|app:  (\w+)", done.err, re.MULTILINE)[:3] == [
        ("A", "", ""),
        ("", "here", ""),
        ("", "", "app"),
    ]
    assert "Writing B of example to .env... done\n" in done.out
    assert env(celadon).read_text() == "A=here\nB=app\nC=app\n"
    assert celadon("config:pull", "--interactive").err.endswith(" !    Aborted.\n")
    assert env(celadon).read_text() == "A=here\nB=app\nC=app\n"


def test_push_sets_what_is_missing_and_removes_nothing(world: World, celadon: Program) -> None:
    set_config_vars(world, A="app", B="app")
    (celadon.work / "other.env").write_text("A=here\nC=new\nPORT=5000\n")
    assert celadon("config:push", "-e", "other.env").out == (
        "Kept what example has of its own: A (--overwrite replaces them)\nSetting C and restarting example... done, v5\n"
    )
    assert celadon("config:push", "-e", "other.env", "--overwrite").out == (
        "Setting A and restarting example... done, v6\n"
    )
    assert json.loads(celadon("config", "--json").out) == {"A": "here", "B": "app", "C": "new"}


def test_a_file_that_cannot_be_read_or_written_changes_nothing(world: World, celadon: Program) -> None:
    assert celadon("config:push").err == " !    cannot read .env: there is no such file\n"
    set_config_vars(world, A="app")
    env(celadon).write_text("fine=1\nnot fine\n")
    for words in (["config:pull"], ["config:push"]):
        done = celadon(*words)
        assert (done.err, done.status) == (" !    cannot read .env line 2: expected KEY=value\n", 1)
    assert env(celadon).read_text() == "fine=1\nnot fine\n"
    shown = celadon("config:pull", "-e", "none/.env").err
    assert shown == f" !    cannot write {celadon.work}/none/.env: No such file or directory\n"
    assert celadon("config:get", "fine").out == "\n"


def test_pull_follows_no_link_out_of_the_directory(world: World, celadon: Program) -> None:
    set_config_vars(world, A="app")
    env(celadon).symlink_to(celadon.home / ".zshenv")
    assert celadon("config:pull").err == " !    cannot use .env: it is a link that leads nowhere\n"
    assert not (celadon.home / ".zshenv").exists()


def test_pull_tells_who_else_reads_the_file(world: World, celadon: Program) -> None:
    set_config_vars(world, A="app")
    celadon.repository()
    env(celadon).write_text("B=1\n")
    env(celadon).chmod(0o644)
    celadon.git("add", ".env")
    done = celadon("config:pull")
    assert "`chmod 600 .env` keeps it to you" in done.err and "!    .env is in git: " in done.err
    assert env(celadon).read_text() == "B=1\nA=app\n"
