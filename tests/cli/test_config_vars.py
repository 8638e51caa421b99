import json
from pathlib import Path

import pexpect
import pytest
from tests.cli.program import Program
from tests.cli.world import World

from celadon.cli.failure import Failure
from celadon.cli.terminal.editing import parsed


@pytest.fixture(autouse=True)
def app(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"


def test_set_shows_the_release_and_what_was_set(celadon: Program) -> None:
    assert celadon("config:set", "A=1", "B=2").out == (
        "Setting config vars and restarting example... done, v4\nA: 1\nB: 2\n"
    )
    assert celadon("config:add", "A=b=c").out == "Setting config vars and restarting example... done, v5\nA: b=c\n"
    assert celadon("config:set", "a=b").out == "Setting config vars and restarting example... done, v6\na: b\n"


def test_list_sorts_and_keeps_values_as_they_are(celadon: Program) -> None:
    long = "A" * 60
    celadon("config:set", "FOO_BAR=one", "BAZ_QUX=", f"LONG={long}")
    assert celadon("config").out == f"=== example Config Vars\nBAZ_QUX: \nFOO_BAR: one\nLONG:    {long}\n"


def test_shell_lines_can_be_read_by_a_shell(celadon: Program) -> None:
    celadon("config:set", "A=one", "B=two three", "C=$(id)'x", "D=")
    assert celadon("config", "--shell").out == "A=one\nB='two three'\nC='$(id)'\"'\"'x'\nD=\n"


def test_get_prints_the_value_alone(celadon: Program) -> None:
    celadon("config:set", "LONG=two words")
    assert celadon("config:get", "LONG").out == "two words\n"
    assert celadon("config:get", "LONG", "-s").out == "LONG='two words'\n"
    assert celadon("config:get", "NONE").out == "\n"
    assert json.loads(celadon("config:get", "LONG", "--json").out) == {"LONG": "two words"}


def test_unset_makes_one_release(celadon: Program) -> None:
    celadon("config:set", "A=1", "B=2", "C=3")
    assert celadon("config:unset", "A").out == "Unsetting A and restarting example... done, v5\n"
    assert celadon("config:remove", "B", "C").out == "Unsetting B, C and restarting example... done, v6\n"
    assert celadon("config").out == "example has no config vars.\n"


def test_json(celadon: Program) -> None:
    assert json.loads(celadon("config:set", "A=1", "--json").out) == {"A": "1"}
    assert json.loads(celadon("config", "--json").out) == {"A": "1"}


def test_bad_pairs_and_names_change_nothing(celadon: Program) -> None:
    wrong = celadon("config:set", "A=1", "B")
    assert (wrong.err, wrong.status) == (" !    B is invalid. Must be in the format KEY=VALUE.\n", 2)
    refused = celadon("config:set", "A=1", "1B=2")
    assert refused.status == 1
    assert refused.out == "Setting config vars and restarting example... failed\n"
    assert "config var '1B'" in refused.err
    assert celadon("config").out == "example has no config vars.\n"


def editor(celadon: Program, script: str) -> None:
    file = celadon.home / "editor"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    celadon.env |= {"EDITOR": str(file), "TMPDIR": str(celadon.home)}


def test_edit_sets_changes_and_removes(celadon: Program) -> None:
    celadon("config:set", "A=1", "B=two words", "C=3")
    editor(celadon, "sed -i -e 's/two words/three \"more\" words/' -e '/^A=/d' $1; echo 'D=\"4\"' >> $1")
    assert celadon("config:edit").out == "Updating B, D, A and restarting example... done, v5\n"
    after = json.loads(celadon("config", "--json").out)
    assert after == {"B": 'three "more" words', "C": "3", "D": "4"}


def test_edit_of_one_value_and_no_change(celadon: Program) -> None:
    editor(celadon, "printf 'line one\\nline two\\n' > $1")
    assert celadon("config:edit", "TEXT").status == 0
    assert celadon("config:get", "TEXT").out == "line one\nline two\n"
    editor(celadon, "true")
    assert celadon("config:edit").out == "No changes to the config vars.\n"


def test_an_editor_that_fails_changes_nothing(celadon: Program) -> None:
    editor(celadon, "echo 'A=1' > $1; exit 3")
    assert "exited with status 3. Nothing has been changed." in celadon("config:edit").err
    celadon.env["EDITOR"] = "/no/such/editor"
    assert celadon("config:edit").err == (
        " !    cannot run the editor /no/such/editor: set EDITOR to one that is installed\n"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A='1", 1),
        ("just words", 1),
        ("A='1\n2'\n\n# note\nB=2\n secret\nC=3\n", 6),
        ("A=1 # note\nB='2\nC=3\n", 2),
        ("A=1\n#\n\nB", 4),
    ],
)
def test_text_that_is_no_config_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(Failure, match=f"cannot read line {line}: .*Nothing has been changed") as failed:
        parsed(text)
    assert "secret" not in failed.value.lines[0]


def test_what_was_typed_is_kept_when_it_cannot_be_used(celadon: Program) -> None:
    for value in ("A=1\nwrong", "1B=refused"):
        editor(celadon, f"printf '{value}' > $1")
        refused = celadon("config:edit")
        assert refused.status == 1
        file = Path(refused.err.splitlines()[-1].partition("What you typed is in ")[2].partition(": ")[0])
        assert file.read_text() == value.replace("\\n", "\n")
        assert file.parent.stat().st_mode & 0o077 == 0


def test_a_wrong_line_is_edited_again_on_a_terminal(celadon: Program) -> None:
    editor(celadon, "if [ -s $1 ]; then sed -i s/wrong/B=2/ $1; else printf 'A=1\nwrong\n' > $1; fi")
    running = celadon.terminal("config:edit")
    running.expect_exact("cannot read line 2: expected KEY='value'")
    running.expect_exact("Edit again? [Y/n] ")
    running.sendline("")
    running.expect_exact("Updating A, B")
    running.expect(pexpect.EOF)
    running.close()
    assert json.loads(celadon("config", "--json").out) == {"A": "1", "B": "2"}
    assert not list(celadon.home.glob("celadon-config-*"))


def test_no_terminal_acts_on_what_others_have_set(celadon: Program) -> None:
    value = "\x1b]0;owned\x07\tzwei\nö\u009b31m"
    celadon("config:set", f"A={value}")
    assert celadon("config").out == f"=== example Config Vars\nA: {value}\n"
    for words in (["config"], ["config", "--json"], ["config:get", "A"]):
        running = celadon.terminal(*words)
        running.expect(pexpect.EOF)
        running.close()
        shown = running.before or ""
        assert "]0;owned" in shown and "ö" in shown
        assert not {"\x1b", "\x07", "\u009b"} & set(shown)
        if "--json" in words:
            assert json.loads(shown) == {"A": value}
