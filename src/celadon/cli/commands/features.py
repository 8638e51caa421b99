"""Features, some of which Heroku calls labs: what can be switched on and off for an app, and for an account."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.failure import ApiFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, hash, header, listing, say, show_json

# Of an account; where it has none of a name, the app's is meant.
_OF_ACCOUNT = "/account/features"


@command(app=True, json=True)
def list_features(invocation: Invocation) -> None:
    """List the features of an app, with a + before those that are on."""
    features = invocation.client.all(f"{invocation.app_path}/features")
    if invocation.json:
        show_json(features)
        return
    header(f"App Features ({invocation.app})")
    _list(features)


@command(app=True, json=True)
def list_labs(invocation: Invocation) -> None:
    """List the labs features of your account and, where there is one, of the app."""
    app = invocation.app_if_known()
    user = _labs(invocation, _OF_ACCOUNT)
    of_app = _labs(invocation, f"{invocation.app_path}/features") if app else None
    if invocation.json:
        show_json({"app": of_app, "user": user})
        return
    header(f"User Features ({invocation.client.get('/account')['email']})")
    _list(user)
    if of_app is not None:
        header(f"App Features ({app})")
        _list(of_app)


def _labs(invocation: Invocation, path: str) -> list[dict[str, Any]]:
    return [feature for feature in invocation.client.all(path) if feature["state"] != "general"]


def _list(features: Sequence[dict[str, Any]]) -> None:
    listing([(f"[{'+' if entry['enabled'] else ' '}] {entry['name']}", entry["description"]) for entry in features])


@command(app=True, json=True, must="FEATURE to describe")
@click.argument("feature")
def info(invocation: Invocation, feature: str) -> None:
    """Show what a feature of your account or of an app does, and whether it is on."""
    found = _find(invocation, feature).entry
    if invocation.json:
        show_json(found)
        return
    header(found["name"])
    hash({"Description": found["description"], "Docs": found["doc_url"], "Enabled": str(found["enabled"]).lower()})


@command(app=True, must="FEATURE to enable")
@click.argument("feature")
def enable(invocation: Invocation, feature: str) -> None:
    """Switch a feature of your account or of an app on."""
    _switch(invocation, feature, enabled=True)


@command(app=True, must="FEATURE to disable")
@click.argument("feature")
def disable(invocation: Invocation, feature: str) -> None:
    """Switch a feature of your account or of an app off."""
    _switch(invocation, feature, enabled=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A feature as the API has it; `whose` names the account or the app."""

    entry: dict[str, Any]
    path: str
    whose: str


def _find(invocation: Invocation, name: str) -> _Found:
    invocation.app_if_known()
    path = f"{_OF_ACCOUNT}/{segment(name)}"
    try:
        entry = invocation.client.get(path)
    except ApiFailure as failure:
        if failure.http_status != 404:
            raise
    else:
        return _Found(entry=entry, path=path, whose=str(invocation.client.get("/account")["email"]))
    path = f"{invocation.app_path}/features/{segment(name)}"
    return _Found(entry=invocation.client.get(path), path=path, whose=invocation.app)


def _switch(invocation: Invocation, name: str, *, enabled: bool) -> None:
    found = _find(invocation, name)
    with action(f"{'Enabling' if enabled else 'Disabling'} {name} for {found.whose}"):
        invocation.client.patch(found.path, {"enabled": enabled})
    if found.entry["enabled"] == enabled:
        say(f"{name} was {'on' if enabled else 'off'} already.")
