"""Commands of former times that still work: each says what is written today, then does it."""

import click

from celadon.cli.command import command
from celadon.cli.commands import drains
from celadon.cli.failure import ApiFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, say

_quantity = click.argument("quantity", required=False, type=click.IntRange(min=0))


@command(app=True)
@_quantity
def dynos(invocation: Invocation, quantity: int | None) -> None:
    """Print how many web dynos an app has, or change it. `celadon ps:scale web=N` is its name today."""
    _scale(invocation, "ps:dynos QTY", "web", "dyno", quantity)


@command(app=True)
@_quantity
def workers(invocation: Invocation, quantity: int | None) -> None:
    """Print how many worker dynos an app has, or change it. `celadon ps:scale worker=N` is its name today."""
    _scale(invocation, "ps:workers QTY", "worker", "worker", quantity)


@command(app=True, json=True)
def log_drains(invocation: Invocation) -> None:
    """List the log drains of an app. `celadon drains` is its name today."""
    if not invocation.json:
        say(_today("logs:drains", "drains"))
    drains.show(invocation)


def _scale(invocation: Invocation, usage: str, kind: str, noun: str, quantity: int | None) -> None:
    say(_today(usage, f"ps:scale {kind}=QTY"))
    path = f"{invocation.app_path}/formation/{kind}"
    if quantity is not None:
        with action(f"Scaling {noun}s") as scaling:
            scaling.status = f"now running {invocation.client.patch(path, {'quantity': quantity})['quantity']}"
        return
    try:
        present = int(invocation.client.get(path)["quantity"])
    except ApiFailure as failure:
        # An app without such a process type has none of its dynos.
        if failure.http_status != 404 or failure.resource == "app":
            raise
        present = 0
    say(f"{invocation.app} is running {present} {noun}{'' if present == 1 else 's'}")


def _today(before: str, now: str) -> str:
    return f"~ `celadon {before}` has been deprecated and replaced with `celadon {now}`"
