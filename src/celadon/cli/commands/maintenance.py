"""Maintenance mode: visitors get the maintenance page while dynos go on."""

from celadon.cli.command import command
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, say, show_json


@command(app=True, json=True)
def show(invocation: Invocation) -> None:
    """Print `on` or `off`."""
    maintenance = bool(invocation.client.get(invocation.app_path)["maintenance"])
    if invocation.json:
        show_json({"maintenance": maintenance})
    else:
        say("on" if maintenance else "off")


@command(app=True)
def on(invocation: Invocation) -> None:
    """Show visitors the maintenance page; dynos keep running."""
    with action(f"Enabling maintenance mode for {invocation.app}"):
        invocation.client.patch(invocation.app_path, {"maintenance": True})


@command(app=True)
def off(invocation: Invocation) -> None:
    """Let visitors reach the app again."""
    with action(f"Disabling maintenance mode for {invocation.app}"):
        invocation.client.patch(invocation.app_path, {"maintenance": False})
