"""Regions of a platform."""

from celadon.cli.command import command
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import header, listing, show_json


@command(json=True)
def list_regions(invocation: Invocation) -> None:
    """List the regions in which apps can run."""
    regions = invocation.client.all("/regions")
    if invocation.json:
        show_json(regions)
        return
    header("Regions")
    listing([(entry["name"], entry["description"]) for entry in regions])
