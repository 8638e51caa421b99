"""Domain names of an app."""

from celadon.cli.commands import command
from celadon.cli.invocation import Invocation
from celadon.cli.output import header, listing, say, show_json


@command(app=True, json=True)
def list_domains(invocation: Invocation) -> None:
    """List the domain names that an app has besides its own under the platform's domain."""
    domains = invocation.client.all(f"{invocation.app_path}/domains", range="id ..; max=1000;")
    custom = [entry["hostname"] for entry in domains if entry["kind"] == "custom"]
    if invocation.json:
        show_json(domains)
    elif not custom:
        say(f"{invocation.app} has no domain names.")
    else:
        header(f"{invocation.app} Domain Names")
        listing(custom)
