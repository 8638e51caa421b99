"""Plugins: packages of others that bring commands of their own."""

from pathlib import Path
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.failure import Failure, warn
from celadon.cli.invocation import Invocation, ask
from celadon.cli.plugins import index, sources
from celadon.cli.plugins import install as plugin_install
from celadon.cli.plugins.index import Plugin
from celadon.cli.table import COMMANDS, topic_of
from celadon.cli.terminal.output import action, header, interactive, listing, say, show_json


@command(json=True)
def list_plugins(invocation: Invocation) -> None:
    """List installed plugins and their commands. Each is tried: one that is broken is named."""
    from celadon.cli.plugins import probe

    plugins = index.read()
    troubles = {name: probe.trouble(plugin) for name, plugin in plugins.items()}
    if invocation.json:
        show_json([_told(plugin, troubles[name]) for name, plugin in plugins.items()])
        return
    if not plugins:
        say("No plugins installed.")
        return
    header("Installed Plugins")
    listing(
        (name, plugin.version, ", ".join(sorted(plugin.commands)) + (" (linked)" if plugin.linked else ""))
        for name, plugin in plugins.items()
        if troubles[name] is None
    )
    for name, why in troubles.items():
        if why is not None:
            warn(index.broken(plugins[name], why))


@command(must="URL, PATH or NAME to install")
@click.argument("source")
@click.option("-y", "--yes", is_flag=True, help="Do not ask whether to trust it.")
def install(invocation: Invocation, source: str, yes: bool) -> None:
    """Install a plugin: a Python package from a git URL, a path, or a package index."""
    if (topic := sources.BUILT_IN.get(sources.normalized(source))) is not None:
        known = any(topic_of(name) == topic for name in COMMANDS)
        say(f"{source} is built in: see `celadon help{f' {topic}' if known else ''}`.")
        return
    wanted = sources.requirement(source)
    if not yes:
        _trust(source)
    with action(f"Installing plugin {sources.shown(source)}") as running:
        outcome = plugin_install.install(wanted)
        running.status = f"{outcome.plugin.name} {outcome.plugin.version}"
    _tell(outcome)


@command(must="PLUGIN to uninstall")
@click.argument("plugin")
def uninstall(invocation: Invocation, plugin: str) -> None:
    """Uninstall a plugin."""
    if sources.normalized(plugin) not in index.read():
        raise plugin_install.missing(plugin)
    with action(f"Uninstalling {plugin}"):
        plugin_install.uninstall(plugin)


@command()
@click.argument("plugin", required=False)
def update(invocation: Invocation, plugin: str | None) -> None:
    """Install a plugin, or all of them, anew from where they came from."""
    plugins = index.read()
    if plugin is not None and sources.normalized(plugin) not in plugins:
        raise plugin_install.missing(plugin)
    chosen = list(plugins.values()) if plugin is None else [plugins[sources.normalized(plugin)]]
    if not chosen:
        say("No plugins installed.")
    failed = False
    for one in chosen:
        try:
            with action(f"Updating plugin {one.name}") as running:
                again = plugin_install.link(Path(one.source)) if one.linked else plugin_install.install(one.source)
                running.status = again.plugin.version
            _tell(again)
        except Failure as failure:
            # The others do not wait for one that cannot be had.
            failure.show()
            failed = True
    if failed:
        raise click.exceptions.Exit(1)


@command(must="PATH to link")
@click.argument("path", type=click.Path(path_type=Path, file_okay=False, exists=True))
def link(invocation: Invocation, path: Path) -> None:
    """Use the plugin that you work on in a directory: what you change there holds at once."""
    with action(f"Linking plugin {path}") as running:
        outcome = plugin_install.link(path.absolute())
        running.status = f"{outcome.plugin.name} {outcome.plugin.version}"
    _tell(outcome)


def _trust(source: str) -> None:
    warn(
        [
            f"{sources.shown(source)} is code of others: installing it runs it, as you, and with your login.",
            "Install only what you trust.",
        ]
    )
    if not interactive():
        raise Failure("There is nobody to ask here: add --yes to install it.")
    if ask("Install it? [yN] ").lower() not in ("y", "yes"):
        raise Failure("Aborted.")


def _tell(outcome: plugin_install.Outcome) -> None:
    for name in outcome.taken:
        warn([f"Its command `{name}` is left out: there is one of this name already."])
    for name, entry in sorted(outcome.plugin.commands.items()):
        say(f"  celadon {name} {entry.usage}".rstrip() + f"  #  {entry.summary}")


def _told(plugin: Plugin, why: str | None) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "version": plugin.version,
        "source": sources.shown(plugin.source),
        "linked": plugin.linked,
        "commands": sorted(plugin.commands),
        "broken": why,
    }
