"""Waiting for add-ons: until they are there, or gone."""

import sys
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection import waiting
from celadon.cli.connection.client import segment
from celadon.cli.failure import ApiFailure, Failure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, say

EXPANDED = {"Accept-Expansion": "addon_service,plan"}


@command(app=True)
@click.argument("addon", required=False)
@click.option(
    "--wait-interval", type=click.IntRange(1, 600), default=None, metavar="SECONDS", help="Between two looks."
)
def wait(invocation: Invocation, addon: str | None, wait_interval: int | None) -> None:
    """Wait until add-ons that are being made are there, and those that are being destroyed are gone."""
    from celadon.cli.commands import addons

    app = invocation.app_if_known()
    if addon:
        found = [addons.resolve(invocation, addon)]
    else:
        found = invocation.client.all(f"/apps/{segment(app)}/addons" if app else "/addons")
    for one in found:
        if one["state"] == "provisioning":
            say(created(await_made(invocation, one, wait_interval)))
        elif one["state"] == "deprovisioning":
            await_gone(invocation, one, wait_interval)


def await_made(
    invocation: Invocation, addon: dict[str, Any], interval: int | None = None, *, quiet: bool = False
) -> dict[str, Any]:
    """The add-on once it is there. Raises Failure when it cannot be made."""

    def made() -> dict[str, Any] | None:
        found: dict[str, Any] = invocation.client.get(f"/addons/{addon['id']}", headers=EXPANDED)
        return None if found["state"] == "provisioning" else found

    goes_on = (
        f"{addon['name']} is made all the same.",
        f"To wait for it: celadon addons:wait {addon['name']}",
        f"To have it no more: celadon addons:destroy {addon['name']}",
    )
    with waiting.leaving(*goes_on), action(f"Waiting for {addon['name']}", quiet=quiet or invocation.json):
        found = waiting.until(made, every=interval)
        if found["state"] == "deprovisioned":
            raise Failure(f"The add-on was unable to be created: {found.get('provision_message') or 'no reason given'}")
    return found


def await_gone(invocation: Invocation, addon: dict[str, Any], interval: int | None = None) -> None:
    def gone() -> bool | None:
        try:
            found = invocation.client.get(f"/addons/{addon['id']}")
        except ApiFailure as failure:
            if failure.http_status != 404:
                raise
            return True
        return None if found["state"] == "deprovisioning" else True

    goes_on = (f"{addon['name']} is destroyed all the same.", f"To look: celadon addons:info {addon['name']}")
    with waiting.leaving(*goes_on), action(f"Destroying {addon['name']}", stream=sys.stdout):
        waiting.until(gone, every=interval)


def created(addon: dict[str, Any]) -> str:
    names = ", ".join(addon["config_vars"])
    return f"Created {addon['name']} as {names}" if names else f"Created {addon['name']}"
