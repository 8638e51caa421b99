"""OAuth clients: programs of yours that others may let act for them."""

from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, hash, header, listing, say, show_json

_PATH = "/oauth/clients"
_shell = click.option("-s", "--shell", is_flag=True, help="Print lines that a shell can read.")


@command(json=True)
def list_clients(invocation: Invocation) -> None:
    """List your OAuth clients: name, id and redirect URI."""
    clients = invocation.client.all(_PATH)
    if invocation.json:
        show_json(clients)
    elif not clients:
        say("No OAuth clients.")
    else:
        listing((client["name"], client["id"], client["redirect_uri"]) for client in clients)


@command(json=True, must="NAME and REDIRECT_URI")
@click.argument("name")
@click.argument("redirect_uri")
@_shell
def create(invocation: Invocation, name: str, redirect_uri: str, shell: bool) -> None:
    """Make an OAuth client; people are sent back to its redirect URI."""
    with action(f"Creating {name}", quiet=invocation.json or shell):
        client = invocation.client.post(_PATH, {"name": name, "redirect_uri": redirect_uri})
    if invocation.json:
        show_json(client)
    else:
        _say_variables(client)


@command(json=True, must="ID of the client")
@click.argument("id")
@_shell
def info(invocation: Invocation, id: str, shell: bool) -> None:
    """Show an OAuth client, with its secret if it is yours."""
    _show(invocation, invocation.client.get(_path(id)), shell)


@command(must="ID of the client")
@click.argument("id")
@click.option("-n", "--name", metavar="NAME", help="Another name.")
@click.option("--url", metavar="URL", help="Another redirect URI.")
def update(invocation: Invocation, id: str, name: str | None, url: str | None) -> None:
    """Change the name or the redirect URI of an OAuth client."""
    changes = {key: value for key, value in (("name", name), ("redirect_uri", url)) if value is not None}
    if not changes:
        raise UsageFailure("No changes provided: give --name or --url.")
    with action(f"Updating {id}"):
        invocation.client.patch(_path(id), changes)


@command(json=True, must="ID of the client")
@click.argument("id")
@_shell
def rotate(invocation: Invocation, id: str, shell: bool) -> None:
    """Give an OAuth client another secret; the one of before works no more."""
    with action(f"Updating {id}", quiet=invocation.json or shell):
        client = invocation.client.post(f"{_path(id)}/actions/rotate-credentials")
    _show(invocation, client, shell)


@command(must="ID of the client")
@click.argument("id")
def destroy(invocation: Invocation, id: str) -> None:
    """Destroy an OAuth client, with all that people have let it do."""
    with action(f"Destroying {id}"):
        invocation.client.delete(_path(id))


def _path(id: str) -> str:
    return f"{_PATH}/{segment(id)}"


def _show(invocation: Invocation, client: dict[str, Any], shell: bool) -> None:
    if invocation.json:
        show_json(client)
    elif shell:
        _say_variables(client)
    else:
        header(client["name"])
        hash({key: None if value is None else str(value) for key, value in client.items()})


def _say_variables(client: dict[str, Any]) -> None:
    say(f"HEROKU_OAUTH_ID={client['id']}")
    # That of somebody else's program is not told.
    if "secret" in client:
        say(f"HEROKU_OAUTH_SECRET={client['secret']}")
