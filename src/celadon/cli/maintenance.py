"""Maintenance mode: visitors get the maintenance page while dynos go on."""

from celadon.cli.commands import command
from celadon.cli.invocation import Invocation
from celadon.cli.output import action, say


@command(app=True)
def show(invocation: Invocation) -> None:
    """Print `on` or `off`."""
    say("on" if invocation.client.get(invocation.app_path)["maintenance"] else "off")


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
