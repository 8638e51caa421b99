"""The command line as click sees it: commands are imported from the table one at a time."""

import importlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from celadon.cli import failure
from celadon.cli.command import CONTEXT, Command
from celadon.cli.invocation import Invocation
from celadon.cli.table import ALIASES, COMMANDS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_INTERRUPTED = 130


class Group(click.Group):
    """All commands by their names with colons."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return load(cmd_name)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
        """By the table: no command is loaded for it."""
        from celadon.cli import completion

        return completion.names(incomplete)


def load(name: str) -> Command | None:
    """The command of this name, with its module; None when there is none. Raises Failure for one of a broken plugin."""
    name = ALIASES.get(name, name)
    entry = COMMANDS.get(name)
    if entry is None:
        from celadon.cli.plugins import loading

        return loading.load(name)
    module, _, function = entry.target.partition(":")
    found: Command = getattr(importlib.import_module(f"celadon.cli.commands.{module}"), function)
    found.name, found.usage = name, entry.usage
    return found


def run(words: list[str]) -> int:
    """Parse and run; every error that can be foreseen is shown as a sentence."""
    if not words or words[0] in ("-h", "--help"):
        words = ["help", *words[1:]]
    elif words[0] not in COMMANDS and words[0] not in ALIASES and not _of_plugin(words[0]):
        return _unknown(words[0], asked=any(word in ("-h", "--help") for word in words[1:]))
    _tolerate(sys.stdout)
    _tolerate(sys.stderr)
    group = Group(name="celadon", context_settings=dict(CONTEXT))
    context: click.Context | None = None
    try:
        context = group.make_context("celadon", words)
        with context:
            group.invoke(context)
    except click.exceptions.Exit as exited:
        return exited.exit_code
    except click.UsageError as error:
        return _shown(_usage(words[0], error))
    except click.Abort as aborted:
        print(file=sys.stderr)
        return _INTERRUPTED if isinstance(aborted.__cause__, KeyboardInterrupt) else 1
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            print(file=sys.stderr)
        return _INTERRUPTED
    except failure.ApiFailure as refused:
        refused.show()
        invocation = _invocation(context)
        if invocation is not None:
            from celadon.cli import suggestions

            failure.warn(suggestions.for_failure(invocation, refused))
        return refused.status
    except failure.Failure as failed:
        return _shown(failed)
    return 0


def _invocation(context: click.Context | None) -> Invocation | None:
    return context.obj if context is not None and isinstance(context.obj, Invocation) else None


def _shown(failed: failure.Failure) -> int:
    failed.show()
    return failed.status


def _usage(name: str, error: click.UsageError) -> failure.UsageFailure:
    command = load(name)
    if command is None:
        return failure.UsageFailure(error.format_message())
    return command.usage_failure(name, error)


def _of_plugin(name: str) -> bool:
    from celadon.cli.plugins import index

    return index.find(name) is not None


def _unknown(name: str, *, asked: bool) -> int:
    """Say what is used instead, or what may have been meant; `asked` is who only wants help."""
    from celadon.cli import replaced

    if explained := replaced.explanation(name):
        if not asked:
            return _shown(failure.Failure(f"cannot run {name}: there is no such command here.", *explained))
        print(f"There is no `celadon {name}` here.", *explained, sep="\n")
        return 0
    return _shown(_misspelt(name))


def _misspelt(name: str) -> failure.UsageFailure:
    from celadon.cli import suggestions
    from celadon.cli.plugins import index

    return failure.UsageFailure(
        f"`{name}` is not a celadon command.",
        *suggestions.sentence(suggestions.commands(name, [*COMMANDS, *ALIASES, *index.entries()])),
        "See `celadon help` for a list of available commands.",
    )


def _tolerate(stream: Any) -> None:
    """What a terminal's encoding cannot show is replaced, not an error."""
    reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
