"""Domain names of an app."""

from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, header, listing, say, show_json


@command(app=True, json=True)
def list_domains(invocation: Invocation) -> None:
    """List the domain names that an app has besides its own under the platform's domain, and the DNS record each wants."""
    domains = _domains(invocation)
    if invocation.json:
        show_json(domains)
        return
    custom = [entry for entry in domains if entry["kind"] == "custom"]
    if not custom:
        say(f"{invocation.app} has no domain names.")
        return
    header(f"{invocation.app} Domain Names")
    listing([(entry["hostname"], f"{_shown(entry)}{_pending(entry)}") for entry in custom])


@command(app=True, json=True, must="DOMAIN to add")
@click.argument("domain")
def add(invocation: Invocation, domain: str) -> None:
    """Give the app a domain name: `www.example.com`, or `*.example.com` for every name under it."""
    with action(f"Adding {domain} to {invocation.app}", quiet=invocation.json):
        made = invocation.client.post(f"{invocation.app_path}/domains", {"hostname": domain, "sni_endpoint": None})
    if invocation.json:
        show_json(made)
    else:
        say(f"Have DNS lead {made['hostname']} here: {record(made['hostname'])} to {made['cname']}")


@command(app=True, json=True, must="DOMAIN and --cert NAME")
@click.argument("domain")
@click.option("--cert", metavar="NAME", required=True, help="The certificate to serve: `celadon certs` lists them.")
def update(invocation: Invocation, domain: str, cert: str) -> None:
    """Serve another one of the app's certificates for a domain name."""
    with action(f"Updating {domain} to use {cert} certificate", quiet=invocation.json):
        path = f"{invocation.app_path}/domains/{segment(domain)}"
        changed = invocation.client.patch(path, {"sni_endpoint": cert})
    if invocation.json:
        show_json(changed)


@command(app=True, must="DOMAIN to remove")
@click.argument("domain")
def remove(invocation: Invocation, domain: str) -> None:
    """Take a domain name from the app; another app may have it then."""
    with action(f"Removing {domain} from {invocation.app}"):
        invocation.client.delete(f"{invocation.app_path}/domains/{segment(domain)}")


@command(app=True)
def clear(invocation: Invocation) -> None:
    """Take all domain names from the app."""
    with action(f"Removing all domain names from {invocation.app}"):
        for entry in _domains(invocation):
            if entry["kind"] == "custom":
                invocation.client.delete(f"{invocation.app_path}/domains/{entry['id']}")


@command(app=True)
@click.argument("domain", required=False)
def wait(invocation: Invocation, domain: str | None) -> None:
    """Wait until DNS leads a domain name here; without one, until it does for all of the app."""
    from celadon.cli.connection.waiting import leaving, until

    pending = [_find(invocation, domain)] if domain else [entry for entry in _domains(invocation) if _pending(entry)]
    if not pending:
        say(f"DNS leads all domain names of {invocation.app} here.")
    for entry in pending:
        goes_on = (
            "The platform goes on looking where DNS leads it.",
            f"To look: celadon domains:info {entry['hostname']} -a {invocation.app}",
        )
        words = f"Waiting for {entry['hostname']} to lead here ({_shown(entry)})"
        with leaving(*goes_on), action(words):
            path = f"{invocation.app_path}/domains/{entry['id']}"
            until(lambda path=path: None if _pending(invocation.client.get(path)) else True)  # type: ignore[misc]


@command(app=True, json=True, must="DOMAIN to describe")
@click.argument("domain")
def info(invocation: Invocation, domain: str) -> None:
    """Show a domain name of the app."""
    found = _find(invocation, domain)
    if invocation.json:
        show_json(found)
        return
    from celadon.cli.terminal.output import hash

    header(found["hostname"])
    hash(
        {
            "Kind": found["kind"],
            "DNS record": _shown(found),
            "Status": found["status"],
            "Certificate": found["sni_endpoint"]["name"] if found["sni_endpoint"] else None,
            "Created": found["created_at"],
        }
    )


def _find(invocation: Invocation, domain: str) -> dict[str, Any]:
    wanted = domain.lower().removesuffix(".")
    for entry in _domains(invocation):
        if wanted in (entry["hostname"], entry["id"]):
            return entry
    raise Failure(f"Couldn't find that domain: {invocation.app} has no {domain}; see `celadon domains`.")


def _pending(entry: dict[str, Any]) -> str:
    return " (pending)" if entry["status"] == "pending" else ""


def _shown(entry: dict[str, Any]) -> str | None:
    return f"{record(str(entry['hostname']))} to {entry['cname']}" if entry["cname"] else None


def _domains(invocation: Invocation) -> list[dict[str, Any]]:
    return invocation.client.all(f"{invocation.app_path}/domains", range="id ..; max=1000;")


def record(hostname: str) -> str:
    """What kind of DNS record: an apex cannot have a CNAME."""
    return (
        "ALIAS or ANAME" if hostname.removeprefix("*.").count(".") == 1 and not hostname.startswith("*.") else "CNAME"
    )
