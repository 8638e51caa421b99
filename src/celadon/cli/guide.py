"""`help` and `version`."""

import click

from celadon.cli import overview, table
from celadon.cli import version as versions
from celadon.cli.commands import command
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.output import say


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

    found = group.load(topic)
    rest = table.below(found.name or topic) if found is not None else table.below(topic)
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
        width = max(len(_line(name)) for name in rest)
        for name in sorted(rest):
            say(f"  {_line(name):<{width}}  #  {table.COMMANDS[name].summary}")
        if more := [name for name in rest if table.below(name)]:
            say(f'\nWith more commands of their own, by "celadon help COMMAND": {", ".join(sorted(more))}')


def _line(name: str) -> str:
    return f"{name} {table.COMMANDS[name].usage}".rstrip()
