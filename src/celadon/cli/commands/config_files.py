"""Config vars between an app and a `.env` file."""

import os
import shlex
import stat
from pathlib import Path

import click

from celadon.cli import files
from celadon.cli.command import command
from celadon.cli.commands.config_vars import config_vars, newest
from celadon.cli.failure import warn
from celadon.cli.invocation import Invocation, ask
from celadon.cli.terminal.output import action, say
from celadon.local import env_file, place
from celadon.model import config
from celadon.model.text import plain

_FILE = click.option("-e", "--env", "name", metavar="FILE", default=".env", help="The file, instead of .env.")


@command(app=True)
@_FILE
@click.option("-o", "--overwrite", is_flag=True, help="Also replace values that differ.")
@click.option("-i", "--interactive", is_flag=True, help="Ask about each value that differs.")
def pull(invocation: Invocation, name: str, overwrite: bool, interactive: bool) -> None:
    """Write the config vars of an app into .env: those it has not, and with --overwrite those that differ.

    Comments and other lines stay as they are. A new file is readable by you alone.
    """
    file = Path(name)
    present = place.found(file)
    before = env_file.read(file) if present else ""
    local = env_file.values(before, name)
    wanted = config_vars(invocation)
    differ = sorted(key for key in wanted if key in local and local[key] != wanted[key])
    replaced = differ if overwrite else [key for key in differ if interactive and _agreed(key, local[key], wanted[key])]
    changes = {key: value for key, value in wanted.items() if key not in local or key in replaced}
    target = present or file.resolve()
    _tell_kept([key for key in differ if key not in replaced], f"{name} has", interactive=interactive)
    if not changes:
        say(f"Nothing to write: {name} has all config vars of {invocation.app}.")
        return
    with action(f"Writing {', '.join(sorted(changes))} of {invocation.app} to {name}"):
        # One that was there keeps the rights that its owner has given it.
        mode = stat.S_IMODE(present.stat().st_mode) if present else 0o600
        files.replace(target, env_file.merged(before, changes, name).encode(), mode=mode)
    _tell_readers(target, name)


@command(app=True)
@_FILE
@click.option("-o", "--overwrite", is_flag=True, help="Also replace values that differ.")
def push(invocation: Invocation, name: str, overwrite: bool) -> None:
    """Set config vars of an app from .env: those it has not, and with --overwrite those that differ.

    None is removed. PORT, which each dyno gets from the platform, is left out.
    """
    local = env_file.values(env_file.read(Path(name)), name)
    present = config_vars(invocation)
    settable = {key: value for key, value in local.items() if key not in config.RESERVED}
    differ = sorted(key for key in settable if key in present and present[key] != settable[key])
    changes = {key: value for key, value in settable.items() if key not in present or (overwrite and key in differ)}
    if not overwrite:
        _tell_kept(differ, f"{invocation.app} has", interactive=False)
    if not changes:
        say(f"Nothing to set: {invocation.app} has what is in {name}.")
        return
    with action(f"Setting {', '.join(sorted(changes))} and restarting {invocation.app}") as setting:
        invocation.client.patch(f"{invocation.app_path}/config-vars", changes)
        setting.status = newest(invocation)


def _tell_kept(keys: list[str], where: str, *, interactive: bool) -> None:
    if keys:
        hint = "" if interactive else " (--overwrite replaces them)"
        say(f"Kept what {where} of its own: {', '.join(keys)}{hint}")


def _agreed(key: str, here: str, there: str) -> bool:
    """Whether the value in the file is to be replaced; raises Failure at the end of input."""
    return ask(f"{key}\n  here: {plain(here)}\n  app:  {plain(there)}\nReplace it? [y/N] ").lower() in ("y", "yes")


def _tell_readers(file: Path, name: str) -> None:
    """Who else will read what has just been written: other users of the machine, all that clone the repository."""
    from celadon.cli import repository

    if os.name == "posix" and file.stat().st_mode & 0o077:
        warn([f"{name} can be read by others: `chmod 600 {shlex.quote(name)}` keeps it to you."])
    if repository.tracks(file):
        warn(
            [
                f"{name} is in git: whoever has the repository reads what is in it.",
                f"`git rm --cached {shlex.quote(name)}` takes it out, a line in .gitignore keeps it out.",
            ]
        )
