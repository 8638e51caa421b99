"""How a command is declared: one decorator that adds the options all commands share, on top of click."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from celadon.cli import failure
from celadon.cli.detection import Options
from celadon.cli.invocation import Invocation

CONTEXT: Mapping[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Command(click.Command):
    """A click command that is called as its line in the table says. `must` names what may not be left out."""

    must: str = ""
    # The words behind its name, as its line says them.
    usage: str = ""
    # Options of ours that may stand behind the words of a command that is passed on, and whether they take a value.
    trailing: Mapping[str, bool] = {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, hoisted(args, self.trailing) if self.trailing else args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [piece for piece in (self.usage, "[OPTIONS]") if piece]

    def usage_failure(self, called: str, error: click.UsageError) -> failure.UsageFailure:
        """What is wrong with the way it was called, in the toolbelt's form."""
        lines = [f"Usage: celadon {called} {self.usage}".rstrip()]
        if isinstance(error, click.MissingParameter) and error.param is not None:
            lines.append(f"Must specify {self.must or error.param.human_readable_name}.")
        else:
            lines += [error.format_message(), f"See `celadon help {called}`."]
        return failure.UsageFailure(*lines)


def hoisted(words: list[str], trailing: Mapping[str, bool]) -> list[str]:
    """`ls -l --app example` as `--app example ls -l`; nothing moves where `--` says what belongs to whom."""
    if "--" in words:
        return words
    rest, moved = list(words), list[str]()
    while rest:
        if rest[-1].partition("=")[0] in trailing and ("=" in rest[-1]) == trailing[rest[-1].partition("=")[0]]:
            moved = [rest.pop(), *moved]
        elif len(rest) > 1 and trailing.get(rest[-2]):
            moved = [*rest[-2:], *moved]
            del rest[-2:]
        else:
            break
    return [*moved, *rest]


def command(
    *,
    app: bool = False,
    json: bool = False,
    confirm: bool = False,
    must: str = "",
    trailing: Mapping[str, bool] | None = None,
    passing: bool = False,
    platform: bool = True,
) -> Callable[[Callable[..., None]], Command]:
    """Declare a command; its function gets the Invocation first, then its own parameters.

    `passing`: options that are not ours are among its words, for somebody else. Without `platform` it speaks to none,
    and has no `--platform`. `app` adds `--app` and `--remote`. With `trailing` the words after the first argument are a command to run, and only
    these options of ours may follow it.
    """

    def declare(function: Callable[..., None]) -> Command:
        declared = Command(
            None,
            params=[*_own(function), *_shared(app=app, json=json, confirm=confirm, platform=platform)],
            callback=_calling(function, takes_app=app),
            help=function.__doc__,
            context_settings={
                **CONTEXT,
                "allow_interspersed_args": trailing is None,
                "ignore_unknown_options": passing,
            },
        )
        declared.must = must
        declared.trailing = trailing or {}
        return declared

    return declare


def _calling(function: Callable[..., None], *, takes_app: bool) -> Callable[..., None]:
    """The function as click calls it: the shared options become an Invocation."""

    def call(**params: Any) -> None:
        options = Options(
            platform=params.pop("platform_option", None),
            app=params.pop("app_option", None),
            remote=params.pop("remote_option", None),
        )
        invocation = Invocation(
            options=options,
            takes_app=takes_app,
            json=params.pop("json_option", False),
            confirm=params.pop("confirm_option", None),
        )
        click.get_current_context().find_root().obj = invocation
        function(invocation, **params)

    return call


def _own(function: Callable[..., None]) -> list[click.Parameter]:
    params: list[click.Parameter] = getattr(function, "__click_params__", [])
    return list(reversed(params))


def _completing(values: str) -> Callable[[click.Context, click.Parameter, str], Any]:
    """A function of the module that knows them, which is loaded when a shell asks."""

    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> Any:
        from celadon.cli import completion

        return getattr(completion, values)(context, parameter, incomplete)

    return complete


def _shared(*, app: bool, json: bool, confirm: bool, platform: bool) -> list[click.Parameter]:
    options: list[click.Parameter] = []
    if app:
        options.append(
            click.Option(
                ["-a", "--app", "app_option"],
                metavar="APP",
                help="The app to work on.",
                shell_complete=_completing("apps"),
            )
        )
        options.append(
            click.Option(
                ["-r", "--remote", "remote_option"],
                metavar="REMOTE",
                help="The git remote of the app.",
                shell_complete=_completing("remotes"),
            )
        )
    if confirm:
        options.append(
            click.Option(["--confirm", "confirm_option"], metavar="APP", help="The app's name, instead of typing it.")
        )
    if json:
        options.append(
            click.Option(["-j", "--json", "json_option"], is_flag=True, help="Print JSON, as the API has it.")
        )
    if platform:
        options.append(
            click.Option(
                ["--platform", "platform_option"],
                metavar="URL|HOME",
                help="The platform to use, by URL or home directory.",
            )
        )
    return options
