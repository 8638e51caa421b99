"""Favourite apps: the stars of the dashboard."""

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, header, listing, say, show_json

_PATH = "/account/favorites"


@command(json=True)
def list_favorites(invocation: Invocation) -> None:
    """List your favourite apps."""
    found = invocation.client.all(_PATH)
    if invocation.json:
        show_json(found)
    elif not found:
        say("You have no favourite apps. Make one: celadon apps:favorites:add --app APP")
    else:
        header("Favorited Apps")
        listing([app["name"] for app in found])


@command(app=True)
def add(invocation: Invocation) -> None:
    """Make an app a favourite of yours: it comes first in the dashboard's list."""
    with action(f"Adding {invocation.app} to favorites"):
        invocation.client.post(_PATH, {"app": invocation.app})


@command(app=True)
def remove(invocation: Invocation) -> None:
    """Make an app no favourite of yours any more."""
    with action(f"Removing {invocation.app} from favorites"):
        invocation.client.delete(f"{_PATH}/{segment(invocation.app)}")
