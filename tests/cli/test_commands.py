"""Every command of the table: its help, its page, what happens when it is written wrongly."""

import importlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from tests.cli.program import Program
from tests.cli.replay import Replay, Told

from celadon.cli import command as commands
from celadon.cli import completion, group, reference, table

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


@pytest.mark.parametrize("name", sorted({**table.COMMANDS, **table.ALIASES}))
def test_every_command_and_its_other_names_have_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert group.run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    entry = table.COMMANDS[table.ALIASES.get(name, name)]
    # A long one goes on in the next line.
    assert " ".join(shown.split()).startswith(f"Usage: celadon {name} {entry.usage}".rstrip())
    assert "--help" in shown


@pytest.mark.parametrize("name", sorted(table.COMMANDS))
def test_every_option_says_what_it_is_for(name: str) -> None:
    command = group.load(name)
    assert command is not None and command.help
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, f"{name} {option.opts}"


def test_the_reference_page_is_what_the_table_says() -> None:
    assert PAGE.read_text("utf-8") == reference.page(), "run: python -m celadon.cli.reference > docs/reference/cli.md"


def test_table_help_page_and_completion_have_the_same_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that is in one of them is in all."""
    known = set(table.COMMANDS)
    assert set(re.findall(r"^## (\S+)$", PAGE.read_text("utf-8"), re.MULTILINE)) == known
    helped = set[str]()
    for name in {*table.PRIMARY, *table.ADDITIONAL, *(name for name in known if table.below(name))}:
        assert group.run(["help", name]) == 0
        shown = capsys.readouterr().out
        helped |= set(
            re.findall(
                r"^(?:Usage: celadon|  )\s*([a-z0-9][a-z0-9:-]*)(?: .*)?(?:  #  .*|\[OPTIONS\])$", shown, re.MULTILINE
            )
        )
    assert helped == known
    completed = {item.value for item in completion.names("")}
    assert completed == known | set(table.ALIASES)


def test_every_topic_is_listed_once() -> None:
    topics = {table.topic_of(name) for name in table.COMMANDS}
    assert topics == set(table.PRIMARY) | set(table.ADDITIONAL)
    assert not set(table.PRIMARY) & set(table.ADDITIONAL)
    assert list(table.ADDITIONAL) == sorted(table.ADDITIONAL)


def test_other_names_lead_to_commands_and_shadow_none() -> None:
    assert set(table.ALIASES.values()) <= set(table.COMMANDS)
    assert not set(table.ALIASES) & set(table.COMMANDS)


def test_a_bare_celadon_prints_its_topics(stranger: Program) -> None:
    for words in ([], ["help"], ["--help"], ["-h"]):
        shown = stranger(*words)
        assert shown.status == 0 and shown.err == ""
        assert shown.out.startswith("Usage: celadon COMMAND [--app APP] [OPTIONS]\n\nPrimary topics")
        assert "\n  ps           #  dynos: list, scale, restart, stop\n" in shown.out


def test_help_of_a_topic_lists_its_commands(stranger: Program) -> None:
    shown = stranger("help", "ps")
    assert shown.out.startswith("Usage: celadon ps [TYPE ...] [OPTIONS]\n")
    assert "More commands of this topic:\n\n  ps:" in shown.out
    assert "\n  ps:resize [TYPE=SIZE ...]  " in shown.out


def test_help_of_a_topic_without_a_command_of_its_own_lists_its_commands(stranger: Program) -> None:
    assert "  auth:login   #  log in to a platform\n" in stranger("help", "auth").out


def test_help_of_a_topic_leaves_the_rest_to_that_of_its_commands(stranger: Program) -> None:
    shown = stranger("help", "pg").out
    assert "  pg:backups " in shown and "pg:backups:url" not in shown
    assert "pg:backups, pg:credentials, pg:maintenance, pg:settings, pg:upgrade\n" in shown
    assert "  pg:backups:url [BACKUP_ID] " in stranger("help", "pg:backups").out
    assert "  pg:settings:auto-explain:log-format " in stranger("help", "pg:settings:auto-explain").out
    assert "  pg:bloat [DATABASE] " in stranger("help", "pg:info").out


@pytest.mark.parametrize("name", sorted(table.COMMANDS))
def test_every_command_is_below_its_topic_or_another(name: str) -> None:
    above = name.rpartition(":")[0]
    while above and above not in table.COMMANDS and ":" in above:
        above = above.rpartition(":")[0]
    assert not above or name in table.below(above)


def test_help_of_nothing_known_is_an_error(stranger: Program) -> None:
    assert stranger("help", "pss").status == 2


def test_a_mistyped_command_gets_suggestions(stranger: Program) -> None:
    shown = stranger("config:ste", "A=1")
    assert shown.status == 2
    assert shown.err == (
        " !    `config:ste` is not a celadon command.\n"
        " !    Perhaps you meant `config:set` or `config:unset` or `config:get`.\n"
        " !    See `celadon help` for a list of available commands.\n"
    )


@pytest.mark.parametrize(
    ("words", "err"),
    [
        (["keys:remove"], " !    Usage: celadon keys:remove KEY\n !    Must specify KEY to remove.\n"),
        (["rename"], " !    Usage: celadon rename NEWNAME\n !    Must specify NEWNAME to rename.\n"),
        (
            ["config:unset"],
            " !    Usage: celadon config:unset KEY1 [KEY2 ...]\n !    Must specify KEY to unset.\n",
        ),
        (
            ["config:add"],
            " !    Usage: celadon config:add KEY1=VALUE1 [KEY2=VALUE2 ...]\n !    Must specify KEY and VALUE to set.\n",
        ),
        (["destroy"], " !    Usage: celadon apps:destroy --app APP\n !    Must specify APP to destroy.\n"),
        (["run"], " !    Usage: celadon run COMMAND\n !    Must specify COMMAND to run.\n"),
        (["stop", "-a", "x"], " !    Usage: celadon stop DYNO|TYPE\n !    Must specify DYNO to stop.\n"),
        (
            ["ps", "--bogus"],
            " !    Usage: celadon ps [TYPE ...]\n !    No such option '--bogus'.\n !    See `celadon help ps`.\n",
        ),
    ],
)
def test_usage_errors_have_the_toolbelts_form_and_exit_with_2(stranger: Program, words: list[str], err: str) -> None:
    shown = stranger(*words)
    assert (shown.out, shown.err, shown.status) == ("", err, 2)


@pytest.mark.parametrize("words", [["version"], ["--version"], ["version", "--platform", "localhost"]])
def test_version_names_client_platform_and_python(stranger: Program, words: list[str]) -> None:
    shown = stranger(*words)
    python = ".".join(str(part) for part in sys.version_info[:3])
    assert (
        shown.out
        == f"celadon/{importlib.import_module('celadon').__version__} (linux-{os.uname().machine}) python/{python}\n"
    )


def test_an_error_of_ours_is_a_sentence_unless_it_is_debugged(stranger: Program, replay: Callable[..., Replay]) -> None:
    answer = {"GET /account": Told(body=["no account"])}
    stranger.env |= {"CELADON_HOST": replay(answers=answer).url, "CELADON_API_KEY": "secret"}
    shown = stranger("whoami")
    assert shown.status == 1
    assert shown.err.startswith(" !    celadon failed unexpectedly: TypeError: ")
    assert "Traceback" not in shown.err
    assert "Traceback" in stranger("whoami", env={"CELADON_DEBUG": "1"}).err


@pytest.mark.parametrize(
    ("words", "moved"),
    [
        (["ls", "-l", "--app", "x"], ["--app", "x", "ls", "-l"]),
        (["ls", "--app=x", "--no-tty"], ["--app=x", "--no-tty", "ls"]),
        (["--", "ls", "--app", "x"], ["--", "ls", "--app", "x"]),
        (["ls", "--no-tty=x"], ["ls", "--no-tty=x"]),
        (["ls", "-a"], ["ls", "-a"]),
        (["-a", "x", "ls"], ["-a", "x", "ls"]),
    ],
)
def test_options_may_follow_the_command_to_run(words: list[str], moved: list[str]) -> None:
    assert commands.hoisted(words, {"--app": True, "-a": True, "--no-tty": False}) == moved


def test_whoever_looks_for_a_command_finds_it_by_its_name() -> None:
    assert list(table.COMMANDS) == sorted(table.COMMANDS)
    assert list(table.ALIASES) == sorted(table.ALIASES)
