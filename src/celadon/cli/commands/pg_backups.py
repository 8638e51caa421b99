"""Backups of databases: take, restore, download, schedule and check them."""

from pathlib import Path
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.commands import databases
from celadon.cli.commands.databases import POSTGRES, Database
from celadon.cli.commands.postgres import chosen
from celadon.cli.connection import uploads, waiting
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, date, hash, header, say, show_json, size, table


@command(app=True, json=True)
def list_backups(invocation: Invocation) -> None:
    """List the backups, restores and copies of an app's databases, the newest first."""
    found = _all(invocation)[::-1]
    if invocation.json:
        show_json(found)
        return
    header("Backups")
    backups = [one for one in found if one["to_type"] == "gof3r"]
    if backups:
        titles = ("ID", "Created at", "Status", "Size", "Last restored", "Database")
        rows = [
            (
                one["name"],
                date(one["created_at"]),
                _status(one),
                size(one["processed_bytes"]),
                _checked(one),
                one["from_name"],
            )
            for one in backups
        ]
        table(titles, rows)
    else:
        say("No backups. Capture one with celadon pg:backups:capture")
    for title, word, start in (("Restores", "restores", "gof3r"), ("Copies", "copies", "pg_dump")):
        moved = [one for one in found if one["to_type"] == "pg_restore" and one["from_type"] == start][:10]
        say()
        header(title)
        if moved:
            columns = ("ID", "Started at", "Status", "Size", "From", "To")
            lines = [
                (
                    one["name"],
                    date(one["created_at"]),
                    _status(one),
                    size(one["processed_bytes"]),
                    one["from_name"],
                    one["to_name"],
                )
                for one in moved
            ]
            table(columns, lines)
        else:
            say(f"No {word} found.")


@command(app=True, json=True)
@click.argument("database", required=False)
@click.option("--expire/--no-expire", default=None, help="When the plan keeps no more: delete the oldest, or refuse.")
def capture(invocation: Invocation, database: str | None, expire: bool | None) -> None:
    """Back a database up now."""
    addon = chosen(invocation, database)
    body = {} if expire is None else {"expire": expire}
    with action(f"Starting backup of {addon.name}", quiet=invocation.json):
        made = invocation.client.request("POST", f"{_database_path(addon)}/backups", body).body
    _follow(invocation, addon, made, f"Backing up {made['from_name']} to {made['name']}")


@command(app=True, json=True, confirm=True)
@click.argument("backup", required=False)
@click.argument("database", required=False)
def restore(invocation: Invocation, backup: str | None, database: str | None) -> None:
    """Replace what a database holds by a backup (ID, APP::ID, or a public URL; by default the newest)."""
    url = backup if backup and backup.startswith(("http://", "https://")) else _backup(invocation, backup)["to_url"]
    addon = chosen(invocation, database)
    invocation.confirm_destroy(invocation.app, f"This command will replace what {addon.described} holds.")
    with action(f"Starting restore of {backup or 'the newest backup'} to {addon.name}", quiet=invocation.json):
        made = invocation.client.request("POST", f"{_database_path(addon)}/restores", {"backup_url": url}).body
    _follow(invocation, addon, made, "Restoring")


@command(app=True, json=True, confirm=True, must="SOURCE and TARGET")
@click.argument("named", nargs=-1, required=True)
def copy(invocation: Invocation, named: tuple[str, ...]) -> None:
    """Replace what one database (by default DATABASE_URL) holds by what another one does; APP::NAME is one of another app."""
    if len(named) > 2:
        raise UsageFailure("Usage: celadon pg:copy [SOURCE] TARGET", f"Unexpected argument {named[2]}")
    source, target = named if len(named) == 2 else ("DATABASE_URL", named[0])
    start, end = chosen(invocation, source), chosen(invocation, target)
    invocation.confirm_destroy(invocation.app, f"This command will replace what {end.described} holds.")
    with action(f"Starting copy of {source} to {target}", quiet=invocation.json):
        made = begin_copy(invocation, start, end)
    _follow(invocation, end, made, "Copying")


def begin_copy(invocation: Invocation, start: Database, end: Database) -> dict[str, Any]:
    """Ask for what one database holds to replace what another one does; the transfer that does it."""
    body = {"from_name": f"{start.app}::{start.attachment}", "from_url": _url_of(invocation, start)}
    body |= {"to_name": f"{end.app}::{end.attachment}", "to_url": _url_of(invocation, end)}
    made: dict[str, Any] = invocation.client.post(f"{_database_path(end)}/transfers", body)
    return made


@command(app=True, json=True)
@click.argument("backup", required=False)
def info(invocation: Invocation, backup: str | None) -> None:
    """Show a backup, by default the newest, and what its programs said."""
    name = backup or _backup(invocation, None)["name"]
    found = invocation.client.get(f"{_path(invocation, name)}?verbose=true")
    if invocation.json:
        show_json(found)
        return
    header(f"Backup {found['name']}")
    hash(
        {
            "Backup Size": size(found["processed_bytes"]),
            "Database": found["from_name"],
            "Finished at": date(found["finished_at"]) if found["finished_at"] else None,
            "Last restored": _checked(found) or None,
            "Original DB Size": size(found["source_bytes"]),
            "Started at": date(found["started_at"]) if found["started_at"] else None,
            "Status": _status(found),
            "Type": "Scheduled" if found["schedule"] else "Manual",
        }
    )
    header("Backup Logs")
    for line in found["logs"]:
        say(f"{line['created_at']} {line['message']}")


@command(app=True)
@click.argument("backup", required=False)
def url(invocation: Invocation, backup: str | None) -> None:
    """Print a URL by which anybody may read a backup (by default the newest) for ten minutes."""
    say(_url(invocation, backup))


@command(app=True)
@click.argument("backup", required=False)
@click.option("-o", "--output", metavar="FILE", help="Where to; latest.dump otherwise.")
def download(invocation: Invocation, backup: str | None, output: str | None) -> None:
    """Download a backup, by default the newest."""
    place = Path(output or "latest.dump")
    if output is None and place.exists():
        place = next(path for n in range(1, 10_000) if not (path := Path(f"latest.dump.{n}")).exists())
    with action(f"Getting backup from {invocation.app}") as running:
        partial = place.with_name(f"{place.name}.partial")
        try:
            with partial.open("wb") as file:
                uploads.get(invocation.platform, _url(invocation, backup), file)
            partial.replace(place)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        running.status = str(place)


@command(app=True, confirm=True, must="BACKUP_ID")
@click.argument("backup")
def delete(invocation: Invocation, backup: str) -> None:
    """Delete a backup."""
    invocation.confirm_destroy(invocation.app, f"This command will delete backup {backup} of {invocation.app}.")
    with action(f"Deleting backup {backup} on {invocation.app}"):
        invocation.client.delete(_path(invocation, backup))


@command(app=True)
@click.argument("backup", required=False)
def cancel(invocation: Invocation, backup: str | None) -> None:
    """Cancel a backup, restore or copy, by default the newest that runs."""
    if backup is None:
        running = [one["name"] for one in _all(invocation) if not one["finished_at"]]
        if not running:
            raise Failure("No active backups or restores.")
        backup = running[-1]
    with action(f"Cancelling {backup}"):
        invocation.client.request("POST", f"{_path(invocation, str(backup))}/actions/cancel")


@command(app=True, must="--at")
@click.argument("database", required=False)
@click.option(
    "--at", required=True, metavar="'HOUR:00 ZONE'", help="An hour of the day, such as '04:00 Europe/Berlin'."
)
def schedule(invocation: Invocation, database: str | None, at: str) -> None:
    """Back a database up each day; each backup is restored somewhere else to check it."""
    hour, _, zone = at.strip().partition(":00")
    addon = chosen(invocation, database)
    body = {"hour": hour, "schedule_name": addon.url_name, "timezone": zone.strip() or "UTC"}
    with action(f"Scheduling automatic daily backups of {addon.name} at {at}"):
        invocation.client.request("POST", f"{_database_path(addon)}/transfer-schedules", body)


@command(app=True, json=True)
def schedules(invocation: Invocation) -> None:
    """List the schedules of an app's backups."""
    own = [one for one in databases.matching(invocation, None, POSTGRES) if one.owner == one.app]
    # Any of them: the answer is about all databases of their app.
    found = _schedules(invocation, own[0]) if own else []
    if invocation.json:
        show_json(found)
    elif found:
        header("Backup Schedules")
        for one in found:
            say(f"{one['name']}: daily at {one['hour']}:00 {one['timezone']}")
    else:
        say(f"No backup schedules found on {invocation.app}")
        say("Use celadon pg:backups:schedule to set one up")


@command(app=True)
@click.argument("database", required=False)
def unschedule(invocation: Invocation, database: str | None) -> None:
    """Stop the daily backups of a database."""
    addon = chosen(invocation, database)
    found = [one for one in _schedules(invocation, addon) if one["addon_id"] == addon.id]
    if not found:
        raise Failure(f"No daily backups found for {addon.name}.")
    with action(f"Unscheduling {addon.attachment} daily backups"):
        invocation.client.delete(f"{_database_path(addon)}/transfer-schedules/{found[0]['uuid']}")


def _transfers(app: str) -> str:
    return f"/client/v11/apps/{segment(app)}/transfers"


def _path(invocation: Invocation, named: str) -> str:
    return f"{_transfers(invocation.app)}/{segment(named)}"


def _all(invocation: Invocation, app: str | None = None) -> list[dict[str, Any]]:
    """The oldest first."""
    found: list[dict[str, Any]] = invocation.client.get(_transfers(app or invocation.app))
    return found


def _backup(invocation: Invocation, named: str | None) -> dict[str, Any]:
    """A complete backup, by its name or `app::name`; the newest."""
    app, _, name = (named or "").rpartition("::")
    backups = [one for one in _all(invocation, app or None) if one["to_type"] == "gof3r" and one["succeeded"]]
    chosen = [one for one in backups if not name or one["name"] == name]
    if not chosen:
        raise Failure(
            f"There is no complete backup {name} of {app or invocation.app}."
            if name
            else f"No backups on {invocation.app}. Capture one with celadon pg:backups:capture"
        )
    return chosen[-1]


def _url(invocation: Invocation, backup: str | None) -> str:
    name = backup or _backup(invocation, None)["name"]
    return str(invocation.client.request("POST", f"{_path(invocation, name)}/actions/public-url").body["url"])


def _database_path(addon: Database) -> str:
    return f"/client/v11/databases/{segment(addon.id)}"


def _schedules(invocation: Invocation, addon: Database) -> list[dict[str, Any]]:
    """Those of all databases of the app that owns this one."""
    found: list[dict[str, Any]] = invocation.client.get(f"{_database_path(addon)}/transfer-schedules")
    return found


def _url_of(invocation: Invocation, addon: Database) -> str:
    url = databases.given_url(invocation, addon)
    if url is None:
        raise UsageFailure(f"{addon.app} has no {addon.url_name} yet: wait with celadon pg:wait.")
    return url


def _follow(invocation: Invocation, addon: Database, made: dict[str, Any], words: str) -> None:
    """Wait for its end; it goes on without us. It is kept with the app that owns the database."""

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = invocation.client.get(f"{_transfers(addon.owner)}/{segment(made['uuid'])}")
        return found if found["finished_at"] else None

    if not invocation.json:
        say()
        say("Use Ctrl-C to stop watching; it goes on. celadon pg:backups:cancel ends it.")
        say()
    named = f"{made['name']} -a {addon.owner}"
    goes_on = (
        "It goes on.",
        f"To look: celadon pg:backups:info {named}",
        f"To end it: celadon pg:backups:cancel {named}",
    )
    with waiting.leaving(*goes_on), action(words, quiet=invocation.json) as running:
        made = waiting.until(ended)
        if not made["succeeded"]:
            raise Failure(made["error"] or "It was cancelled.")
        running.status = size(made["processed_bytes"])
    if invocation.json:
        show_json(made)


def _status(one: dict[str, Any]) -> str:
    if one["canceled_at"]:
        return "Cancelled"
    if one["finished_at"] and one["succeeded"]:
        if one["warnings"]:
            return f"Finished with {one['warnings']} warnings"
        return f"Completed {date(one['finished_at'])}"
    if one["finished_at"]:
        return f"Failed {date(one['finished_at'])}"
    return f"Running (processed {size(one['processed_bytes'])})" if one["started_at"] else "Pending"


def _checked(one: dict[str, Any]) -> str:
    """When it was last restored to check it."""
    if one["verify_error"]:
        return "could not be checked" if one.get("verify_unknown") else "cannot be restored"
    return date(one["verified_at"]) if one["verified_at"] else ""
