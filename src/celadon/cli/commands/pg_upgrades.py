"""Upgrades of databases to a newer PostgreSQL."""

import click

from celadon.cli.command import command
from celadon.cli.commands.databases import Database
from celadon.cli.commands.postgres import chosen
from celadon.cli.connection import waiting
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, say

_version = click.option("-v", "--version", metavar="VERSION", help="Upgrade to this version in place of the newest.")


@command(app=True, confirm=True, must="which follower")
@click.argument("follower")
def upgrade(invocation: Invocation, follower: str) -> None:
    """Make a follower a database of its own and upgrade it to the newest PostgreSQL."""
    _run(invocation, follower, None)


@command(app=True)
@click.argument("database", required=False)
@_version
def dry_run(invocation: Invocation, database: str | None, version: str | None) -> None:
    """Upgrade a copy of a database, to see whether it can be; the database itself goes on."""
    addon = chosen(invocation, database)
    _ask(invocation, addon, f"Starting a test upgrade on {addon.name}", "dry_run", version)


@command(app=True)
@click.argument("database", required=False)
@_version
def prepare(invocation: Invocation, database: str | None, version: str | None) -> None:
    """Try an upgrade with a copy, and have the database itself ready for pg:upgrade:run."""
    addon = chosen(invocation, database)
    _ask(invocation, addon, f"Preparing upgrade on {addon.name}", "prepare", version)


@command(app=True, confirm=True)
@click.argument("database", required=False)
@_version
def run(invocation: Invocation, database: str | None, version: str | None) -> None:
    """Upgrade a database; a follower becomes a database of its own before."""
    _run(invocation, database, version)


def _run(invocation: Invocation, database: str | None, version: str | None) -> None:
    addon = chosen(invocation, database)
    invocation.confirm_change(
        invocation.app,
        "WARNING: Destructive action.",
        f"{addon.described} is closed while it is upgraded, and cannot be brought back to the version it has now.",
        "A follower of it is made anew afterwards; it can be rolled back to moments after the upgrade only.",
    )
    _ask(invocation, addon, f"Starting upgrade on {addon.name}", "run", version)


@command(app=True)
@click.argument("database", required=False)
def cancel(invocation: Invocation, database: str | None) -> None:
    """Give an upgrade up that has not begun."""
    addon = chosen(invocation, database)
    _ask(invocation, addon, f"Cancelling upgrade on {addon.name}", "cancel", None)


@command(app=True)
@click.argument("database", required=False)
def wait(invocation: Invocation, database: str | None) -> None:
    """Wait for the end of an upgrade, and say what came of it."""
    addon = chosen(invocation, database)

    def ended() -> dict[str, object] | None:
        found: dict[str, object] = invocation.client.get(f"{_path(addon)}/wait_status")
        return None if found["waiting?"] else found

    named = f"{addon.name} -a {invocation.app}"
    goes_on = ("The upgrade goes on.", f"To wait for it: celadon pg:upgrade:wait {named}")
    with waiting.leaving(*goes_on), action(f"Waiting for the upgrade of {addon.name}") as running:
        found = waiting.until(ended)
        if found["error?"]:
            raise Failure(f"{addon.name} {found['message']}")
        running.status = str(found["message"])


def _path(addon: Database) -> str:
    return f"/client/v11/databases/{segment(str(addon.id))}/upgrade"


def _ask(invocation: Invocation, addon: Database, words: str, what: str, version: str | None) -> None:
    with action(words):
        body = {} if version is None else {"version": version}
        told = invocation.client.post(f"{_path(addon)}/{what}", body)
    say(str(told["message"]))
