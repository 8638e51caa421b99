"""The platform on this machine: its details."""

import shutil
from typing import TYPE_CHECKING, Any

import click

from celadon.cli.command import command
from celadon.cli.failure import Failure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import hash, header, show_json

if TYPE_CHECKING:
    from celadon.platform.settings import Settings


@command(json=True)
def info(invocation: Invocation) -> None:
    """Show a platform of this machine: whether it runs, its addresses, ports, process ids and images.

    Exits with 1 when it does not run.
    """
    from celadon.platform import info as platform_info

    found: dict[str, Any] = platform_info.info(_settings(invocation))
    if invocation.json:
        show_json(found)
    else:
        header(str(found.get("home", "platform")))
        hash({_title(key): _text(value) for key, value in found.items() if key != "home"})
    if not found["running"]:
        raise click.exceptions.Exit(1)


def _settings(invocation: Invocation) -> "Settings":
    """The settings of a platform of this machine; raises Failure."""
    from celadon.platform import settings

    platform = invocation.platform
    if platform.home is None:
        where = "" if shutil.which("celadon") is None else " Give --platform HOME for one that is elsewhere."
        raise Failure(f"{platform.api_url} is no platform of this machine.{where}")
    return settings.load(platform.home)


def _title(key: str) -> str:
    words = key.split("_")
    upper = {"api", "url", "ca", "http", "https", "ssh"}
    return " ".join(word.upper() if word in upper else word.capitalize() for word in words)


def _text(value: Any) -> str | list[str] | None:
    if isinstance(value, dict):
        return [f"{name}: {entry}" for name, entry in value.items()]
    if isinstance(value, list | tuple):
        return [str(entry) for entry in value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)
