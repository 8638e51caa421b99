"""The audit trail of an app."""

from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import header, listing, say, show_json, time_ago


@command(app=True, json=True)
@click.option("-n", "--num", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many entries.")
def activity(invocation: Invocation, num: int) -> None:
    """Show what happened to the app, the newest first: when, by whom, from which address. For its owner."""
    events = invocation.client.all(f"{invocation.app_path}/events", range=f"seq ..; order=desc,max={num}")
    if invocation.json:
        show_json(events)
        return
    if not events:
        say(f"{invocation.app} has no activity.")
        return
    header(f"{invocation.app} Activity")
    listing([_row(event) for event in events], in_order=False)


def _row(event: dict[str, Any]) -> tuple[str, str, str, str]:
    who = event["actor"]["email"] if event["actor"] else "the platform"
    what = (event["description"] or event["action"]).removesuffix(f" by user {who}")
    return time_ago(event["created_at"]), who, event["address"] or "-", what
