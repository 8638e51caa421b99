"""A plugin's command is loaded when it is called: only then its code runs, and only then its directory is searched."""

import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from celadon.cli.command import Command
from celadon.cli.failure import Failure
from celadon.cli.plugins import index


class Broken(Exception):
    """A plugin's entry leads to no command; says why."""


def load(name: str) -> Command | None:
    """The command of this name, None when no plugin has it; raises Failure for a plugin that is broken."""
    found = index.find(name)
    if found is None:
        return None
    plugin, entry = found
    try:
        if (damage := plugin.damage()) is not None:
            raise Broken(damage)
        command = imported(entry.target, plugin.search_path)
    except Broken as error:
        raise Failure(f"cannot run `{name}`.", *index.broken(plugin, str(error))) from None
    command.name, command.usage = name, entry.usage
    return command


def imported(target: str, search_path: Sequence[str]) -> Command:
    """The command at "module:function"; raises Broken, with CELADON_DEBUG after the plugin's own traceback."""
    # Behind everything else: a plugin's packages replace none of ours.
    sys.path += [path for path in search_path if path not in sys.path]
    module, _, function = target.partition(":")
    try:
        command = getattr(importlib.import_module(module), function)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - code of others may raise anything
        if os.environ.get("CELADON_DEBUG"):
            traceback.print_exc()
        raise Broken(f"{type(error).__name__}: {error}".rstrip(": ")) from None
    if not isinstance(command, Command):
        raise Broken(f"{target} is no command made with celadon.cli.command")
    return command
