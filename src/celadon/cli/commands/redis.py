"""Redis of an app: what it is, its password, its settings, a prompt of it."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from celadon.cli.command import command
from celadon.cli.commands import databases
from celadon.cli.commands.databases import REDIS, Database
from celadon.cli.connection import waiting
from celadon.cli.connection.client import segment
from celadon.cli.failure import ApiFailure, Failure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal import foreground
from celadon.cli.terminal.output import action, hash, header, say, show_json


@command(app=True, json=True)
@click.argument("database", required=False)
def info(invocation: Invocation, database: str | None) -> None:
    """Show the Redis of an app, or all that it has."""
    found = [_show(invocation, addon) for addon in databases.matching(invocation, database, REDIS)]
    shown = [(addon, redis) for addon, redis in found if redis is not None]
    if invocation.json:
        show_json([{**redis, "config_vars": list(addon.config_vars)} for addon, redis in shown])
        return
    if not shown:
        say(f"{invocation.app} has no Redis")
        say("Use celadon addons:create heroku-redis to add one.")
    for addon, redis in shown:
        header(f"{addon.name} ({', '.join(addon.config_vars)})")
        hash({row["name"]: row["values"] for row in redis["info"]}, in_order=False)


def _show(invocation: Invocation, addon: Database) -> tuple[Database, Any]:
    """The add-on with its server, None for one that has none yet."""
    try:
        return addon, invocation.client.get(_path(addon))
    except ApiFailure as failure:
        if failure.http_status != 404:
            raise
        return addon, None


@command(app=True)
@click.argument("database", required=False)
@click.option("--reset", is_flag=True, help="Make another password; who has the old one is cut off.")
def credentials(invocation: Invocation, database: str | None, reset: bool) -> None:
    """Print the address with its password, or make another password."""
    addon = databases.resolve(invocation, database, REDIS)
    if reset:
        with action(f"Resetting credentials for {addon.name}"):
            invocation.client.post(f"{_path(addon)}/credentials_rotation", {})
        return
    say(_url(invocation, addon))


@command(app=True)
@click.argument("database", required=False)
def cli(invocation: Invocation, database: str | None) -> None:
    """Open a prompt of Redis, by the `redis-cli` of this machine."""
    addon = databases.resolve(invocation, database, REDIS)
    program = shutil.which("redis-cli")
    if program is None:
        raise Failure("cannot find redis-cli: install it (Debian: apt-get install redis-tools)")
    parts = urlsplit(_url(invocation, addon))
    say(f"Connecting to {addon.name} ({', '.join(addon.config_vars)}):")
    with tempfile.NamedTemporaryFile("w", suffix=".crt") as authority:
        authority.write(_authority(invocation))
        authority.flush()
        argv = [program, "-h", str(parts.hostname), "-p", str(parts.port), "--tls", "--cacert", authority.name]
        # Not among the arguments, which everybody on this machine can read.
        environment = {**os.environ, "REDISCLI_AUTH": unquote(parts.password or "")}
        status = foreground.run(argv, env=environment)
    if status:
        raise Failure(f"redis-cli ended with status {status}")


def _authority(invocation: Invocation) -> str:
    found = invocation.client.get("/platform")["ca_certificate"]
    if not found:
        raise Failure("This platform has no certificate authority yet: run bin/up")
    return str(found)


@command(app=True, must="--policy")
@click.argument("database", required=False)
@click.option("-p", "--policy", required=True, metavar="POLICY", help="noeviction, allkeys-lru, volatile-ttl …")
def maxmemory(invocation: Invocation, database: str | None, policy: str) -> None:
    """Set what Redis does when its memory is full."""
    addon = databases.resolve(invocation, database, REDIS)
    changed = _configure(invocation, addon, {"maxmemory_policy": policy})["maxmemory_policy"]
    say(f"Maxmemory policy for {_named(addon)} set to {changed['value']}.")
    say(f"{changed['value']} {changed['values'][changed['value']]}.")


@command(app=True, must="--seconds")
@click.argument("database", required=False)
@click.option("-s", "--seconds", required=True, type=int, metavar="SECONDS", help="0 for never.")
def timeout(invocation: Invocation, database: str | None, seconds: int) -> None:
    """Set after how many seconds a silent connection is closed."""
    addon = databases.resolve(invocation, database, REDIS)
    value = _configure(invocation, addon, {"timeout": seconds})["timeout"]["value"]
    say(f"Timeout for {_named(addon)} set to {value} seconds.")
    if value == 0:
        say("Connections to the Redis instance can idle indefinitely.")
    else:
        say(f"Connections to the Redis instance will be stopped after idling for {value} seconds.")


@command(app=True, must="--config")
@click.argument("database", required=False)
@click.option(
    "-c", "--config", required=True, metavar="EVENTS", help="Letters of K E g $ l s h z t x e m d n A; '' for none."
)
def keyspace_notifications(invocation: Invocation, database: str | None, config: str) -> None:
    """Set which events of keys are published."""
    addon = databases.resolve(invocation, database, REDIS)
    changed = _configure(invocation, addon, {"notify_keyspace_events": config})["notify_keyspace_events"]
    say(f"Keyspace notifications for {_named(addon)} set to '{changed['value']}'.")


@command(app=True, must="which Redis")
@click.argument("database")
def promote(invocation: Invocation, database: str) -> None:
    """Make a Redis the app's REDIS_URL; what was it keeps another name."""
    databases.promote(invocation, database, REDIS)


@command(app=True)
@click.argument("database", required=False)
def wait(invocation: Invocation, database: str | None) -> None:
    """Wait until a Redis is available."""
    addon = databases.resolve(invocation, database, REDIS)
    goes_on = (f"{addon.name} is made all the same.", f"To look: celadon redis:info -a {invocation.app}")
    with waiting.leaving(*goes_on), action(f"Waiting for database {addon.name}") as running:
        running.status = waiting.until(lambda: _available(invocation, addon))


def _available(invocation: Invocation, addon: Database) -> str | None:
    try:
        state = invocation.client.get(f"{_path(addon)}/wait")
    except ApiFailure as failure:
        if failure.http_status != 404:
            raise
        return None
    return None if state["waiting?"] else str(state["message"])


@command(app=True, confirm=True)
@click.argument("database", required=False)
def stats_reset(invocation: Invocation, database: str | None) -> None:
    """Begin to count anew what INFO tells."""
    addon = databases.resolve(invocation, database, REDIS)
    invocation.confirm_change(
        invocation.app, "WARNING: Irreversible action.", f"All stats of {addon.name} will be reset."
    )
    with action(f"Resetting stats on {addon.name}"):
        invocation.client.post(f"{_path(addon)}/stats/reset", {})


def _path(addon: Database) -> str:
    return f"/redis/v0/databases/{segment(addon.id)}"


def _named(addon: Database) -> str:
    return f"{addon.name} ({', '.join(addon.config_vars)})"


def _configure(invocation: Invocation, addon: Database, body: Mapping[str, Any]) -> Any:
    return invocation.client.patch(f"{_path(addon)}/config", body)


def _url(invocation: Invocation, addon: Database) -> str:
    found = databases.given_url(invocation, addon)
    if found is None:
        raise Failure(f"{addon.app} has no {addon.url_name} yet: wait with celadon redis:wait")
    return found
