"""One-off dynos: attached to this terminal, or detached with their output in the logs."""

import re
import shlex
import sys
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection import rendezvous
from celadon.cli.failure import ApiFailure, Failure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, say
from celadon.model import exit_status

_TRAILING = {"-a": True, "--app": True, "-r": True, "--remote": True, "--size": True, "--platform": True}
_SAFE = re.compile(r"[^\s'\"\\()]+")
# A command may have started another one of this app in the same moment.
_TRIES = 3

_SIZE = click.option("-s", "--size", metavar="SIZE", help="The dyno's size, such as 2X.")
_ENV = click.option("-e", "--env", "env", metavar="K=V[;K=V]", multiple=True, help="Config vars for this dyno alone.")
_NO_TTY = click.option("--no-tty", is_flag=True, help="Run without a terminal, also when this is one.")
_TYPE = click.option("--type", "kind", metavar="TYPE", help="The process type the dyno counts as.")


@command(app=True, must="COMMAND to run", trailing={**_TRAILING, "--no-tty": False, "--exit-code": False})
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
@_SIZE
@_ENV
@_TYPE
@click.option("-x", "--exit-code", is_flag=True, help="Exit with the command's status (always on).")
@_NO_TTY
@click.option("-d", "--detached", "detach", is_flag=True, help="The same as run:detached.")
@click.option("--no-notify", is_flag=True, hidden=True)
def attached(
    invocation: Invocation,
    words: tuple[str, ...],
    size: str | None,
    env: tuple[str, ...],
    kind: str | None,
    exit_code: bool,
    no_tty: bool,
    detach: bool,
    no_notify: bool,
) -> None:
    """Run a command in a fresh one-off dyno of the current release, attached to this terminal.

    The first word may be a process type of the Procfile. Options of celadon stand before the command; `--app` and
    `--size` may follow it too, unless `--` begins it. The exit status is the command's.
    """
    line = command_line(words)
    if detach:
        _detach(invocation, line, size, env, kind)
    else:
        _attach(invocation, line, size, env, kind, no_tty=no_tty)


def _attach(
    invocation: Invocation, line: str, size: str | None, env: tuple[str, ...], kind: str | None, *, no_tty: bool
) -> None:
    """Run it in a dyno of its own; raises Exit with its status."""
    terminal = not no_tty and rendezvous.has_terminal()
    body = _body(exit_status.telling(line), size, env, kind, terminal=terminal) | {"attach": True}
    with action(f"Running `{line}` attached to terminal", stream=sys.stderr) as running:
        dyno = _start(invocation, body)
        connection, first = rendezvous.meet(invocation.platform, dyno["attach_url"])
        running.word, running.status = "up", dyno["name"]
    resized = rendezvous.telling_sizes(invocation, f"{invocation.app_path}/dynos/{dyno['name']}")
    status = rendezvous.carry(connection, first, terminal=terminal, resized=resized)
    if status is None:
        raise Failure(f"{dyno['name']} ended without an exit status; `celadon logs --dyno {dyno['name']}` may say why")
    raise click.exceptions.Exit(status)


_OLD = {**_TRAILING, "--no-tty": False}


@command(app=True, must="COMMAND for rake", trailing=_OLD)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
@_SIZE
@_ENV
@_NO_TTY
def rake(invocation: Invocation, words: tuple[str, ...], size: str | None, env: tuple[str, ...], no_tty: bool) -> None:
    """The old way to say `run rake COMMAND`."""
    _deprecate("rake")
    _attach(invocation, command_line(("rake", *words)), size, env, None, no_tty=no_tty)


@command(app=True, trailing=_OLD)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@_SIZE
@_ENV
@_NO_TTY
def console(
    invocation: Invocation, words: tuple[str, ...], size: str | None, env: tuple[str, ...], no_tty: bool
) -> None:
    """The old way to say `run console`: the process type of this name, or a program that the app has."""
    _deprecate("console")
    _attach(invocation, command_line(("console", *words)), size, env, None, no_tty=no_tty)


def _deprecate(word: str) -> None:
    old, new = f"celadon {click.get_current_context().info_name}", f"celadon run {word}"
    print(f"WARNING: `{old}` has been deprecated. Please use `{new}` instead.", file=sys.stderr)


@command(app=True, must="COMMAND to run", trailing={**_TRAILING, "--tail": False})
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
@_SIZE
@_ENV
@_TYPE
@click.option("-t", "--tail", is_flag=True, help="Follow the dyno's log.")
def detached(
    invocation: Invocation,
    words: tuple[str, ...],
    size: str | None,
    env: tuple[str, ...],
    kind: str | None,
    tail: bool,
) -> None:
    """Run a command in a fresh one-off dyno of the current release; its output goes to the logs."""
    name = _detach(invocation, command_line(words), size, env, kind, hint=not tail)
    if tail:
        from celadon.cli.commands import logs

        logs.follow(invocation, {"lines": 100, "tail": True, "dyno": name})


def command_line(words: tuple[str, ...]) -> str:
    """One word is a line for the shell as it is; of several each is quoted that the shell would cut or change."""
    if len(words) == 1:
        return words[0]
    return " ".join(word if _SAFE.fullmatch(word) else shlex.quote(word) for word in words)


def parse_env(values: tuple[str, ...]) -> dict[str, str]:
    """`A=1;B=2` or several of them; raises UsageFailure."""
    env = {}
    for pair in (pair for value in values for pair in value.split(";") if pair):
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UsageFailure(f"{pair} is invalid. Must be in the format KEY=VALUE.")
        env[name] = text
    return env


def _body(
    line: str, size: str | None, env: tuple[str, ...], kind: str | None, *, terminal: bool = False
) -> dict[str, Any]:
    variables = rendezvous.told_terminal() if terminal else {}
    body: dict[str, Any] = {"command": line, "env": {**variables, **parse_env(env)}}
    if not terminal:
        body["force_no_tty"] = True
    if size:
        body["size"] = size
    if kind:
        body["type"] = kind
    return body


def _start(invocation: Invocation, body: dict[str, Any]) -> dict[str, Any]:
    for left in reversed(range(_TRIES)):
        try:
            dyno: dict[str, Any] = invocation.client.post(f"{invocation.app_path}/dynos", body)
            return dyno
        except ApiFailure as failure:
            if failure.http_status != 409 or left == 0:
                raise
    raise AssertionError("the last try returns or raises")


def _detach(
    invocation: Invocation, line: str, size: str | None, env: tuple[str, ...], kind: str | None, *, hint: bool = True
) -> str:
    with action(f"Running `{line}` detached") as running:
        dyno = _start(invocation, _body(line, size, env, kind) | {"attach": False})
        running.word, running.status = "up", dyno["name"]
    if hint:
        app = f" -a {invocation.app}" if invocation.options.app else ""
        say(f"Use `celadon logs -p {dyno['name']}{app}` to view the output.")
    return str(dyno["name"])
