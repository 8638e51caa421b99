"""Invitations to make an account."""

import click

from celadon.cli.command import command
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, date, say


@command(must="EMAIL to invite")
@click.argument("email")
def create(invocation: Invocation, email: str) -> None:
    """Invite somebody to make an account. The operator may, and everybody where sign-up is open."""
    with action(f"Inviting {email}"):
        made = invocation.client.post("/invitations", {"email": email})
    say(f"A link was sent to {made['user']['email']}, which works once until {date(made['expires_at'])}.")
    say("Without a mail server it is in `celadon platform:outbox`.")
