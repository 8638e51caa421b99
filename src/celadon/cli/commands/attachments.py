"""Attachments: add-ons under names in apps."""

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.failure import ApiFailure, Failure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action


@command(app=True, confirm=True, must="ADDON to attach")
@click.argument("addon")
@click.option("--as", "name", metavar="NAME", help="What it is called in the app, such as DATABASE.")
@click.option("--credential", metavar="NAME", help="Of a database: with the rights of this credential.")
def attach(invocation: Invocation, addon: str, name: str | None, credential: str | None) -> None:
    """Attach an add-on to an app, also one of another app: its config vars are set there."""
    client = invocation.client
    found = client.get(f"/addons/{segment(addon)}")
    body = {"addon": {"name": found["name"]}, "app": {"name": invocation.app}, "confirm": invocation.confirm}
    if name:
        body["name"] = name
    if credential and credential != "default":
        namespace = f"credential:{credential}"
        _require_credential(invocation, found["name"], credential)
        body["namespace"] = namespace
    what = f"{credential} of {found['name']}" if credential else found["name"]
    message = f"Attaching {what}{f' as {name}' if name else ''} to {invocation.app}"
    try:
        with action(message):
            made = client.post("/addon-attachments", body)
    except ApiFailure as failure:
        if failure.id != "confirmation_required" or invocation.confirm is not None:
            raise
        invocation.confirm_change(invocation.app, *failure.lines)
        with action(message):
            made = client.post("/addon-attachments", {**body, "confirm": invocation.app})
    with action(f"Setting {made['name']} config vars and restarting {invocation.app}") as setting:
        setting.status = _newest_release(invocation)


def _require_credential(invocation: Invocation, addon: str, credential: str) -> None:
    path = f"/addons/{segment(addon)}/config/{segment(f'credential:{credential}')}"
    try:
        found = invocation.client.all(path)
    except ApiFailure as failure:
        if failure.http_status != 404:
            raise
        found = []
    if not found:
        raise Failure(f"Could not find credential {credential} for database {addon}")


@command(app=True, must="ATTACHMENT to remove")
@click.argument("attachment")
def detach(invocation: Invocation, attachment: str) -> None:
    """Detach an add-on from an app; the add-on stays."""
    client = invocation.client
    found = client.get(f"{invocation.app_path}/addon-attachments/{segment(attachment)}")
    with action(f"Detaching {found['name']} to {found['addon']['name']} from {invocation.app}"):
        client.delete(f"/addon-attachments/{found['id']}")
    with action(f"Unsetting {found['name']} config vars and restarting {invocation.app}") as unsetting:
        unsetting.status = _newest_release(invocation)


def _newest_release(invocation: Invocation) -> str:
    (newest,) = invocation.client.all(f"{invocation.app_path}/releases", range="version ..; max=1, order=desc")
    return f"v{newest['version']}"
