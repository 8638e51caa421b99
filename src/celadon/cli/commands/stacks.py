"""Stacks: the systems that apps are built and run on."""

import click

from celadon.cli.command import command
from celadon.cli.commands import git
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import header, listing, say, show_json


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
    # The one to use first.
    for entry in sorted(stacks, key=lambda entry: (not entry["default"], entry["name"])):
        note = "" if entry["state"] == "public" else f" ({entry['state']})"
        lines.append(f"{'*' if entry['name'] == app['stack']['name'] else ' '} {entry['name']}{note}")
    listing(lines, in_order=False)


@command(app=True, must="STACK to set")
@click.argument("stack")
def set_stack(invocation: Invocation, stack: str) -> None:
    """Build and run an app on a stack from its next release on."""
    app = invocation.client.patch(invocation.app_path, {"build_stack": stack})
    name = app["build_stack"]["name"]
    remote = next((one.name for one in git.remotes_of(invocation.platform, app["name"])), git.DEFAULT_REMOTE)
    say(f"Stack set. Next release on {app['name']} will use {name}.")
    say(f"Run `git push {remote} main` to create a new release on {name}.")
