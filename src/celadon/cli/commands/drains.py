"""Log drains of an app."""

from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import header, say, show_json


@command(app=True, json=True)
def list_drains(invocation: Invocation) -> None:
    """List where the app's log lines are sent, with the token that the receiver knows the app by, and what is wrong there."""
    show(invocation)


def show(invocation: Invocation) -> None:
    drains = invocation.client.all(f"{invocation.app_path}/log-drains")
    found = invocation.client.all(f"{invocation.app_path}/log-drain-statuses") if drains else []
    statuses = {status["log_drain"]["id"]: status for status in found}
    if invocation.json:
        show_json([{**entry, "status": statuses.get(entry["id"])} for entry in drains])
        return
    if drains:
        header("Drains")
    for entry in drains:
        say(f"{entry['url']} ({entry['token']})")
        if trouble := _trouble(statuses.get(entry["id"])):
            say(f"  {trouble}")


def _trouble(status: dict[str, Any] | None) -> str:
    """What is wrong with a drain, or was; nothing of one that has everything."""
    if status is None:
        return ""
    lost = (
        f"{status['dropped']:,} line{'' if status['dropped'] == 1 else 's'} dropped in all" if status["dropped"] else ""
    )
    failing = f"takes no lines since {status['since']}: {status['reason']}" if status["state"] == "failing" else ""
    return "; ".join(part for part in (failing, lost) if part)


@command(app=True, must="URL of the drain to add")
@click.argument("url")
def add(invocation: Invocation, url: str) -> None:
    """Send the app's log lines to a URL: `syslog://`, `syslog+tls://`, or `https://`, which may have a user and password."""
    made = invocation.client.post(f"{invocation.app_path}/log-drains", {"url": url})
    say(f"Successfully added drain {made['url']}")


@command(app=True, must="URL or token of the drain to remove")
@click.argument("drain")
def remove(invocation: Invocation, drain: str) -> None:
    """Send the app's log lines there no more; a drain is named by its URL or its token."""
    removed = invocation.client.delete(f"{invocation.app_path}/log-drains/{segment(drain)}")
    say(f"Successfully removed drain {removed['url']}")
