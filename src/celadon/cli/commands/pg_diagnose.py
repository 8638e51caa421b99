"""A report on the health of a database."""

import sys
import uuid
from collections.abc import Mapping
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.commands.postgres import chosen
from celadon.cli.connection.client import segment
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import coloured, say, show_json, table
from celadon.cli.terminal.psql_table import lines

_COLOURS = {"red": 31, "yellow": 33, "green": 32}


@command(app=True, json=True)
@click.argument("named", required=False, metavar="[DATABASE|REPORT_ID]")
def diagnose(invocation: Invocation, named: str | None) -> None:
    """Make a report on the health of a database, or show one again."""
    report = _report(invocation, named)
    if invocation.json:
        show_json(report)
        return
    say(f"Report {report['id']} for {report['app']}::{report['database']}")
    say(f"available for one month after creation on {report['created_at']}")
    say()
    order = (*_COLOURS, "skipped")
    for check in sorted(report["checks"], key=lambda check: order.index(check["status"])):
        _show(check)


def _report(invocation: Invocation, named: str | None) -> Any:
    if named is not None and _is_id(named):
        return invocation.client.get(f"/reports/{segment(named)}")
    addon = chosen(invocation, named)
    name = next(iter(sorted(addon.config_vars, key=lambda var: var == "DATABASE_URL")), addon.name)
    return invocation.client.post("/reports", {"addon": addon.id, "database": name})


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _show(check: Mapping[str, Any]) -> None:
    status, results = check["status"], check["results"]
    title = f"{status.upper()}: {check['name']}"
    colour = _COLOURS.get(status)
    if colour and coloured(sys.stdout):
        print(f"\x1b[{colour}m{title}\x1b[0m")
    else:
        say(title)
    if status == "green" or not results:
        return
    if isinstance(results, Mapping):
        for key, value in results.items():
            say(f"  {_title(key)} {_line(value)}")
        return
    table([_title(key) for key in results[0]], [[_line(value) for value in row.values()] for row in results])
    say()


def _title(key: str) -> str:
    return " ".join(word.capitalize() for word in key.split("_"))


def _line(value: object) -> str:
    return " ".join(lines(str(value)))
