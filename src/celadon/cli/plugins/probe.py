"""What commands a plugin has, found out by importing it, in a process of its own: its code may print, hang or exit.

`python -P -m celadon.cli.plugins.probe ANSWER COMMAND=MODULE:FUNCTION … -- DIRECTORY …` writes a JSON file.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from celadon.cli.failure import Failure
from celadon.cli.plugins import loading
from celadon.cli.plugins.index import Plugin
from celadon.cli.table import Entry
from celadon.model.text import plain

_SECONDS = 60.0


def look(targets: Mapping[str, str], search_path: Sequence[str]) -> dict[str, Entry]:
    """The commands of these names, as they describe themselves; raises Broken."""
    with tempfile.TemporaryDirectory(prefix="celadon-plugin-") as directory:
        answer = Path(directory, "answer")
        words = [f"{name}={target}" for name, target in targets.items()]
        argv = [sys.executable, "-P", "-m", "celadon.cli.plugins.probe", str(answer), *words, "--"]
        try:
            done = subprocess.run(
                [*argv, *search_path],
                capture_output=True,
                check=False,
                timeout=_SECONDS,
                stdin=subprocess.DEVNULL,
            )
            told = json.loads(answer.read_text("utf-8"))
        except subprocess.TimeoutExpired:
            raise loading.Broken(f"importing it takes more than {_SECONDS:.0f} seconds") from None
        except FileNotFoundError:
            raise loading.Broken(f"importing it ends the program (status {done.returncode})") from None
    if "broken" in told:
        raise loading.Broken(told["broken"])
    return {name: Entry(targets[name], *described) for name, described in told["commands"].items()}


def trouble(plugin: Plugin) -> str | None:
    """Why a plugin does not work; None when each of its commands can be imported."""
    damage = plugin.damage()
    if damage is not None:
        return damage
    try:
        look({name: entry.target for name, entry in plugin.commands.items()}, plugin.search_path)
    except loading.Broken as error:
        return str(error)
    return None


def main(arguments: Sequence[str]) -> None:
    """Import the commands and write down what they say of themselves."""
    answer, *words = arguments
    split = words.index("--")
    told: dict[str, Any] = {"commands": {}}
    try:
        for word in words[:split]:
            name, _, target = word.partition("=")
            told["commands"][name] = _described(loading.imported(target, words[split + 1 :]))
    except (loading.Broken, Failure) as error:
        told = {"broken": str(error)}
    Path(answer).write_text(json.dumps(told), "utf-8")


def _described(command: click.Command) -> tuple[str, str]:
    """Usage and summary, each one line that a terminal can show."""
    context = click.Context(command)
    usage = " ".join(piece for param in command.params for piece in param.get_usage_pieces(context))
    return plain(usage), plain(command.get_short_help_str(limit=80).rstrip("."))


if __name__ == "__main__":
    main(sys.argv[1:])
