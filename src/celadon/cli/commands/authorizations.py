"""Authorizations: tokens of the account, for programs of its own and of others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, hash, listing, say, show_json, time_ago

_PATH = "/oauth/authorizations"


@command(json=True)
def list_authorizations(invocation: Invocation) -> None:
    """List your authorizations: description, id and scope."""
    found = invocation.client.all(_PATH)
    if invocation.json:
        show_json(found)
    elif not found:
        say("No OAuth authorizations.")
    else:
        listing((entry["description"], entry["id"], ",".join(entry["scope"])) for entry in found)


@command(json=True)
@click.option("-d", "--description", metavar="TEXT", help="What it is for.")
@click.option("-s", "--scope", metavar="SCOPE,SCOPE", help="What it may do, as `read,write`; by default everything.")
@click.option("-e", "--expires-in", type=int, metavar="SECONDS", help="How long it lasts; by default until revoked.")
@click.option("-S", "--short", is_flag=True, help="Print the token alone.")
def create(
    invocation: Invocation, description: str | None, scope: str | None, expires_in: int | None, short: bool
) -> None:
    """Make a token. It is shown this once; who has it can do what its scope says."""
    body: dict[str, object] = {"description": description, "expires_in": expires_in}
    if scope is not None:
        body["scope"] = [name.strip() for name in scope.split(",")]
    with action("Creating OAuth Authorization", quiet=invocation.json or short):
        made = invocation.client.post(_PATH, body)
    if short:
        say(made["access_token"]["token"])
    else:
        _show(invocation, made)


@command(json=True, must="ID of the authorization")
@click.argument("id")
def info(invocation: Invocation, id: str) -> None:
    """Show an authorization, with the beginning of its token."""
    _show(invocation, invocation.client.get(_path(id)))


@command(json=True, must="ID of the authorization")
@click.argument("id")
@click.option("-d", "--description", required=True, metavar="TEXT", help="What it is for.")
def update(invocation: Invocation, id: str, description: str) -> None:
    """Describe an authorization otherwise."""
    with action("Updating OAuth Authorization", quiet=invocation.json):
        changed = invocation.client.patch(_path(id), {"description": description})
    _show(invocation, changed)


@command(must="ID of the authorization")
@click.argument("id")
def revoke(invocation: Invocation, id: str) -> None:
    """End an authorization: its token works no more."""
    with action("Revoking OAuth Authorization") as running:
        ended = invocation.client.delete(_path(id))
        running.status = f"revoked authorization from {ended['description']}"


@command(json=True, must="ID of the authorization")
@click.argument("id")
def rotate(invocation: Invocation, id: str) -> None:
    """Give an authorization another token; the one of before works no more."""
    with action("Rotating OAuth Authorization", quiet=invocation.json):
        changed = invocation.client.post(f"{_path(id)}/actions/regenerate-tokens")
    _show(invocation, changed)


def _path(id: str) -> str:
    return f"{_PATH}/{segment(id)}"


def _show(invocation: Invocation, entry: dict[str, Any]) -> None:
    if invocation.json:
        show_json(entry)
        return
    client, token = entry["client"] or {}, entry["access_token"] or {}
    hash(
        {
            "Client": client.get("name", "<none>"),
            "Redirect URI": client.get("redirect_uri"),
            "ID": entry["id"],
            "Description": entry["description"],
            "Scope": ",".join(entry["scope"]),
            "Token": token.get("token"),
            "Expires at": _until(token["expires_in"]) if token.get("expires_in") is not None else None,
            "Updated at": time_ago(entry["updated_at"]),
        },
        in_order=False,
    )


def _until(seconds: int) -> str:
    return f"{(datetime.now(UTC) + timedelta(seconds=seconds)).astimezone():%Y/%m/%d %H:%M:%S}"
