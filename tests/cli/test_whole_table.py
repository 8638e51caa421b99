"""What holds for every command of the table: help, wrong arguments, and what is asked before something is destroyed."""

import io
import re
import sys
from pathlib import Path

import click
import pytest
from tests import certified
from tests.api.examples_dataclips import database
from tests.api.test_transfers import place
from tests.cli.conftest import Stand
from tests.cli.program import Program
from tests.cli.world import EMAIL, World

from celadon.actions import dataclips, teams
from celadon.api import role
from celadon.api.asgi import Application
from celadon.cli import group, table
from celadon.postgres import transfer_routes

COMMANDS = sorted(table.COMMANDS)
_DESTROYS = re.compile(r":(destroy|delete|remove|clear|reset|purge|revoke|unset|kill|killall|stop|cancel)$")
# What these take away can be given back by another command, or was never more than a name; Heroku's ask for nothing either.
UNASKED = {
    "access:remove",
    "accounts:remove",
    "addons:providers:remove",
    "apps:favorites:remove",
    "apps:transfer:cancel",
    "authorizations:revoke",
    "buildpacks:clear",
    "buildpacks:remove",
    "builds:cancel",
    "clients:destroy",
    "config:unset",
    "dataclips:revoke",
    "domains:clear",
    "domains:remove",
    "drains:remove",
    "keys:clear",
    "keys:remove",
    "members:remove",
    "pg:backups:cancel",
    "pg:kill",
    "pg:killall",
    "pg:upgrade:cancel",
    "pipelines:destroy",
    "pipelines:remove",
    "plugins:uninstall",
    "ps:stop",
    "scheduler:remove",
    "sessions:destroy",
    "webhooks:remove",
}
# These ask only in some cases, or want more than there is here: their own tests have that.
SOMETIMES = {
    "addons:attach",
    "addons:create",
    "apps:transfer",
    "fork",
    "import",
    "pg:maintenance:run",
    "pipelines:transfer",
    "redis:stats-reset",
}
# Command → its words, and what is to be typed.
ASKED = {
    "account:delete": ([], EMAIL),
    "addons:destroy": (["DATABASE"], "example"),
    "apps:destroy": (["example"], "example"),
    "apps:repo:reset": ([], "example"),
    "builds:cache:purge": ([], "example"),
    "certs:auto:disable": ([], "example"),
    "certs:remove": ([], "example"),
    "certs:update": (["crt", "key"], "example"),
    "dataclips:destroy": (["clip"], "example"),
    "pg:backups:delete": (["b001"], "example"),
    "pg:backups:restore": (["https://example.com/x.dump"], "example"),
    "pg:copy": (["DATABASE"], "example"),
    "pg:credentials:destroy": (["--name", "readers"], "example"),
    "pg:credentials:repair-default": ([], "example"),
    "pg:credentials:rotate": ([], "example"),
    "pg:reset": ([], "example"),
    "pg:unfollow": (["DATABASE"], "example"),
    "pg:upgrade": (["DATABASE"], "example"),
    "pg:upgrade:run": ([], "example"),
    "teams:destroy": (["widgets"], "widgets"),
}


# A text for people, and how to connect, which holds a password.
ONLY_TEXT = {"help", "pg:credentials:url"}


def options(name: str) -> list[click.Option]:
    command = group.load(name)
    assert command is not None
    return [param for param in command.params if isinstance(param, click.Option) and not param.hidden]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_every_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([name, "--help"], ["help", name]):
        assert group.run(words) == 0
        shown = capsys.readouterr().out
        assert shown.startswith(f"Usage: celadon {name}")
        for option in options(name):
            assert all(word in shown for word in option.opts), option.opts


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_written_wrongly_is_told_with_the_usage(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = group.load(name)
    assert command is not None
    wrong = [["--bogus"]]
    if any(param.required for param in command.params):
        wrong.append([])
    if all(param.nargs != -1 for param in command.params):
        wrong.append(["0"] * 9)
    for words in wrong:
        assert group.run([name, *words]) == 2, words
        told = capsys.readouterr()
        assert told.out == "" and told.err.startswith(f" !    Usage: celadon {name}"), words


def test_what_destroys_asks_or_is_known_not_to() -> None:
    asking = {name for name in COMMANDS if "--confirm" in {word for one in options(name) for word in one.opts}}
    destroying = {name for name in COMMANDS if _DESTROYS.search(name)}
    assert destroying - asking <= UNASKED
    assert asking - SOMETIMES == set(ASKED)


@pytest.mark.parametrize("name", COMMANDS)
def test_what_shows_data_shows_it_as_json(name: str) -> None:
    summary = table.COMMANDS[name].summary
    if re.match(r"(list|show|count)\b(?! or )", summary) and name not in ONLY_TEXT:
        assert "--json" in {word for one in options(name) for word in one.opts}, summary


@pytest.fixture
def furnished(stand: Stand, world: World, celadon: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world with something of each kind, for commands that are run in this process, with nobody to ask."""
    addon_id = database(world.context)
    place(world, addon_id, "dabc")  # type: ignore[arg-type]
    stand.application = Application(world.context, (*role.ROUTES, *transfer_routes.ROUTES))
    dataclips.create(world.context, world.actor, "example", query="SELECT 1", title="clip")
    teams.create(world.context, world.actor, "widgets")
    issuer = certified.root()
    leaf = issuer.issue("www.example.com", "www.example.com")
    (celadon.work / "crt").write_text(leaf.pem + issuer.pem)
    (celadon.work / "key").write_text(leaf.key)
    assert celadon("certs:add", "crt", "key", "-a", "example").status == 0
    monkeypatch.chdir(celadon.work)
    for key, value in {**celadon.env, "CELADON_APP": "example"}.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return world


def test_what_destroys_says_what_to_type_where_there_is_nobody_to_ask(
    furnished: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, (words, typed) in ASKED.items():
        status = group.run([name, *words])
        told = capsys.readouterr()
        assert (status, told.out) == (1, ""), (name, told)
        assert f'To proceed, type "{typed}" or re-run this command with --confirm {typed}\n' in told.err, (name, told)
        assert told.err.endswith(" !    Aborted.\n"), name
