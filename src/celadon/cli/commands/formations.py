"""The formation: how many dynos of which size each process type has."""

import re
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.failure import ApiFailure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, price, say, show_json, table

_SCALE = re.compile(r"^(?P<type>[A-Za-z0-9_-]+?)(?:=(?P<set>\d+)|(?P<change>[+-]\d+))(?::(?P<size>[\w-]+))?$")
_RESIZE = re.compile(r"^(?P<type>[A-Za-z0-9_-]+)=(?P<size>[\w-]+)$")
# The options that click would take `web-1`'s likes for do not begin like that: a change always begins with a type.


@command(app=True, json=True)
@click.argument("changes", nargs=-1)
def scale(invocation: Invocation, changes: tuple[str, ...]) -> None:
    """Change how many dynos process types have: `web=2`, `worker+1`, `web-1`, with a size as in `web=2:2X`.

    Without changes the present formation is printed.
    """
    if not changes:
        _print(invocation)
        return
    updates = [_scaled(change) for change in changes]
    names = {update["type"] for update in updates}
    with action("Scaling dynos", quiet=invocation.json) as scaling:
        after = invocation.client.patch(f"{invocation.app_path}/formation", {"updates": updates})
        shown = [f"{entry['type']} at {entry['quantity']}:{entry['size']}" for entry in after if entry["type"] in names]
        scaling.status = f"now running {', '.join(shown)}."
    if invocation.json:
        show_json(after)


@command(app=True, json=True)
@click.argument("changes", nargs=-1)
def resize(invocation: Invocation, changes: tuple[str, ...]) -> None:
    """Change the size of process types' dynos: `web=2X`. Without changes the present sizes are printed.

    One size without a type, as in `celadon ps:type 2X`, goes for all types.
    """
    path = f"{invocation.app_path}/formation"
    if not changes:
        _sizes(invocation)
        return
    if len(changes) == 1 and "=" not in changes[0]:
        updates = [{"type": entry["type"], "size": changes[0]} for entry in invocation.client.all(path)]
    else:
        updates = [_resized(change) for change in changes]
    names = {update["type"] for update in updates}
    with action("Resizing and restarting the specified dynos", quiet=invocation.json):
        after = invocation.client.patch(path, {"updates": updates})
    if invocation.json:
        show_json(after)
        return
    costs = _costs(invocation)
    for entry in after:
        if entry["type"] in names:
            say(f"{entry['type']} dynos now {entry['size']}{price(costs.get(entry['size'].lower()))}")


def _scaled(change: str) -> dict[str, str]:
    found = _SCALE.match(change)
    if found is None:
        raise UsageFailure(f"cannot scale by {change!r}: write TYPE=QUANTITY, TYPE+N or TYPE-N, with :SIZE if you like")
    update = {"type": found["type"], "quantity": found["set"] or found["change"]}
    if found["size"]:
        update["size"] = found["size"]
    return update


def _resized(change: str) -> dict[str, str]:
    found = _RESIZE.match(change)
    if found is None:
        raise UsageFailure(f"cannot resize by {change!r}: write TYPE=SIZE, as in web=2X")
    return {"type": found["type"], "size": found["size"]}


def _print(invocation: Invocation) -> None:
    present = invocation.client.all(f"{invocation.app_path}/formation")
    if invocation.json:
        show_json(present)
    elif present:
        say(" ".join(f"{entry['type']}={entry['quantity']}:{entry['size']}" for entry in present))
    else:
        say(f"{invocation.app} has no process types: push code that has a Procfile first.")


def _sizes(invocation: Invocation) -> None:
    present = invocation.client.all(f"{invocation.app_path}/formation")
    if invocation.json:
        show_json(present)
        return
    if not present:
        say(f"{invocation.app} has no process types: push code that has a Procfile first.")
        return
    costs = _costs(invocation)
    rows = [
        (entry["type"], entry["size"], entry["quantity"], price(costs.get(entry["size"].lower())).strip(" ()"))
        for entry in present
    ]
    table(("Type", "Size", "Qty", "Price"), rows)


def _costs(invocation: Invocation) -> dict[str, Any]:
    """Size in lower case → its cost, where the platform says it."""
    try:
        sizes = invocation.client.all("/dyno-sizes")
    except ApiFailure as failure:
        if failure.http_status in (404, 501):
            return {}
        raise
    return {str(entry["name"]).lower(): entry.get("cost") for entry in sizes}
