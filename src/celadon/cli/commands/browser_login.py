"""Logging in by a browser: the platform has a page for it, and tells here once somebody has answered it."""

import socket
import sys
import time

from celadon.cli.connection.client import Client
from celadon.cli.connection.platforms import Platform
from celadon.cli.failure import ApiFailure, Failure, warn

# Seconds; the platform forgets the question then too.
_WITHIN = 600


def log_in(platform: Platform) -> tuple[str, str]:
    """Open the page, wait for what is said there; returns e-mail address and token. Raises Failure."""
    asked = Client(platform=platform, authorization=lambda: "").post(
        "/auth", {"description": f"Celadon CLI login from {socket.gethostname()}"}
    )
    _open(f"{platform.api_url}{asked['browser_url']}")
    print("Waiting for login... ", end="", file=sys.stderr, flush=True)
    try:
        answer = _answer(Client(platform=platform, authorization=lambda: f"Bearer {asked['token']}"), asked["cli_url"])
        if "error" in answer:
            raise Failure(f"cannot log in: {answer['error']}")
    except BaseException:
        print(file=sys.stderr)
        raise
    print("done", file=sys.stderr)
    token = str(answer["access_token"])
    account = Client(platform=platform, authorization=lambda: f"Bearer {token}").get("/account")
    return str(account["email"]), token


def _open(url: str) -> None:
    import webbrowser

    print(f"Opening browser to {url}", file=sys.stderr)
    if not webbrowser.open(url):
        warn(["Cannot open a browser here: open that page in one yourself, or use `celadon login -i`."])


def _answer(client: Client, path: str) -> dict[str, str]:
    """The platform holds its answer back for a while, so this asks again at once."""
    until = time.monotonic() + _WITHIN
    while True:
        try:
            found: dict[str, str] = client.get(path)
        except ApiFailure as failure:
            if failure.id != "pending":
                raise
            if time.monotonic() > until:
                raise Failure("cannot log in: nobody has answered in the browser. Run `celadon login` again.") from None
        else:
            return found
