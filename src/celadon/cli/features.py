"""App features, which Heroku also calls labs: what can be switched on and off for an app."""

import click

from celadon.cli.client import segment
from celadon.cli.commands import command
from celadon.cli.invocation import Invocation
from celadon.cli.output import action, hash, header, listing, say, show_json


@command(app=True, json=True)
def list_features(invocation: Invocation) -> None:
    """List the features of an app, with a + before those that are on."""
    features = invocation.client.all(f"{invocation.app_path}/features")
    if invocation.json:
        show_json(features)
        return
    header(f"App Features ({invocation.app})")
    listing([(f"[{'+' if entry['enabled'] else ' '}] {entry['name']}", entry["description"]) for entry in features])


@command(app=True, json=True, must="FEATURE to describe")
@click.argument("feature")
def info(invocation: Invocation, feature: str) -> None:
    """Show what a feature does, and whether it is on."""
    found = invocation.client.get(f"{invocation.app_path}/features/{segment(feature)}")
    if invocation.json:
        show_json(found)
        return
    header(found["name"])
    hash({"Description": found["description"], "Docs": found["doc_url"], "Enabled": str(found["enabled"]).lower()})


@command(app=True, must="FEATURE to enable")
@click.argument("feature")
def enable(invocation: Invocation, feature: str) -> None:
    """Switch a feature on."""
    _switch(invocation, feature, enabled=True)


@command(app=True, must="FEATURE to disable")
@click.argument("feature")
def disable(invocation: Invocation, feature: str) -> None:
    """Switch a feature off."""
    _switch(invocation, feature, enabled=False)


def _switch(invocation: Invocation, feature: str, *, enabled: bool) -> None:
    path = f"{invocation.app_path}/features/{segment(feature)}"
    with action(f"{'Enabling' if enabled else 'Disabling'} {feature} for {invocation.app}"):
        before = invocation.client.get(path)
        invocation.client.patch(path, {"enabled": enabled})
    if before["enabled"] == enabled:
        say(f"{feature} was {'on' if enabled else 'off'} already.")
