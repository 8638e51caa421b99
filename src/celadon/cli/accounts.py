"""Logging in and out; credentials live in `.netrc`, where git and curl look too."""

import base64
import os
import socket
import sys

import click

from celadon.cli import netrc, platforms
from celadon.cli.client import Client
from celadon.cli.commands import command
from celadon.cli.failure import ApiFailure, Failure
from celadon.cli.invocation import Invocation, ask, credentials, token
from celadon.cli.output import interactive, say, show_json
from celadon.cli.platforms import Platform, is_loopback

_TRIES = 3


@command()
@click.option("-i", "--interactive", is_flag=True, help="Ask for e-mail address and password here (the default).")
@click.option("-e", "--email", metavar="EMAIL", help="The e-mail address, instead of being asked for it.")
def login(invocation: Invocation, interactive: bool, email: str | None) -> None:
    """Log in to a platform: asks for your e-mail address and password and keeps a token in ~/.netrc.

    Without a terminal the password is read from standard input.
    """
    if os.environ.get("CELADON_API_KEY"):
        raise Failure("cannot log in: CELADON_API_KEY is set and would be used instead. Unset it first.")
    enter(invocation.platform, email)
    _offer_key(invocation.client)


@command()
def logout(invocation: Invocation) -> None:
    """Make the token of this login invalid and take it out of ~/.netrc."""
    platform = invocation.platform
    if credentials(platform) is not None and not os.environ.get("CELADON_API_KEY"):
        client = Client(platform=platform, authorization=invocation.client.authorization)
        try:
            current = client.get("/oauth/authorizations/~")
            client.delete(f"/oauth/authorizations/{current['id']}")
        except ApiFailure as failure:
            # A token that the platform no longer knows is as good as deleted.
            if failure.http_status not in (401, 404):
                raise
    netrc.remove(platform.machines)
    platforms.forget(platform)
    say("Local credentials cleared")


@command(json=True)
def whoami(invocation: Invocation) -> None:
    """Print the e-mail address of the account you are logged in with."""
    if token(invocation.platform) is None:
        raise Failure(f"Not logged in to {invocation.platform.api_url}.", "Run `celadon login` first.")
    account = invocation.client.get("/account")
    if invocation.json:
        show_json(account)
    else:
        say(account["email"])


@command()
def show_token(invocation: Invocation) -> None:
    """Print the API token that is used for requests. Who has it can do all that you can."""
    found = token(invocation.platform)
    if found is None:
        raise Failure(f"Not logged in to {invocation.platform.api_url}.", "Run `celadon login` first.")
    say(found)


def enter(platform: Platform, email: str | None = None) -> None:
    """Ask for credentials, get a token for them and keep it; raises Failure."""
    asking = interactive()
    if asking:
        print("Enter your Celadon credentials.", file=sys.stderr)
        if platform.api_url.startswith("http://") and not is_loopback(platform.hostname):
            print(f" !    {platform.api_url} is not encrypted: others may read your password.", file=sys.stderr)
    for left in reversed(range(_TRIES if asking else 1)):
        given = email or ask("Email: ")
        password = _ask_password(asking)
        try:
            address, new_token = _authorize(platform, given, password)
            break
        except ApiFailure as failure:
            if failure.http_status != 401:
                raise
            refused = Failure("Authentication failed: no account has this e-mail address and password.")
            if left == 0:
                raise refused from None
            refused.show()
    platform = _informed(platform, new_token)
    netrc.write(dict.fromkeys(platform.machines, (address, new_token)))
    platforms.remember(platform)
    print(f"Logged in as {address}", file=sys.stdout if asking else sys.stderr)


def _informed(platform: Platform, new_token: str) -> Platform:
    """What a platform of another machine says of itself; one that says nothing is used as it is known."""
    if platform.home is not None:
        return platform
    try:
        told = Client(platform=platform, authorization=lambda: f"Bearer {new_token}").get("/platform")
    except ApiFailure as failure:
        if failure.http_status == 404:
            return platform
        raise
    return platforms.informed(platform, told)


def _authorize(platform: Platform, email: str, password: str) -> tuple[str, str]:
    basic = base64.b64encode(f"{email}:{password}".encode()).decode()
    client = Client(
        platform=platform,
        authorization=lambda: f"Basic {basic}",
        ask_code=lambda: ask("Two-factor code: ") if interactive() else None,
    )
    body = {"description": f"Celadon CLI login from {socket.gethostname()}", "scope": ["global"]}
    made = client.post("/oauth/authorizations", body)
    return str((made.get("user") or {}).get("email") or email), str(made["access_token"]["token"])


def _ask_password(asking: bool) -> str:
    if not asking:
        return sys.stdin.readline().rstrip("\n")
    import getpass

    try:
        return getpass.getpass("Password (typing will be hidden): ")
    except EOFError:
        print(file=sys.stderr)
        raise Failure("Aborted.") from None


def _offer_key(client: Client) -> None:
    """On a login without any SSH key one can be made and uploaded at once."""
    if not interactive() or client.get("/account/keys"):
        return
    from celadon.cli import keys

    keys.offer(client)
