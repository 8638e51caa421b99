"""`help` and `version`."""

from collections.abc import Mapping, Sequence

import click

from celadon.cli import plugin_index, replaced, table
from celadon.cli import version as versions
from celadon.cli.commands import command
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.output import say
from celadon.cli.table import Entry


@command()
@click.argument("topic", required=False)
def show(invocation: Invocation, topic: str | None) -> None:
    """List the topics, or explain one topic or command."""
    if topic is None:
        _overview()
    else:
        _explain(topic)


@command()
def version(invocation: Invocation) -> None:
    """Print the version of this client, its platform and its Python."""
    say(versions.line())


def _overview() -> None:
    say("Usage: celadon COMMAND [--app APP] [OPTIONS]")
    for title, topics in (("Primary", table.PRIMARY), ("Additional", table.ADDITIONAL)):
        say(f'\n{title} topics, more with "celadon help TOPIC":\n')
        for topic, about in topics.items():
            say(f"  {topic:<12} #  {about}")
    if brought := plugin_index.entries():
        say('\nCommands of plugins, more with "celadon help COMMAND":\n')
        _lines(brought, sorted(brought))
    say()


def _explain(topic: str) -> None:
    from celadon.cli import group

    entries = {**plugin_index.entries(), **table.COMMANDS}
    found = group.load(topic)
    rest = table.below(topic if found is None else found.name or topic, entries)
    if found is None and not rest and (explained := replaced.explanation(topic)):
        say("\n".join((f"There is no `celadon {topic}` here.", *explained)))
        return
    if found is None and not rest:
        raise UsageFailure(f"There is no command or topic `{topic}`.", "See `celadon help` for the list.")
    if found is not None:
        context = click.Context(found, info_name=f"celadon {topic}", max_content_width=100)
        say(found.get_help(context))
        if others := table.called(found.name or ""):
            say(f"\nAlso called: {', '.join(others)}")
    if rest:
        say("" if found is None else "\nMore commands of this topic:\n")
        _lines(entries, sorted(rest))
        if more := [name for name in rest if table.below(name, entries)]:
            say(f'\nWith more commands of their own, by "celadon help COMMAND": {", ".join(sorted(more))}')


def _lines(entries: Mapping[str, Entry], names: Sequence[str]) -> None:
    calls = {name: f"{name} {entries[name].usage}".rstrip() for name in names}
    width = max(len(call) for call in calls.values())
    for name, call in calls.items():
        say(f"  {call:<{width}}  #  {entries[name].summary}")
