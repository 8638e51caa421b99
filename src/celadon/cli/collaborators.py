"""Collaborators: who may work on an app."""

import click

from celadon.cli.client import segment
from celadon.cli.commands import command
from celadon.cli.invocation import Invocation
from celadon.cli.output import action, header, listing, show_json


@command(app=True, json=True)
def list_collaborators(invocation: Invocation) -> None:
    """List who may work on the app, and as what."""
    people = invocation.client.all(f"{invocation.app_path}/collaborators")
    if invocation.json:
        show_json(people)
        return
    header(f"{invocation.app} Access List")
    listing([(person["user"]["email"], person["role"]) for person in people])


@command(app=True, must="EMAIL to add")
@click.argument("email")
def add(invocation: Invocation, email: str) -> None:
    """Let somebody work on the app. Who has no account yet is invited to make one, and works on it then."""
    with action(f"Adding {email} to {invocation.app} as collaborator"):
        invocation.client.post(f"{invocation.app_path}/collaborators", {"user": email})


@command(app=True, must="EMAIL to remove")
@click.argument("email")
def remove(invocation: Invocation, email: str) -> None:
    """End somebody's work on the app, or take an invitation back. Everybody may remove themselves."""
    with action(f"Removing {email} from {invocation.app} collaborators"):
        invocation.client.delete(f"{invocation.app_path}/collaborators/{segment(email)}")
