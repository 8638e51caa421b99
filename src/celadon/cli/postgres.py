"""Databases of an app: what they are, how to connect to them, which one is DATABASE_URL."""

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import click

from celadon.cli import waiting
from celadon.cli.client import segment
from celadon.cli.commands import command
from celadon.cli.failure import ApiFailure, Failure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.output import action, hash, header, say, show_json

_SERVICE = "heroku-postgresql"


@command(app=True, json=True)
@click.argument("database", required=False)
def info(invocation: Invocation, database: str | None) -> None:
    """Show a database of an app, or all that it has."""
    shown = [(addon, _show(invocation, addon)) for addon in _matching(invocation, database)]
    present = [(addon, found) for addon, found in shown if found is not None]
    if invocation.json:
        show_json([{**found, "config_vars": addon["config_vars"]} for addon, found in present])
        return
    if not present:
        say(f"{invocation.app} has no databases")
        say(f"Use celadon addons:create {_SERVICE} to add one.")
    for addon, found in present:
        header(", ".join(addon["config_vars"]) or addon["name"])
        rows = {row["name"]: _values(invocation, row) for row in found["info"]}
        hash({**rows, "Add-on": addon["name"]})
        say()


def _values(invocation: Invocation, row: Mapping[str, Any]) -> list[str]:
    """Databases are told by their URLs without logins, and shown by the names that they have in the app."""
    if not row.get("resolve_db_name"):
        return list(row["values"])
    config = invocation.client.get(f"{invocation.app_path}/config-vars")
    return [_name_of(config, url) for url in row["values"]]


def _name_of(config: Mapping[str, str], url: str) -> str:
    wanted = urlsplit(url)
    places = {name: urlsplit(value) for name, value in config.items() if value.startswith("postgres://")}
    names = [
        name
        for name, found in places.items()
        if found.netloc.rpartition("@")[2] + found.path == wanted.netloc + wanted.path
    ]
    # DATABASE_URL may be another one tomorrow.
    return min(
        names, key=lambda name: (name == "DATABASE_URL", name), default=f"Database on {wanted.netloc}{wanted.path}"
    )


def _show(invocation: Invocation, addon: Mapping[str, Any]) -> Any:
    """What the platform tells of it; None while there is none yet."""
    try:
        return invocation.client.get(_path(addon))
    except ApiFailure as failure:
        if failure.http_status != 404:
            raise
        return None


@command(app=True)
@click.argument("database", required=False)
def wait(invocation: Invocation, database: str | None) -> None:
    """Wait until a database is available."""
    for addon in _matching(invocation, database):
        with action(f"Waiting for database {addon['name']}") as running:
            running.status = waiting.until(functools.partial(_available, invocation, addon))


def _available(invocation: Invocation, addon: Mapping[str, Any]) -> str | None:
    try:
        state = invocation.client.get(f"{_path(addon)}/wait_status")
    except ApiFailure as failure:
        if failure.http_status != 404:
            raise
        return None
    return None if state["waiting?"] else str(state["message"])


@command(app=True)
@click.argument("database", required=False)
@click.option("-c", "--command", "statement", metavar="SQL", help="Run this and end.")
@click.option("--credential", "--name", metavar="NAME", help="With the rights of this credential.")
def psql(invocation: Invocation, database: str | None, statement: str | None, credential: str | None) -> None:
    """Open a prompt of a database, by the `psql` of this machine."""
    addon = chosen(invocation, database)
    program = shutil.which("psql")
    if program is None:
        raise Failure("cannot find psql: install it (Debian: apt-get install postgresql-client)")
    with environment(invocation, addon, credential or credential_of(invocation, database)) as found:
        argv = [program, *(["-c", statement] if statement is not None else [])]
        finished = subprocess.run(argv, env=found, check=False)
    if finished.returncode:
        raise Failure(f"psql ended with status {finished.returncode}")


@contextmanager
def environment(
    invocation: Invocation, addon: Mapping[str, Any], credential: str = "default"
) -> Iterator[dict[str, str]]:
    """What libpq connects by; the password is not among arguments, which everybody on this machine can read."""
    found = login(invocation, addon, credential)
    authority = invocation.client.get("/platform")["ca_certificate"]
    if not authority:
        raise Failure("This platform has no certificate authority yet: run bin/up")
    with tempfile.NamedTemporaryFile("w", suffix=".crt") as file:
        file.write(authority)
        file.flush()
        yield {
            **os.environ,
            "PGAPPNAME": "celadon pg:psql",
            "PGDATABASE": found["database"],
            "PGHOST": found["host"],
            "PGPASSWORD": found["password"],
            "PGPORT": str(found["port"]),
            "PGSSLMODE": "verify-full",
            "PGSSLROOTCERT": file.name,
            "PGUSER": found["user"],
        }


@command(app=True, must="which database")
@click.argument("database")
def promote(invocation: Invocation, database: str) -> None:
    """Make a database the app's DATABASE_URL; what was it keeps another name."""
    addon = chosen(invocation, database)
    attached = invocation.client.all(f"{invocation.app_path}/addon-attachments")
    current = next((one for one in attached if one["name"] == "DATABASE"), None)
    if current is not None and current["addon"]["id"] == addon["id"]:
        raise UsageFailure(f"{addon['name']} is already promoted on {invocation.app}")
    if current is not None and sum(one["addon"]["id"] == current["addon"]["id"] for one in attached) == 1:
        with action("Ensuring an alternate alias for existing DATABASE_URL") as running:
            made = invocation.client.post("/addon-attachments", _attachment(invocation, current["addon"]))
            running.status = f"{made['name']}_URL"
    with action(f"Promoting {addon['name']} to DATABASE_URL on {invocation.app}"):
        invocation.client.post("/addon-attachments", {**_attachment(invocation, addon), "name": "DATABASE"})


def _attachment(invocation: Invocation, addon: Mapping[str, Any]) -> dict[str, Any]:
    return {"addon": addon["id"], "app": invocation.app, "confirm": invocation.app}


@command(app=True, confirm=True)
@click.argument("database", required=False)
def reset(invocation: Invocation, database: str | None) -> None:
    """Delete everything in a database."""
    addon = chosen(invocation, database)
    invocation.confirm_destroy(invocation.app, f"{addon['name']} will lose all of its contents")
    with action(f"Resetting {addon['name']}"):
        invocation.client.put(f"{_path(addon)}/reset", {})


@command(app=True, confirm=True, must="which database")
@click.argument("database")
def unfollow(invocation: Invocation, database: str) -> None:
    """Make a follower a database of its own, which takes writes."""
    addon = chosen(invocation, database)
    invocation.confirm_change(
        invocation.app, "WARNING: Destructive action.", f"{addon['name']} will follow its leader no longer, for good."
    )
    with action(f"{addon['name']} unfollowing"):
        invocation.client.put(f"{_path(addon)}/unfollow", {})


@command(app=True)
@click.argument("database", required=False)
def killall(invocation: Invocation, database: str | None) -> None:
    """End all connections of a database."""
    addon = chosen(invocation, database)
    with action(f"Terminating connections of {addon['name']}"):
        invocation.client.post(f"{_path(addon)}/connection_reset", {})


def _path(addon: Mapping[str, Any]) -> str:
    return f"/client/v11/databases/{segment(addon['id'])}"


def credential_of(invocation: Invocation, named: str | None) -> str:
    """The credential by which the app has what is called so; `default` for a name that is no attachment's."""
    wanted = (named or "DATABASE").upper().removesuffix("_URL")
    attached = invocation.client.all(f"{invocation.app_path}/addon-attachments")
    namespace = next((one["namespace"] for one in attached if one["name"] == wanted), None) or ""
    return namespace.removeprefix("credential:") if namespace.startswith("credential:") else "default"


def login(invocation: Invocation, addon: Mapping[str, Any], name: str) -> dict[str, Any]:
    """How to connect with a credential: `host`, `port`, `database`, `user`, `password`."""
    found = invocation.client.get(f"/postgres/v0/databases/{segment(addon['id'])}/credentials/{segment(name)}")
    active = next((one for one in found["credentials"] if one["state"] == "active"), None)
    if active is None:
        raise Failure(f"Could not find any active credentials for {name}: it is {found['state']}")
    return {**found, **active}


def _matching(invocation: Invocation, named: str | None) -> list[dict[str, Any]]:
    """The app's databases, those whose name or config var is named so, wholly or in part."""
    found = invocation.client.all(f"{invocation.app_path}/addons")
    ours = [addon for addon in found if addon["addon_service"]["name"] == _SERVICE]
    if named is None:
        return ours
    wanted = named.upper()
    exact = [one for one in ours if {wanted, f"{wanted}_URL"} & {one["name"].upper(), *one["config_vars"]}]
    return exact or [one for one in ours if any(wanted in name for name in (one["name"].upper(), *one["config_vars"]))]


def chosen(invocation: Invocation, named: str | None) -> dict[str, Any]:
    """The one that is meant, DATABASE_URL where nobody says; raises UsageFailure when there are none or several."""
    found = _matching(invocation, named or "DATABASE_URL")
    if not found:
        raise UsageFailure(f"{invocation.app} has no database {named or 'DATABASE_URL'}: celadon pg lists those it has")
    if len(found) > 1:
        raise UsageFailure(f"Please specify a single database. Found: {', '.join(one['name'] for one in found)}")
    return found[0]
