"""Collaborators: who may work on an app."""

from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.failure import ApiFailure, Failure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, header, listing, show_json

_PERMISSIONS = "-p", "--permissions"


@command(app=True, json=True)
def list_collaborators(invocation: Invocation) -> None:
    """List who may work on the app, and as what, also who is invited; on a team's app also with which permissions."""
    of_team = _of_team(invocation)
    people = invocation.client.all(f"{invocation.app_path}/collaborators")
    if of_team:
        # The team itself is no person, and who has no account is not invited to its apps.
        people = [person for person in people if person["role"] != "owner"]
    else:
        people += _invited(invocation)
    if invocation.json:
        show_json(people)
        return
    header(f"{invocation.app} Access List")
    listing([_row(person, of_team=of_team) for person in people])


def _invited(invocation: Invocation) -> list[dict[str, Any]]:
    """Who was invited and has no account yet; nobody for who may not see that, and where no platform tells."""
    try:
        return invocation.client.all(f"{invocation.app_path}/collaborator-invitations")
    except ApiFailure as failure:
        if failure.http_status in (403, 404, 501):
            return []
        raise


def _row(person: dict[str, Any], *, of_team: bool) -> tuple[str, ...]:
    row = person["user"]["email"], "collaborator (invited)" if person.get("invited") else person["role"]
    return (*row, ", ".join(sorted(held["name"] for held in person["permissions"]))) if of_team else row


@command(app=True, must="EMAIL to add")
@click.argument("email")
@click.option(*_PERMISSIONS, metavar="LIST", help="On a team's app: deploy, manage, operate, separated by commas.")
def add(invocation: Invocation, email: str, permissions: str | None) -> None:
    """Let somebody work on the app. Who has no account yet is invited to make one, and works on it then.

    On a team's app: somebody who has an account, with these permissions.
    """
    if not _of_team(invocation):
        with action(f"Adding {email} to {invocation.app} as collaborator"):
            invocation.client.post(f"{invocation.app_path}/collaborators", {"user": email})
        return
    if permissions is None:
        raise UsageFailure(
            "Usage: celadon access:add EMAIL --permissions LIST",
            f"{invocation.app} is the app of a team: say what {email} may, such as --permissions deploy,operate",
        )
    wanted = _listed(permissions)
    with action(f"Adding {email} access to the app {invocation.app} with {', '.join(wanted)} permissions"):
        body = {"user": email, "permissions": wanted}
        invocation.client.post(f"/teams{invocation.app_path}/collaborators", body)


@command(app=True, must="EMAIL and --permissions LIST")
@click.argument("email")
@click.option(*_PERMISSIONS, required=True, metavar="LIST", help="deploy, manage, operate, separated by commas.")
def update(invocation: Invocation, email: str, permissions: str) -> None:
    """Change what somebody may do on a team's app."""
    if not _of_team(invocation):
        raise Failure(f"cannot update permissions: the app {invocation.app} is not owned by a team")
    wanted = _listed(permissions)
    with action(f"Updating {email} in application {invocation.app} with {', '.join(wanted)} permissions"):
        path = f"/teams{invocation.app_path}/collaborators/{segment(email)}"
        invocation.client.patch(path, {"permissions": wanted})


@command(app=True, must="EMAIL to remove")
@click.argument("email")
def remove(invocation: Invocation, email: str) -> None:
    """End somebody's work on the app, or take an invitation back. Everybody may remove themselves."""
    with action(f"Removing {email} from {invocation.app} collaborators"):
        invocation.client.delete(f"{invocation.app_path}/collaborators/{segment(email)}")


def _of_team(invocation: Invocation) -> bool:
    return invocation.client.get(invocation.app_path).get("team") is not None


def _listed(permissions: str) -> list[str]:
    """The permissions of a list with commas, with that to see the app."""
    return sorted({name.strip() for name in permissions.split(",") if name.strip()} | {"view"})
