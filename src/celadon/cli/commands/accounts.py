"""Logging in and out; credentials live in `.netrc`, where git and curl look too."""

import base64
import os
import socket
import sys
from dataclasses import dataclass, field

import click
from click.termui import raw_terminal

from celadon.cli.command import command
from celadon.cli.commands import browser_login, saved_accounts
from celadon.cli.connection import netrc, platforms
from celadon.cli.connection.client import Client, ended, revoke
from celadon.cli.connection.platforms import Platform, is_loopback
from celadon.cli.failure import ApiFailure, Failure, warn
from celadon.cli.invocation import Invocation, ask, ask_code, ask_password, credentials, token
from celadon.cli.terminal.output import interactive as on_terminal
from celadon.cli.terminal.output import say, show_json

_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One that has been made just now; `platform` is what it has told of itself."""

    platform: Platform
    email: str
    token: str = field(repr=False)


@command()
@click.option("-i", "--interactive", is_flag=True, help="Ask for e-mail address and password here, not in a browser.")
@click.option("-e", "--email", metavar="EMAIL", help="The e-mail address, instead of being asked for it.")
@click.option(
    "--expires-in",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="How long the token lasts; by default until logout, by a browser 30 days.",
)
@click.option("-s", "--sso", is_flag=True, hidden=True)
def login(invocation: Invocation, interactive: bool, email: str | None, expires_in: int | None, sso: bool) -> None:
    """Log in to a platform, in a browser or here, and keep a token in ~/.netrc.

    Without a terminal the password is the next line of standard input, and a two-factor code the one after it.
    """
    if sso:
        raise Failure(
            "cannot log in by single sign-on: this platform has none.", "Run `celadon login` or `celadon login -i`."
        )
    if os.environ.get("CELADON_API_KEY"):
        raise Failure("cannot log in: CELADON_API_KEY is set and would be used instead. Unset it first.")
    if on_terminal():
        print(f"Logging in to {invocation.platform.api_url}", file=sys.stderr)
    if interactive or email or not on_terminal():
        enter(invocation.platform, email, expires_in)
    else:
        _warn_if_open(invocation.platform)
        _await_key()
        address, new_token = browser_login.log_in(invocation.platform)
        if expires_in is not None:
            new_token = _exchanged(invocation.platform, new_token, expires_in)
        _keep(invocation.platform, address, new_token)
    _offer_key(invocation.client)


def _reach(platform: Platform) -> None:
    """Nobody is asked for a password of a platform that cannot be had; raises Failure."""
    from celadon.cli.connection import transport

    try:
        transport.open_connection(platform, platform.api_url)[0].close()
    except ConnectionRefusedError as error:
        # One of this machine may be starting, and is waited for when it is asked.
        if platform.address is None:
            raise transport.failure(platform, error) from None
    except OSError as error:
        raise transport.failure(platform, error) from None


def _warn_if_open(platform: Platform) -> None:
    if platform.api_url.startswith("http://") and not is_loopback(platform.hostname):
        warn([f"{platform.api_url} is not encrypted: others may read your password."])


def _await_key() -> None:
    # The terminal is made to give single keys before it is asked for one: what is typed until then is thrown away.
    with raw_terminal() as terminal:
        print("Press any key to open up the browser to log in, or q to exit: ", end="", file=sys.stderr, flush=True)
        # On Windows there is nothing to make.
        key = click.getchar() if terminal < 0 else os.read(terminal, 32).decode("utf-8", "replace")
    if key == "\x03":
        raise KeyboardInterrupt
    print(file=sys.stderr)
    if key in ("q", "Q", "\x04"):
        raise Failure("Login cancelled.")


@command()
def logout(invocation: Invocation) -> None:
    """End this login: its token works no more, and is taken out of ~/.netrc."""
    platform = invocation.platform
    if credentials(platform) is not None and not os.environ.get("CELADON_API_KEY"):
        revoke(Client(platform=platform, authorization=invocation.client.authorization))
        saved_accounts.forget(token(platform) or "")
    netrc.remove(platform.machines, own=platform.own_entry)
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


def enter(platform: Platform, email: str | None = None, expires_in: int | None = None) -> Login:
    """Ask for credentials, get a token for them (for so many seconds) and keep it; raises Failure."""
    asking = on_terminal()
    if asking:
        _reach(platform)
        print("Enter your Celadon credentials.", file=sys.stderr)
        _warn_if_open(platform)
    for left in reversed(range(_TRIES if asking else 1)):
        given = email or ask("Email: ")
        password = ask_password()
        try:
            address, new_token = _authorize(platform, given, password, expires_in)
            break
        except ApiFailure as failure:
            if failure.http_status != 401:
                raise
            refused = Failure("Authentication failed: no account has this e-mail address and password.")
            if left == 0:
                raise refused from None
            refused.show()
    return _keep(platform, address, new_token)


def _keep(platform: Platform, address: str, new_token: str) -> Login:
    try:
        platform = _informed(platform, new_token)
        netrc.write(dict.fromkeys(platform.machines, (address, new_token)), own=platform.own_entry)
        platforms.remember(platform)
        saved_accounts.renew(platform, address, new_token)
    except Failure:
        # Nobody would know of it.
        revoke(_client(platform, new_token))
        raise
    print(f"Logged in as {address}", file=sys.stdout if on_terminal() else sys.stderr)
    return Login(platform=platform, email=address, token=new_token)


def _informed(platform: Platform, new_token: str) -> Platform:
    """What a platform of another machine says of itself; one that says nothing is used as it is known."""
    if platform.home is not None:
        return platform
    try:
        told = _client(platform, new_token).get("/platform")
    except ApiFailure as failure:
        if failure.http_status == 404:
            return platform
        raise
    return platforms.informed(platform, told) if isinstance(told, dict) else platform


def _client(platform: Platform, token: str) -> Client:
    return Client(platform=platform, authorization=lambda: f"Bearer {token}")


def _asked(expires_in: int | None) -> dict[str, object]:
    """The body of a request for a token."""
    body: dict[str, object] = {"description": f"Celadon CLI login from {socket.gethostname()}", "scope": ["global"]}
    return body if expires_in is None else body | {"expires_in": expires_in}


def _exchanged(platform: Platform, session_token: str, expires_in: int) -> str:
    """A token that lasts as long as was asked for, instead of the session that a browser makes."""
    client = _client(platform, session_token)
    made = client.post("/oauth/authorizations", _asked(expires_in))
    ended(client, "/oauth/sessions/~")
    return str(made["access_token"]["token"])


def _authorize(platform: Platform, email: str, password: str, expires_in: int | None) -> tuple[str, str]:
    basic = base64.b64encode(f"{email}:{password}".encode()).decode()
    client = Client(
        platform=platform,
        authorization=lambda: f"Basic {basic}",
        ask_code=ask_code,
    )
    made = client.post("/oauth/authorizations", _asked(expires_in))
    return str((made.get("user") or {}).get("email") or email), str(made["access_token"]["token"])


def _offer_key(client: Client) -> None:
    """On a login without any SSH key one can be made and uploaded at once."""
    if not on_terminal() or client.get("/account/keys"):
        return
    from celadon.cli.commands import keys

    keys.offer(client)
