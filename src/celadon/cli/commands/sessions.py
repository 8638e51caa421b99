"""Sessions: logins by a browser."""

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, listing, say, show_json


@command(json=True)
def list_sessions(invocation: Invocation) -> None:
    """List your logins by a browser: description and id."""
    sessions = invocation.client.all("/oauth/sessions")
    if invocation.json:
        show_json(sessions)
    elif not sessions:
        say("No OAuth sessions.")
    else:
        listing((session["description"], session["id"]) for session in sessions)


@command(must="ID of the session")
@click.argument("id")
def destroy(invocation: Invocation, id: str) -> None:
    """End a login by a browser: its token works no more."""
    with action(f"Destroying {id}"):
        invocation.client.delete(f"/oauth/sessions/{segment(id)}")
