"""Putting plugins into their directories, by uv or pip.

A plugin is whole in its directory before the index names it, and the index names it no more before its directory goes:
who is killed in between leaves a directory that nobody knows, which the next change clears away.
"""

import re
import secrets
import shutil
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from celadon.cli import installation
from celadon.cli.failure import Failure
from celadon.cli.plugins import index, probe, sources
from celadon.cli.plugins.index import Plugin
from celadon.cli.plugins.loading import Broken

GROUP = "celadon.commands"
_COMMAND = re.compile(r"[a-z0-9][a-z0-9_-]*(:[a-z0-9][a-z0-9_-]*)*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_CREDENTIALS = re.compile(r"://[^/@\s]+@")
_LAST_LINES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What has been installed, and its commands that others have already: the plugin goes without them."""

    plugin: Plugin
    taken: Sequence[str]


def install(source: str) -> Outcome:
    """Install, or install anew, what the installer finds at this source; raises Failure."""
    with index.changing() as plugins:
        directory = index.root() / f"plugin-{secrets.token_hex(8)}"
        try:
            _fetch([source], directory, whole=False)
            found = _distribution(directory)
            if rest := sources.brought(found.requires or ()):
                _fetch(rest, directory, whole=True)
            targets = {entry.name: entry.value for entry in found.entry_points.select(group=GROUP)}
            plugin = Plugin(
                name=sources.normalized(found.metadata["Name"]),
                version=found.version,
                source=source,
                path=str(directory),
                directory=str(directory),
                linked=False,
                commands={},
            )
            return _enter(plugins, plugin, targets)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise


def link(project: Path) -> Outcome:
    """Use a plugin where it is worked on; raises Failure."""
    told = _project(project)
    targets = told.get("entry-points", {}).get(GROUP, {})
    source = project / "src"
    with index.changing() as plugins:
        directory = index.root() / f"plugin-{secrets.token_hex(8)}"
        directory.mkdir()
        try:
            if rest := sources.brought(told.get("dependencies", ())):
                _fetch(rest, directory, whole=True)
            plugin = Plugin(
                name=sources.normalized(str(told["name"])),
                version=str(told.get("version", "0")),
                source=str(project),
                path=str(source if source.is_dir() else project),
                directory=str(directory),
                linked=True,
                commands={},
            )
            return _enter(plugins, plugin, targets)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise


def uninstall(name: str) -> None:
    """Remove a plugin, whatever state it is in; raises Failure."""
    with index.changing() as plugins:
        plugin = plugins.pop(sources.normalized(name), None)
        if plugin is None:
            raise missing(name)
        index.write(plugins)
        shutil.rmtree(plugin.directory, ignore_errors=True)


def missing(name: str) -> Failure:
    return Failure(f"cannot find the plugin {name}: it is not installed", "See `celadon plugins`.")


def _enter(plugins: dict[str, Plugin], plugin: Plugin, targets: Mapping[str, str]) -> Outcome:
    """Into the index, with those of its commands that nobody else has."""
    if not targets:
        raise Failure(f"cannot install {plugin.name}: it is no plugin, it has no entry points of the group {GROUP}")
    for name, target in targets.items():
        if not _COMMAND.fullmatch(name) or not _TARGET.fullmatch(target):
            raise Failure(f"cannot install {plugin.name}: `{name} = {target}` is no command and its module:function")
    others = {command for other in plugins.values() if other.name != plugin.name for command in other.commands}
    taken = sorted(name for name in targets if index.built_in(name) or name in others)
    free = {name: target for name, target in targets.items() if name not in taken}
    if not free:
        raise Failure(f"cannot install {plugin.name}: there is a command {', '.join(taken)} already, which stays")
    try:
        commands = probe.look(free, plugin.search_path)
    except Broken as error:
        raise Failure(f"cannot install {plugin.name}: it is broken: {error}") from None
    entered = Plugin(
        name=plugin.name,
        version=plugin.version,
        source=plugin.source,
        path=plugin.path,
        directory=plugin.directory,
        linked=plugin.linked,
        commands=commands,
    )
    before = plugins.get(plugin.name)
    plugins[plugin.name] = entered
    index.write(plugins)
    if before is not None:
        shutil.rmtree(before.directory, ignore_errors=True)
    return Outcome(plugin=entered, taken=taken)


def _distribution(directory: Path) -> metadata.Distribution:
    """The one that has been installed there."""
    found = list(metadata.distributions(path=[str(directory)]))
    if len(found) != 1:
        raise Failure("cannot install this: it is no Python package")
    return found[0]


def _project(project: Path) -> dict[str, Any]:
    file = project / "pyproject.toml"
    try:
        told: dict[str, Any] = tomllib.loads(file.read_text("utf-8"))["project"]
        return {**told, "name": told["name"]}
    except FileNotFoundError:
        raise Failure(f"cannot link {project}: it has no pyproject.toml") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"cannot read {file}: {error}") from None
    except (KeyError, TypeError):
        raise Failure(f"cannot link {project}: its pyproject.toml names no project") from None


def _fetch(requirements: Sequence[str], directory: Path, *, whole: bool) -> None:
    """Install into a directory, `whole` with what these need in turn; raises Failure."""
    argv = [
        *installation.installer(),
        "--target",
        str(directory),
        *([] if whole else ["--no-deps"]),
        "--",
        *requirements,
    ]
    done = subprocess.run(argv, capture_output=True, check=False, text=True, errors="replace", stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = _CREDENTIALS.sub("://", done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Failure(f"cannot install {', '.join(sources.shown(one) for one in requirements)}:", *said[-_LAST_LINES:])
