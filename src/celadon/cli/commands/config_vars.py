"""Config vars: list, get, set, unset, edit."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.failure import UsageFailure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, hash, header, interactive, say, show_json


@command(app=True, json=True)
@click.option("-s", "--shell", is_flag=True, help="Print lines that a shell can read.")
def list_config_vars(invocation: Invocation, shell: bool) -> None:
    """List the config vars of an app with their values."""
    config = config_vars(invocation)
    if invocation.json:
        show_json(config)
    elif shell:
        for name in sorted(config):
            say(f"{name}={shlex.quote(config[name]) if config[name] else ''}")
    elif not config:
        say(f"{invocation.app} has no config vars.")
    else:
        header(f"{invocation.app} Config Vars")
        hash(config)


@command(app=True, json=True, must="KEY to get")
@click.argument("key")
@click.option("-s", "--shell", is_flag=True, help="Print KEY=value for a shell.")
def get(invocation: Invocation, key: str, shell: bool) -> None:
    """Print the value of one config var; an empty line when it is not set."""
    config = config_vars(invocation)
    value = config.get(key)
    if value is None and interactive():
        # A script takes an empty line for what is not set; a person has mistyped it.
        warn([f"{invocation.app} has no {key}.", *_nearest([key], config)])
    if invocation.json:
        show_json({key: value})
    elif shell:
        say(f"{key}={shlex.quote(value) if value else ''}")
    else:
        say(value or "")


@command(app=True, json=True, must="KEY and VALUE to set")
@click.argument("pairs", nargs=-1, required=True)
def set_config_vars(invocation: Invocation, pairs: tuple[str, ...]) -> None:
    """Set config vars, all in one release, and restart the dynos."""
    changes = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageFailure(f"{pair} is invalid. Must be in the format KEY=VALUE.")
        changes[name] = value
    with action(f"Setting config vars and restarting {invocation.app}", quiet=invocation.json) as setting:
        config = invocation.client.patch(f"{invocation.app_path}/config-vars", changes)
        setting.status = newest(invocation)
    if invocation.json:
        show_json(config)
    else:
        hash(changes)


@command(app=True, must="KEY to unset")
@click.argument("keys", nargs=-1, required=True)
def unset(invocation: Invocation, keys: tuple[str, ...]) -> None:
    """Remove config vars, all in one release, and restart the dynos."""
    present = config_vars(invocation)
    names = [name for name in dict.fromkeys(keys) if name in present]
    if not names:
        say(f"{invocation.app} has no {' or '.join(dict.fromkeys(keys))}: nothing to unset.")
        warn(_nearest(keys, present))
        return
    with action(f"Unsetting {', '.join(names)} and restarting {invocation.app}") as unsetting:
        invocation.client.patch(f"{invocation.app_path}/config-vars", dict.fromkeys(names))
        unsetting.status = newest(invocation)


@command(app=True)
@click.argument("key", required=False)
def edit(invocation: Invocation, key: str | None) -> None:
    """Edit all config vars, or the value of one, in $EDITOR.

    All of them are lines of the form KEY='value'; a line that is taken out removes its config var.
    """
    from celadon.cli.terminal import editing

    before = config_vars(invocation)
    if key is not None:
        text, name = before.get(key, ""), f"{key}.txt"
    else:
        text, name = editing.written(before), "config.env"
    with editing.draft(text, name) as draft:
        changes: dict[str, str | None] = {}
        if key is not None:
            value = draft.edit(lambda typed: typed.removesuffix("\n"))
            changes = {} if value == before.get(key) else {key: value}
        else:
            after = draft.edit(editing.parsed)
            changes |= {name: value for name, value in after.items() if before.get(name) != value}
            changes |= dict.fromkeys(sorted(set(before) - set(after)))
        if not changes:
            say("No changes to the config vars.")
            return
        with action(f"Updating {', '.join(changes)} and restarting {invocation.app}") as updating:
            invocation.client.patch(f"{invocation.app_path}/config-vars", changes)
            updating.status = newest(invocation)


def config_vars(invocation: Invocation) -> dict[str, str]:
    found: dict[str, str] = invocation.client.get(f"{invocation.app_path}/config-vars")
    return found


def _nearest(keys: Iterable[str], config: Mapping[str, str]) -> list[str]:
    from celadon.cli import suggestions

    return suggestions.sentence(list(dict.fromkeys(name for key in keys for name in suggestions.near(key, config))))


def newest(invocation: Invocation) -> str:
    """`v12`: the release that a change has made."""
    releases: list[Any] = invocation.client.all(f"{invocation.app_path}/releases", range="version ..; order=desc,max=1")
    return f"v{releases[0]['version']}" if releases else ""
