"""Dataclips: queries of an app's databases that are kept, and links that show what they answer."""

import csv
import json
import re
import sys
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.failure import UsageFailure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, hash, header, say, show_json, table

_TITLE = "What readers see above the result."
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@command(app=True, json=True)
def list_dataclips(invocation: Invocation) -> None:
    """List the dataclips of an app's databases."""
    found = invocation.client.all(f"{invocation.app_path}/dataclips")
    if invocation.json:
        show_json(found)
    elif found:
        rows = [(one["id"], _shown(one["title"]), one["addon"]["name"], one["url"] or "") for one in found]
        table(("Dataclip ID", "Title", "Database", "Link"), rows)
    else:
        say(f"{invocation.app} has no dataclips")
        say("Use celadon dataclips:create to make one.")


@command(app=True, json=True, must="the SQL, or - to read it from standard input")
@click.argument("sql")
@click.option("-t", "--title", metavar="TEXT", help=_TITLE)
@click.option("-d", "--database", metavar="NAME", help="An attachment or add-on of the app; DATABASE_URL's otherwise.")
def create(invocation: Invocation, sql: str, title: str | None, database: str | None) -> None:
    """Keep a query, such as `"select count(*) from users" --title Users`."""
    body = {"database": database, "query": _query(sql), "title": title}
    with action(f"Creating dataclip for {invocation.app}", quiet=invocation.json) as running:
        made = invocation.client.request("POST", f"{invocation.app_path}/dataclips", body).body
        running.status = made["id"]
    if invocation.json:
        show_json(made)


@command(app=True, json=True, must="the ID of the dataclip")
@click.argument("dataclip")
@click.option("--versions", is_flag=True, help="Show what it was before, too.")
def info(invocation: Invocation, dataclip: str, versions: bool) -> None:
    """Show a dataclip: its query, its link, whose it is."""
    found = invocation.client.get(_path(invocation, dataclip))
    older = invocation.client.all(f"{_path(invocation, dataclip)}/versions") if versions else []
    if invocation.json:
        show_json({**found, "versions": older} if versions else found)
        return
    header(_shown(found["title"]))
    hash(
        {
            "By": found["user"]["email"],
            "Changed": found["updated_at"],
            "Created": found["created_at"],
            "Database": found["addon"]["name"],
            "Dataclip ID": found["id"],
            "Link": found["url"],
            "Revoked": found["revoked_at"],
            "Version": str(found["version"]),
        }
    )
    say()
    say(found["query"])
    for version in reversed(older):
        say()
        header(f"v{version['version']}: {_shown(version['title'])}, {version['user']['email']} {version['created_at']}")
        say(version["query"])


@command(app=True, json=True, must="the ID of the dataclip")
@click.argument("dataclip")
@click.option("-q", "--sql", metavar="SQL", help="Another query, or - to read it from standard input.")
@click.option("-t", "--title", metavar="TEXT", help=_TITLE)
@click.option("-d", "--database", metavar="NAME", help="Move it to this database; its link ends.")
def update(invocation: Invocation, dataclip: str, sql: str | None, title: str | None, database: str | None) -> None:
    """Make another version of a dataclip; what is not given stays."""
    given = {"query": sql and _query(sql), "title": title, "database": database}
    body = {name: value for name, value in given.items() if value is not None}
    if not body:
        raise UsageFailure("Nothing to change: give --sql, --title or --database.")
    with action(f"Updating dataclip {dataclip}", quiet=invocation.json) as running:
        changed = invocation.client.patch(_path(invocation, dataclip), body)
        running.status = f"v{changed['version']}"
    if invocation.json:
        show_json(changed)


@command(app=True, json=True, must="the ID of the dataclip")
@click.argument("dataclip")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
def run(invocation: Invocation, dataclip: str, as_csv: bool) -> None:
    """Run a dataclip and print what it answers."""
    reply = invocation.client.request("POST", f"{_path(invocation, dataclip)}/actions/run")
    if invocation.json:
        say(reply.text)
        return
    # Numbers as they came: a numeric has more digits than a float.
    found = json.loads(reply.text, parse_float=str)
    kinds = found["types"]
    rows = [[_cell(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in found["values"]]
    if as_csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([found["fields"], *rows])
    elif found["fields"]:
        shown = [[_shown(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
        table([_shown(name) for name in found["fields"]], shown)
        say()
        say(f"({found['row_count']} row{'' if found['row_count'] == 1 else 's'})")
    if found["truncated"]:
        warn([f"Only the first {found['row_count']} rows are kept: a dataclip has 10,000 rows and 4 MB at most."])


@command(app=True, json=True, must="the ID of the dataclip")
@click.argument("dataclip")
def share(invocation: Invocation, dataclip: str) -> None:
    """Make a link by which everybody who has it sees what a dataclip answers."""
    found = invocation.client.request("POST", f"{_path(invocation, dataclip)}/actions/share").body
    if invocation.json:
        show_json(found)
        return
    say(found["url"])
    warn(["Whoever has this link sees the result, without an account. celadon dataclips:revoke ends it."])


@command(app=True, json=True, must="the ID of the dataclip")
@click.argument("dataclip")
def revoke(invocation: Invocation, dataclip: str) -> None:
    """End the link of a dataclip."""
    with action(f"Revoking the link of dataclip {dataclip}", quiet=invocation.json):
        found = invocation.client.request("POST", f"{_path(invocation, dataclip)}/actions/revoke").body
    if invocation.json:
        show_json(found)


@command(app=True, confirm=True, must="the ID of the dataclip")
@click.argument("dataclip")
def destroy(invocation: Invocation, dataclip: str) -> None:
    """Destroy a dataclip with its versions and its link."""
    invocation.confirm_destroy(invocation.app, f"This command will destroy dataclip {dataclip} of {invocation.app}.")
    with action(f"Destroying dataclip {dataclip}"):
        invocation.client.delete(_path(invocation, dataclip))


def _path(invocation: Invocation, dataclip: str) -> str:
    return f"{invocation.app_path}/dataclips/{segment(dataclip)}"


def _query(sql: str) -> str:
    return sys.stdin.read() if sql == "-" else sql


def _cell(value: Any, kind: str) -> object:
    """As the page shows it: JSON and lists as JSON, null as nothing."""
    if value is None:
        return ""
    if isinstance(value, (bool, dict, list)) or kind in ("json", "jsonb"):
        return json.dumps(value, ensure_ascii=False)
    return value


def _shown(text: str) -> str:
    """Nothing of a database's is a command to a terminal."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)
