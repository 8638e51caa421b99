"""`celadon hello:world`: who you are, and how many apps you have."""

import click
from celadon.cli.command import command
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import say, show_json


@command(json=True)
@click.argument("greeting", default="Hello")
def world(invocation: Invocation, greeting: str) -> None:
    """Greet whoever is logged in, and count their apps."""
    email = invocation.client.get("/account")["email"]
    apps = invocation.client.all("/apps")
    if invocation.json:
        show_json({"email": email, "apps": [app["name"] for app in apps]})
        return
    say(f"{greeting}, {email}: you have {len(apps)} app{'' if len(apps) == 1 else 's'}.")
