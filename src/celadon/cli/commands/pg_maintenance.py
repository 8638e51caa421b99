"""When a database's server may be restarted, what waits for that, and having it now."""

import click

from celadon.cli.command import command
from celadon.cli.commands.databases import Database
from celadon.cli.commands.postgres import chosen
from celadon.cli.connection import waiting
from celadon.cli.connection.client import segment
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, date, hash, header, say, show_json


@command(app=True, json=True)
@click.argument("database", required=False)
def info(invocation: Invocation, database: str | None) -> None:
    """Show what waits for a restart of a database's server, and when that may be."""
    addon = chosen(invocation, database)
    found = invocation.client.get(_path(addon))
    if invocation.json:
        show_json(found)
        return
    header(addon.name)
    rows = {
        "Status": found["status"],
        "Reason": found["reason"],
        "Window": found["window"],
        "Scheduled for": date(found["scheduled_for"]) if found["scheduled_for"] else None,
        "Completed": date(found["completed_at"]) if found["completed_at"] else None,
    }
    hash(rows, in_order=False)


@command(app=True, confirm=True)
@click.argument("database", required=False)
@click.option("-f", "--force", is_flag=True, help="Also while the app is not in maintenance mode.")
@click.option("-w", "--wait", is_flag=True, help="Wait until it is over.")
def run(invocation: Invocation, database: str | None, force: bool, wait: bool) -> None:
    """Restart a database's server now, for what waits for that."""
    addon = chosen(invocation, database)
    app = invocation.client.get(invocation.app_path)
    if not (app["maintenance"] or force or invocation.confirm == app["name"]):
        raise UsageFailure(
            "Application is not in maintenance mode.",
            f"Its connections would be cut: use celadon maintenance:on first, or add --confirm {app['name']}.",
        )
    with action(f"Triggering maintenance of {addon.name}"):
        invocation.client.post(f"{_path(addon)}/run", {})
    if wait:
        goes_on = ("The maintenance goes on.", f"To look: celadon pg:maintenance {addon.name} -a {invocation.app}")
        with waiting.leaving(*goes_on), action("Waiting for maintenance to complete") as running:
            running.status = waiting.until(lambda: _over(invocation, addon))


def _over(invocation: Invocation, addon: Database) -> str | None:
    status = str(invocation.client.get(_path(addon))["status"])
    return None if status == "running" else status


@command(app=True)
@click.argument("words", nargs=-1, metavar="[DATABASE] [DAY TIME]")
def window(invocation: Invocation, words: tuple[str, ...]) -> None:
    """Show the hours in which a database's server may be restarted, or set them, as `Sunday 13:30` in UTC."""
    split = [part for word in words for part in word.split()]
    if len(split) < 2:
        addon = chosen(invocation, split[0] if split else None)
        say(invocation.client.get(f"{_path(addon)}/window")["window"])
        return
    if len(split) > 3:
        raise UsageFailure("Too many words: give a database, a day and a time, as `DATABASE Sunday 13:30`.")
    *named, day, time = split
    addon = chosen(invocation, named[0] if named else None)
    with action(f"Setting the maintenance window of {addon.name}") as running:
        told = invocation.client.post(f"{_path(addon)}/window", {"day_of_week": day, "time_of_day": time})
        running.status = told["window"]


def _path(addon: Database) -> str:
    return f"/data/maintenances/v1/{segment(addon.id)}"
