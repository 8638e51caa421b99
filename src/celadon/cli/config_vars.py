"""Config vars: list, get, set, unset, edit."""

import os
import shlex
import tempfile
from pathlib import Path
from typing import Any

import click

from celadon.cli import prompt
from celadon.cli.commands import command
from celadon.cli.failure import Failure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.output import action, hash, header, say, show_json


@command(app=True, json=True)
@click.option("-s", "--shell", is_flag=True, help="Print lines that a shell can read.")
def list_config_vars(invocation: Invocation, shell: bool) -> None:
    """List the config vars of an app with their values."""
    config = _config(invocation)
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
    value = _config(invocation).get(key)
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
        setting.status = _newest(invocation)
    if invocation.json:
        show_json(config)
    else:
        hash(changes)


@command(app=True, must="KEY to unset")
@click.argument("keys", nargs=-1, required=True)
def unset(invocation: Invocation, keys: tuple[str, ...]) -> None:
    """Remove config vars, all in one release, and restart the dynos."""
    present = _config(invocation)
    names = [name for name in dict.fromkeys(keys) if name in present]
    if not names:
        say(f"{invocation.app} has no {' or '.join(dict.fromkeys(keys))}: nothing to unset.")
        return
    with action(f"Unsetting {', '.join(names)} and restarting {invocation.app}") as unsetting:
        invocation.client.patch(f"{invocation.app_path}/config-vars", dict.fromkeys(names))
        unsetting.status = _newest(invocation)


@command(app=True)
@click.argument("key", required=False)
def edit(invocation: Invocation, key: str | None) -> None:
    """Edit all config vars, or the value of one, in $EDITOR.

    All of them are lines of the form KEY='value'; a line that is taken out removes its config var.
    """
    before = _config(invocation)
    if key is not None:
        value = _edited(before.get(key, ""), f"{key}.txt").removesuffix("\n")
        changes: dict[str, str | None] = {} if value == before.get(key) else {key: value}
    else:
        text = "".join(f"{name}={shlex.quote(before[name])}\n" for name in sorted(before))
        after = parsed(_edited(text, "config.env"))
        changes = {name: value for name, value in after.items() if before.get(name) != value}
        changes |= dict.fromkeys(sorted(set(before) - set(after)))
    if not changes:
        say("No changes to the config vars.")
        return
    with action(f"Updating {', '.join(changes)} and restarting {invocation.app}") as updating:
        invocation.client.patch(f"{invocation.app_path}/config-vars", changes)
        updating.status = _newest(invocation)


def parsed(text: str) -> dict[str, str]:
    """Lines of the form KEY=value, values quoted as a shell quotes them; raises Failure."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError as error:
        raise Failure(f"cannot read the edited config vars: {error}. Nothing has been changed.") from None
    config = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise Failure(f"cannot read {word[:40]!r}: expected KEY='value'. Nothing has been changed.")
        config[name] = value
    return config


def _edited(text: str, name: str) -> str:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="celadon-config-") as directory:
        file = Path(directory) / name
        file.write_text(text, "utf-8")
        try:
            status = prompt.run([*shlex.split(editor), str(file)])
        except OSError:
            raise Failure(f"cannot run the editor {editor}: set EDITOR to one that is installed") from None
        if status != 0:
            raise Failure(f"cannot edit: {editor} exited with status {status}. Nothing has been changed.")
        return file.read_text("utf-8")


def _config(invocation: Invocation) -> dict[str, str]:
    found: dict[str, str] = invocation.client.get(f"{invocation.app_path}/config-vars")
    return found


def _newest(invocation: Invocation) -> str:
    """`v12`: the release that a change has made."""
    releases: list[Any] = invocation.client.all(f"{invocation.app_path}/releases", range="version ..; order=desc,max=1")
    return f"v{releases[0]['version']}" if releases else ""
