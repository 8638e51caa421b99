"""App transfers: an owner offers an app to a collaborator, who accepts or declines; or hands it to a team."""

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, header, listing, say, show_json, time_ago

_PATH = "/account/app-transfers"


@command(app=True, confirm=True, must="RECIPIENT to transfer to")
@click.argument("recipient")
@click.option("-l", "--locked", is_flag=True, help="Lock the app, if it goes to a team.")
def create(invocation: Invocation, recipient: str, locked: bool) -> None:
    """Offer the app to one of its collaborators: it is theirs once they accept, and you stay a collaborator.

    To a team that you work in it goes at once, as does a team's app to somebody who is on it.
    """
    app = invocation.client.get(invocation.app_path)
    person = "@" in recipient
    if person and app.get("team") is None:
        with action(f"Initiating transfer of {invocation.app} to {recipient}") as running:
            invocation.client.post(_PATH, {"app": invocation.app, "recipient": recipient})
            running.word = "email sent"
        return
    if person:
        invocation.confirm_destroy(app["name"], "All collaborators will be removed from this app")
    path = f"/teams/apps/{app['id']}"
    with action(f"Transferring {app['name']} to {recipient}"):
        invocation.client.patch(path, {"owner": recipient})
    if locked and not person:
        with action(f"Locking {app['name']}"):
            invocation.client.patch(path, {"locked": True})


@command(json=True)
def list_transfers(invocation: Invocation) -> None:
    """List the apps that you offer and that you are offered."""
    transfers = invocation.client.all(_PATH)
    if invocation.json:
        show_json(transfers)
        return
    if not transfers:
        say("No app transfers.")
        return
    header("App Transfers")
    listing(
        (
            transfer["app"]["name"],
            f"from {transfer['owner']['email']}",
            f"to {transfer['recipient']['email']}",
            time_ago(transfer["created_at"]),
        )
        for transfer in transfers
    )


@command(app=True)
@click.argument("app", required=False)
def accept(invocation: Invocation, app: str | None) -> None:
    """Take an app that you are offered: you own it then."""
    _answer(invocation, app, "Accepting", "accepted")


@command(app=True)
@click.argument("app", required=False)
def decline(invocation: Invocation, app: str | None) -> None:
    """Turn an app down that you are offered."""
    _answer(invocation, app, "Declining", "declined")


@command(app=True)
@click.argument("app", required=False)
def cancel(invocation: Invocation, app: str | None) -> None:
    """Take an offer of yours back."""
    path = _path(invocation, app)
    with action(f"Cancelling transfer of {invocation.app}"):
        invocation.client.delete(path)


def _answer(invocation: Invocation, app: str | None, verb: str, state: str) -> None:
    path = _path(invocation, app)
    with action(f"{verb} transfer of {invocation.app}"):
        invocation.client.patch(path, {"state": state})


def _path(invocation: Invocation, app: str | None) -> str:
    if app:
        invocation.choose(app)
    return f"{_PATH}/{segment(invocation.app)}"
