"""Databases of an app: what they are, how to connect to them, which one is DATABASE_URL."""

import functools
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from celadon.cli.command import command
from celadon.cli.commands import databases
from celadon.cli.commands.databases import POSTGRES, Database
from celadon.cli.connection import waiting
from celadon.cli.connection.client import segment
from celadon.cli.failure import ApiFailure, Failure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal import foreground
from celadon.cli.terminal.output import action, hash, header, say, show_json


@command(app=True, json=True)
@click.argument("database", required=False)
def info(invocation: Invocation, database: str | None) -> None:
    """Show a database of an app, or all that it has."""
    meant = databases.matching(invocation, database, POSTGRES)
    shown = [(addon, _show(invocation, addon)) for addon in meant]
    present = [(addon, found) for addon, found in shown if found is not None]
    if invocation.json:
        show_json([{**found, "config_vars": list(addon.config_vars)} for addon, found in present])
        return
    if not present:
        say(f"{invocation.app} has no databases")
        say(f"Use celadon addons:create {POSTGRES.slug} to add one.")
    for addon, found in present:
        header(", ".join(addon.config_vars) or addon.name)
        rows = {row["name"]: _values(invocation, row) for row in found["info"]}
        owner = {} if addon.owner == addon.app else {"Billing App": addon.owner}
        hash({**rows, **owner, "Add-on": addon.name})
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


def _show(invocation: Invocation, addon: Database) -> Any:
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
    for addon in databases.matching(invocation, database, POSTGRES):
        goes_on = (f"{addon.name} is made all the same.", f"To look: celadon pg:info -a {invocation.app}")
        with waiting.leaving(*goes_on), action(f"Waiting for database {addon.name}") as running:
            running.status = waiting.until(functools.partial(_available, invocation, addon))


def _available(invocation: Invocation, addon: Database) -> str | None:
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
    with environment(invocation, addon, credential) as found:
        argv = [program, *(["-c", statement] if statement is not None else [])]
        status = foreground.run(argv, env=found)
    if status:
        raise Failure(f"psql ended with status {status}")


@contextmanager
def environment(invocation: Invocation, addon: Database, credential: str | None = None) -> Iterator[dict[str, str]]:
    """What libpq connects by, as the app does where no credential is named; the password is not among arguments, which
    everybody on this machine can read.
    """
    found = login(invocation, addon, credential or addon.credential)
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
    databases.promote(invocation, database, POSTGRES)
    addon = chosen(invocation, database)
    if (_show(invocation, addon) or {}).get("following"):
        warn([f"{addon.name} is a follower: it takes no writes until celadon pg:unfollow {addon.name}"])


@command(app=True, confirm=True)
@click.argument("database", required=False)
def reset(invocation: Invocation, database: str | None) -> None:
    """Delete everything in a database."""
    addon = chosen(invocation, database)
    invocation.confirm_destroy(invocation.app, f"{addon.described} will lose all of its contents")
    with action(f"Resetting {addon.name}"):
        invocation.client.put(f"{_path(addon)}/reset", {})


@command(app=True, confirm=True, must="which database")
@click.argument("follower")
def unfollow(invocation: Invocation, follower: str) -> None:
    """Make a follower a database of its own, which takes writes."""
    addon = chosen(invocation, follower)
    invocation.confirm_change(
        invocation.app, "WARNING: Destructive action.", f"{addon.described} will follow its leader no longer, for good."
    )
    with action(f"{addon.name} unfollowing"):
        invocation.client.put(f"{_path(addon)}/unfollow", {})


@command(app=True)
@click.argument("database", required=False)
def killall(invocation: Invocation, database: str | None) -> None:
    """End all connections of a database."""
    addon = chosen(invocation, database)
    with action(f"Terminating connections of {addon.name}"):
        invocation.client.post(f"{_path(addon)}/connection_reset", {})


def _path(addon: Database) -> str:
    return f"/client/v11/databases/{segment(addon.id)}"


def login(invocation: Invocation, addon: Database, name: str) -> dict[str, Any]:
    """How to connect with a credential: `host`, `port`, `database`, `user`, `password`.

    By the app's own config var where it has this one.
    """
    if name == addon.credential and (url := databases.given_url(invocation, addon)) is not None:
        return _parts(url)
    found = invocation.client.get(f"/postgres/v0/databases/{segment(addon.id)}/credentials/{segment(name)}")
    active = next((one for one in found["credentials"] if one["state"] == "active"), None)
    if active is None:
        raise Failure(f"Could not find any active credentials for {name}: it is {found['state']}")
    return {**found, **active}


def _parts(url: str) -> dict[str, Any]:
    found = urlsplit(url)
    return {
        "host": found.hostname,
        "port": found.port,
        "database": unquote(found.path.removeprefix("/")),
        "user": unquote(found.username or ""),
        "password": unquote(found.password or ""),
    }


def chosen(invocation: Invocation, named: str | None) -> Database:
    """The one that is meant, DATABASE_URL where nobody says; raises UsageFailure when there are none or several."""
    return databases.resolve(invocation, named, POSTGRES)
