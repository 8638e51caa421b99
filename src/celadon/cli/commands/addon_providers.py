"""Add-on providers: who offers add-ons here besides the platform itself, and checking a provider before it does."""

import json
from pathlib import Path
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, say, show_json, table
from celadon.model import partner

_LIMIT = 1 << 20
_URL = click.option("--url", metavar="URL", help="Where the provider is reached, instead of where its manifest says.")


@command(json=True)
def list_providers(invocation: Invocation) -> None:
    """List the add-on services of third parties that the platform offers; its operator may."""
    found = invocation.client.all("/addon-providers")
    if invocation.json:
        show_json(found)
    elif found:
        rows = [(one["name"], one["human_name"], one["url"], one["addons"]) for one in found]
        table(("Service", "Name", "URL", "Add-ons"), rows)
    else:
        say("There are no add-on providers but the platform itself.")
        say("Use celadon addons:providers:add to add one.")


@command(must="MANIFEST, the provider's addon-manifest.json")
@click.argument("manifest", type=click.Path(dir_okay=False))
@_URL
def add(invocation: Invocation, manifest: str, url: str | None) -> None:
    """Offer the add-ons of a third party, or another version of them; the platform's operator may."""
    wanted = _read(manifest, url)
    with action(f"Adding the provider of {wanted.get('id')}") as adding:
        made = invocation.client.post("/addon-services", wanted)
        plans = invocation.client.all(f"/addon-services/{segment(made['name'])}/plans")
        adding.status = f"{len(plans)} plan{'' if len(plans) == 1 else 's'}"
    say(f"Use celadon addons:create {made['name']} to add one of its add-ons to an app.")


@command(must="SERVICE to remove")
@click.argument("service")
def remove(invocation: Invocation, service: str) -> None:
    """Offer the add-ons of a third party no more, once there are none; the platform's operator may."""
    with action(f"Removing the provider of {service}"):
        invocation.client.delete(f"/addon-services/{segment(service)}")


@command(json=True, passing=True, must="MANIFEST, the provider's addon-manifest.json")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
@_URL
@click.option("--plan", metavar="PLAN", help="The plan of the resource that is made; the default one otherwise.")
def check(invocation: Invocation, words: tuple[str, ...], url: str | None, plan: str | None) -> None:
    """Check a provider: make a resource there, change it, sign on, and take it away, each right and wrong.

    No platform is needed: the provider is asked from here. Options that are not listed here go to it with the resource,
    as those of `addons:create` do.
    """
    from celadon.cli.commands import provider_checks
    from celadon.cli.commands.addons import options_of

    manifest, *rest = words
    if manifest.startswith("-"):
        raise UsageFailure("Usage: celadon addons:providers:test MANIFEST", "Must specify MANIFEST to check.")
    checks = []
    for found in provider_checks.run(_read(manifest, url), plan, options_of(rest)):
        checks.append({"what": found.what, "wrong": found.wrong or None})
        if not invocation.json:
            say(f"[{'FAIL' if found.wrong else 'ok'}]".ljust(7) + found.what)
            if found.wrong:
                say(f"       {found.wrong}")
    if invocation.json:
        show_json(checks)
    if wrong := sum(bool(one["wrong"]) for one in checks):
        raise Failure(f"{wrong} of {len(checks)} checks failed.")


def _read(path: str, url: str | None) -> dict[str, Any]:
    """A manifest, with another place of its provider. Raises UsageFailure."""
    try:
        with Path(path).open("rb") as opened:
            found = json.loads(opened.read(_LIMIT))
    except OSError as error:
        raise UsageFailure(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageFailure(f"cannot read {path}: it is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise UsageFailure(f"cannot use {path}: a manifest is a JSON object")
    return partner.moved(found, url) if url else found
