"""`update`: the client becomes the one that its platform runs."""

import hashlib
import http.client
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import celadon
from celadon.cli import installation
from celadon.cli.command import command
from celadon.cli.connection import transport
from celadon.cli.connection.client import Client
from celadon.cli.connection.platforms import Platform, is_loopback
from celadon.cli.failure import ApiFailure, Failure
from celadon.cli.invocation import ANONYMOUS, Invocation
from celadon.cli.terminal.output import action, say

_LIMIT = 64 << 20
_LAST_LINES = 8


@command()
def update(invocation: Invocation) -> None:
    """Replace this client by the one that your platform runs, by the tool that installed it."""
    _update(invocation)


@command()
def beta(invocation: Invocation) -> None:
    """Do what `update` does: a platform has one client, and no other for trying out."""
    say("There is one client of a platform, and no beta of it.")
    _update(invocation)


def _update(invocation: Invocation) -> None:
    if (checkout := installation.checkout()) is not None:
        raise Failure(
            f"cannot update: this client runs from the checkout {checkout}, as its platform does",
            f"Update both: git -C {checkout} pull && {checkout}/bin/up",
        )
    platform = invocation.platform
    check_trusted(platform)
    told = offered(platform)
    if told["version"] == celadon.__version__:
        say(f"This client is up to date: celadon/{celadon.__version__}, as {platform.api_url} has it.")
        return
    with action(f"Updating celadon from {celadon.__version__} to {told['version']}"):
        _install(_download(platform, told), str(told["version"]))


def check_trusted(platform: Platform) -> None:
    """Raises Failure where anybody on the way could send us a program of their own."""
    if not platform.api_url.startswith("https://") and not is_loopback(platform.hostname):
        raise Failure(
            f"cannot update from {platform.api_url}: nobody vouches for what comes without TLS",
            "Name the platform by its https:// address, with --platform.",
        )


def offered(platform: Platform) -> dict[str, Any]:
    """What client the platform has: `version`, `url`, `sha256`; raises Failure. No token is shown for it."""
    try:
        told = Client(platform=platform, authorization=lambda: ANONYMOUS).get("/client")
        return {name: str(told[name]) for name in ("version", "url", "sha256")}
    except ApiFailure as refused:
        if refused.http_status != 404:
            raise
        raise Failure(f"cannot update from {platform.api_url}: it has no client to give") from None
    except (KeyError, TypeError):
        raise Failure(f"cannot update from {platform.api_url}: it does not say which client it has") from None


def _download(platform: Platform, told: dict[str, Any]) -> bytes:
    """The wheel, if it is the one that was promised; raises Failure."""
    path = quote(told["url"])
    if not path.startswith("/client/"):
        raise Failure(f"cannot update from {platform.api_url}: its client is at {path}, which is no place for one")
    try:
        connection, _ = transport.open_connection(platform, platform.api_url)
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read(_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        raise transport.failure(platform, error) from None
    if answer.status != 200:
        raise Failure(f"cannot get the client: {platform.api_url} answered {answer.status}. Try again in a moment.")
    if hashlib.sha256(content).hexdigest() != told["sha256"]:
        raise Failure("cannot use the client that came: it is not what was promised (SHA-256). Try again.")
    return content


def _install(content: bytes, version: str) -> None:
    name = f"celadon-{version}-py3-none-any.whl"
    if Path(name).name != name:
        raise Failure(f"cannot install the client: {version!r} is no version")
    with tempfile.TemporaryDirectory(prefix="celadon-update-") as directory:
        wheel = Path(directory, name)
        wheel.write_bytes(content)
        argv = [*installation.own_installer(), str(wheel)]
        done = subprocess.run(argv, capture_output=True, check=False, text=True, errors="replace")
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Failure(f"cannot install celadon {version}; the client is as it was:", *said[-_LAST_LINES:])
