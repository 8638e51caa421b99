"""Which plugins are installed and what commands they have: `index.json` in the plugins' directory.

Written whole at each change, so that nobody has to look at the plugins themselves; read for a command that is not
built in, and for help. Each plugin has a directory of its own beside it.
"""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celadon.cli import files
from celadon.cli.failure import Failure, warn
from celadon.cli.plugins import root as plugin_root
from celadon.cli.plugins.root import INDEX
from celadon.cli.table import ALIASES, COMMANDS, Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """`source` is what it was installed from, `path` where its modules are; a linked one stays where it is, and
    `directory` has what it needs. Of its commands `target` is "module:function".
    """

    name: str
    version: str
    source: str
    path: str
    directory: str
    linked: bool
    commands: Mapping[str, Entry]

    def damage(self) -> str | None:
        """What is missing of it, as far as files tell; its code is not run."""
        if not Path(self.path).is_dir():
            return f"its directory {self.path} is gone"
        for entry in self.commands.values():
            module = Path(self.path, *entry.target.partition(":")[0].split("."))
            if not module.is_dir() and not module.with_suffix(".py").is_file():
                return f"its module {entry.target.partition(':')[0]} is gone"
        return None

    @property
    def search_path(self) -> list[str]:
        return list(dict.fromkeys((self.path, self.directory)))


def root() -> Path:
    """The directory of all plugins of this user."""
    found = Path(plugin_root.path())
    # Nobody knows the user's home: this tells them so.
    return found if found.is_absolute() else files.home() / found


def read() -> dict[str, Plugin]:
    """The plugins by name. An index that cannot be read is told of, and is none: built-in commands go on."""
    try:
        return _told()
    except Failure as failure:
        warn([*failure.lines, "Remove it, and install your plugins again."])
        return {}


def _told() -> dict[str, Plugin]:
    """What the index says; raises Failure for one that cannot be read."""
    file = root() / INDEX
    try:
        told = json.loads(file.read_text("utf-8"))
        return {plugin["name"]: _parsed(plugin) for plugin in told["plugins"]}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(f"cannot read {file}: {error}") from None


def write(plugins: Mapping[str, Plugin]) -> None:
    """Replace the index; raises Failure."""
    told = {"plugins": [dataclasses.asdict(plugins[name]) for name in sorted(plugins)]}
    files.replace(root() / INDEX, json.dumps(told, indent=2).encode(), mode=0o600)


def entries() -> dict[str, Entry]:
    """The commands of all plugins that are whole; one that is not is named on stderr and left out."""
    found: dict[str, Entry] = {}
    for plugin in read().values():
        if (damage := plugin.damage()) is not None:
            warn(broken(plugin, damage))
        else:
            found |= {name: entry for name, entry in plugin.commands.items() if not built_in(name)}
    return found


def find(command: str) -> tuple[Plugin, Entry] | None:
    """The plugin that has this command."""
    for plugin in read().values():
        if command in plugin.commands:
            return plugin, plugin.commands[command]
    return None


def built_in(command: str) -> bool:
    """No plugin takes the place of a command of ours."""
    return command in COMMANDS or command in ALIASES


def broken(plugin: Plugin, why: str) -> list[str]:
    """What to say of a plugin that does not work, and what to do."""
    again = "link it again" if plugin.linked else f"run `celadon plugins:update {plugin.name}`"
    return [
        f"The plugin {plugin.name} is broken: {why}.",
        f"To mend it, {again}; to remove it, run `celadon plugins:uninstall {plugin.name}`.",
    ]


@contextlib.contextmanager
def changing() -> Iterator[dict[str, Plugin]]:
    """The plugins, which nobody else changes meanwhile. What an earlier change has left undone is cleared away first.

    Raises Failure, also for an index that cannot be read.
    """
    directory = root()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (directory / "lock").open("w")
    except OSError as error:
        raise Failure(f"cannot write {directory}: {error.strerror}") from None
    with lock:
        _lock(lock.fileno())
        try:
            plugins = _told()
        except Failure as failure:
            # Which directories are whose nobody knows: none may go.
            raise Failure(
                *failure.lines, "Nothing has been changed. Mend it, or remove it and install your plugins again."
            ) from None
        _clear({Path(plugin.directory).name for plugin in plugins.values()})
        yield plugins


def _lock(descriptor: int) -> None:
    """Wait for the lock; it ends with the process, however that ends."""
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _clear(kept: set[str]) -> None:
    import shutil

    for path in root().iterdir():
        if path.is_dir() and path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)


def _parsed(told: Mapping[str, Any]) -> Plugin:
    commands = {str(name): Entry(*(str(part) for part in entry)) for name, entry in told["commands"].items()}
    return Plugin(
        name=str(told["name"]),
        version=str(told["version"]),
        source=str(told["source"]),
        path=str(told["path"]),
        directory=str(told["directory"]),
        linked=bool(told["linked"]),
        commands=commands,
    )
