"""Stacks: the systems that apps are built and run on."""

from celadon.cli.commands import command
from celadon.cli.invocation import Invocation
from celadon.cli.output import header, listing, show_json


@command(app=True, json=True)
def list_stacks(invocation: Invocation) -> None:
    """List the stacks; the one of the app has a star."""
    app = invocation.client.get(invocation.app_path)
    stacks = invocation.client.all("/stacks")
    if invocation.json:
        show_json(stacks)
        return
    header(f"{invocation.app} Available Stacks")
    lines = []
    for entry in stacks:
        note = "" if entry["state"] == "public" else f" ({entry['state']})"
        lines.append(f"{'*' if entry['name'] == app['stack']['name'] else ' '} {entry['name']}{note}")
    listing(sorted(lines), in_order=False)
