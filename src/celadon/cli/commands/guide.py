"""`help` and `version`."""

import click

from celadon.cli import overview, replaced, table
from celadon.cli.command import command
from celadon.cli.commands import version as versions
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.plugins import index
from celadon.cli.terminal.output import say


@command()
@click.argument("topic", required=False)
def show(invocation: Invocation, topic: str | None) -> None:
    """List the topics, or explain one topic or command."""
    if topic is None:
        say("\n".join(overview.lines()))
    else:
        _explain(topic)


@command()
def version(invocation: Invocation) -> None:
    """Print the version of this client, its platform and its Python."""
    say(versions.line())


def _explain(topic: str) -> None:
    from celadon.cli import group

    entries = {**index.entries(), **table.COMMANDS}
    found = group.load(topic)
    rest = table.below(topic if found is None else found.name or topic, entries)
    if found is None and not rest and (explained := replaced.explanation(topic)):
        say("\n".join((f"There is no `celadon {topic}` here.", *explained)))
        return
    if found is None and not rest:
        from celadon.cli import suggestions

        names = dict.fromkeys([*table.COMMANDS, *table.ALIASES, *table.PRIMARY, *table.ADDITIONAL])
        raise UsageFailure(
            f"There is no command or topic `{topic}`.",
            *suggestions.sentence(suggestions.near(topic, names)),
            "See `celadon help` for the list.",
        )
    if found is not None:
        context = click.Context(found, info_name=f"celadon {topic}", max_content_width=100)
        say(found.get_help(context))
        if others := table.called(found.name or ""):
            say(f"\nAlso called: {', '.join(others)}")
    if rest:
        say("" if found is None else "\nMore commands of this topic:\n")
        say("\n".join(overview.calls(entries, sorted(rest))))
        if more := [name for name in rest if table.below(name, entries)]:
            say(f'\nWith more commands of their own, by "celadon help COMMAND": {", ".join(sorted(more))}')
