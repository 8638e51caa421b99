"""Credentials of databases: logins with rights of their own."""

from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.commands.addons import attachment_lines
from celadon.cli.commands.databases import Database
from celadon.cli.commands.postgres import chosen, login
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, say, show_json, table

_DEFAULT = "default"
_name = click.option("-n", "--name", metavar="NAME", required=True, help="What the credential is called.")
_DESTRUCTIVE = "WARNING: Destructive action."


@command(app=True, json=True)
@click.argument("database", required=False)
@click.option("--reset", is_flag=True, help="Give the default credential a new password instead.")
def list_credentials(invocation: Invocation, database: str | None, reset: bool) -> None:
    """List the credentials of a database: where they are attached, their states, what they may do."""
    addon = chosen(invocation, database)
    if reset:
        with action(f"Resetting credentials for {_called(addon)}"):
            invocation.client.post(f"{_path(addon)}/{_DEFAULT}/credentials_rotation", {})
        return
    found = invocation.client.all(_path(addon))
    if invocation.json:
        show_json([{key: value for key, value in one.items() if key != "credentials"} for one in found])
        return
    attachments = _attachments(invocation, addon)
    rows: list[tuple[str, ...]] = []
    for one in sorted(found, key=lambda one: (one["name"] != _DEFAULT, one["name"])):
        rows.append((one["name"], one["state"], one["permission"]))
        rows += [(line, "", "") for line in attachment_lines(_with(attachments, one["name"]), invocation.app)]
    table(("Credential", "State", "Permission"), rows)


@command(app=True)
@click.argument("database", required=False)
@click.option("-n", "--name", metavar="NAME", help="Which credential; if not given, the one that is attached so.")
def url(invocation: Invocation, database: str | None, name: str | None) -> None:
    """Show how to connect to a database, with its password."""
    addon = chosen(invocation, database)
    name = name or addon.credential
    found = login(invocation, addon, name)
    place = f"{found['host']}:{found['port']}/{found['database']}"
    say(f"Connection information for {name} credential.")
    say("Connection info string:")
    words = f"dbname={found['database']} host={found['host']} port={found['port']} user={found['user']}"
    say(f'   "{words} password={found["password"]} sslmode=require"')
    say("Connection URL:")
    say(f"   postgres://{found['user']}:{found['password']}@{place}")


@command(app=True, must="--name")
@click.argument("database", required=False)
@_name
@click.option(
    "--permission", metavar="PERMISSION", help="readonly or readwrite, on all tables; else what you grant it yourself."
)
def create(invocation: Invocation, database: str | None, name: str, permission: str | None) -> None:
    """Create a credential with rights of its own."""
    addon = chosen(invocation, database)
    with action(f"Creating credential {name}") as running:
        made = invocation.client.post(
            _path(addon), {"name": name, **({"permission": permission} if permission is not None else {})}
        )
        if made["state"] != "active":
            running.word = made["state"]
    say()
    attach = f"celadon addons:attach {addon.name} --credential {name} -a {invocation.app}"
    say(f"Please attach the credential to the apps you want to use it in by running `{attach}`.")
    if made["permission"] == "none":
        psql = f"celadon pg:psql {addon.name} -a {invocation.app}"
        say(f"Please define the new grants for the credential within Postgres: `{psql}`.")


@command(app=True, confirm=True, must="--name")
@click.argument("database", required=False)
@_name
def destroy(invocation: Invocation, database: str | None, name: str) -> None:
    """Destroy a credential; what it owns becomes the default credential's."""
    if name == _DEFAULT:
        raise Failure("Default credential cannot be destroyed.")
    addon = chosen(invocation, database)
    apps = sorted({one["app"]["name"] for one in _with(_attachments(invocation, addon), name)})
    if apps:
        plural = "s" if len(apps) > 1 else ""
        raise Failure(f"Credential {name} must be detached from the app{plural} {', '.join(apps)} before destroying.")
    invocation.confirm_destroy(invocation.app, f"{addon.name} will have no credential {name} any more")
    with action(f"Destroying credential {name}"):
        invocation.client.delete(f"{_path(addon)}/{segment(name)}")
    say(f"The credential has been destroyed within {addon.name}.")
    say(f"Database objects owned by {name} will be assigned to the default credential.")


@command(app=True, confirm=True)
@click.argument("database", required=False)
@click.option("-n", "--name", metavar="NAME", help="Which credential; the default one if not given.")
@click.option("--all", "every", is_flag=True, help="All credentials of the database.")
@click.option("--force", is_flag=True, help="Also while a follower is behind, which knows the new password late.")
def rotate(invocation: Invocation, database: str | None, name: str | None, every: bool, force: bool) -> None:
    """Give credentials new passwords; who is connected with the old ones is cut off."""
    if every and name is not None:
        raise UsageFailure("cannot pass both --all and --name")
    addon = chosen(invocation, database)
    if not every:
        _rotate_one(invocation, addon, name or _DEFAULT, forced=force)
        return
    _confirm(invocation, "The passwords of all credentials will rotate.", _attachments(invocation, addon))
    with action(f"Rotating all credentials on {addon.name}"):
        invocation.client.post(f"{_path(addon)}_rotation", {"forced": force})


@command(app=True, confirm=True)
@click.argument("database", required=False)
def repair_default(invocation: Invocation, database: str | None) -> None:
    """Make everything in a database the default credential's again."""
    addon = chosen(invocation, database)
    invocation.confirm_change(
        invocation.app,
        _DESTRUCTIVE,
        "Ownership of all database objects owned by additional credentials will be transferred to the default credential.",
    )
    with action("Resetting permissions and object ownership for default role to factory settings"):
        invocation.client.post(f"/postgres/v0/databases/{segment(addon.id)}/repair-default", {})


def _called(addon: Database) -> str:
    """`HEROKU_POSTGRESQL_IVORY_URL (DATABASE_URL)`."""
    promoted = "DATABASE_URL" in addon.config_vars
    names = [name for name in addon.config_vars if name != "DATABASE_URL"] or [addon.name]
    return f"{names[0]} (DATABASE_URL)" if promoted else names[0]


def _rotate_one(invocation: Invocation, addon: Database, name: str, *, forced: bool) -> None:
    attachments = _with(_attachments(invocation, addon), name)
    _confirm(invocation, f"The password for the {name} credential will rotate.", attachments)
    with action(f"Rotating {name} on {addon.name}"):
        invocation.client.post(f"{_path(addon)}/{segment(name)}/credentials_rotation", {"forced": forced})


def _confirm(invocation: Invocation, what: str, attachments: list[Any]) -> None:
    lines = [_DESTRUCTIVE, what, "Connections will be reset and applications will be restarted."]
    apps = sorted({one["app"]["name"] for one in attachments})
    if apps:
        lines.append(f"This command will affect the app{'s' if len(apps) > 1 else ''} {', '.join(apps)}.")
    invocation.confirm_change(invocation.app, *lines)


def _attachments(invocation: Invocation, addon: Database) -> list[Any]:
    return invocation.client.all(f"/addons/{segment(addon.id)}/addon-attachments")


def _with(attachments: list[Any], name: str) -> list[Any]:
    """Those with this credential."""
    namespace = None if name == _DEFAULT else f"credential:{name}"
    return [one for one in attachments if one["namespace"] == namespace]


def _path(addon: Database) -> str:
    return f"/postgres/v0/databases/{segment(addon.id)}/credentials"
