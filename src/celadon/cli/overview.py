"""A bare `celadon`: the topics."""

from collections.abc import Mapping, Sequence

from celadon.cli import table
from celadon.cli.plugins import root
from celadon.cli.table import Entry


def lines() -> list[str]:
    """How it is called, and what about."""
    shown = ["Usage: celadon COMMAND [--app APP] [OPTIONS]"]
    for title, topics in (("Primary", table.PRIMARY), ("Additional", table.ADDITIONAL)):
        shown += ["", f'{title} topics, more with "celadon help TOPIC":', ""]
        shown += [f"  {topic:<12} #  {about}" for topic, about in topics.items()]
    if root.any_installed():
        from celadon.cli.plugins import index

        if brought := index.entries():
            shown += ["", 'Commands of plugins, more with "celadon help COMMAND":', ""]
            shown += calls(brought, sorted(brought))
    return [*shown, ""]


def calls(entries: Mapping[str, Entry], names: Sequence[str]) -> list[str]:
    """A line for each of these commands."""
    written = {name: f"{name} {entries[name].usage}".rstrip() for name in names}
    width = max(len(call) for call in written.values())
    return [f"  {call:<{width}}  #  {entries[name].summary}" for name, call in written.items()]
