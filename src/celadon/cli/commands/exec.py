"""A command in a dyno that runs already, beside its process."""

import sys

import click

from celadon.cli.command import command
from celadon.cli.commands.run import command_line
from celadon.cli.connection import rendezvous
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action
from celadon.model import exit_status

_SHELL = "bash"
_TRAILING = {"-a": True, "--app": True, "-r": True, "--remote": True, "--platform": True, "--no-tty": False}
_NO_TTY = click.option("--no-tty", is_flag=True, help="Run without a terminal, also when this is one.")


@command(app=True, trailing=_TRAILING | {"-d": True, "--dyno": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
@click.option("-d", "--dyno", default="web.1", show_default=True, metavar="DYNO", help="The dyno to go into.")
@_NO_TTY
def enter(invocation: Invocation, words: tuple[str, ...], dyno: str, no_tty: bool) -> None:
    """Open a shell, or run a command, in a dyno that is up: beside its process, with its files and config vars.

    It ends with its dyno, and when you leave. Options of celadon stand before the command; `--app` and `--dyno` may follow
    it too, unless `--` begins it. The exit status is the command's.
    """
    _run_in(invocation, dyno, command_line(words) if words else _SHELL, no_tty=no_tty)


@command(app=True, must="DYNO and COMMAND to run", trailing=_TRAILING)
@click.argument("dyno")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
@_NO_TTY
def run_inside(invocation: Invocation, dyno: str, words: tuple[str, ...], no_tty: bool) -> None:
    """Run a command in a dyno that is up: as `ps:exec`, with the dyno said first."""
    _run_in(invocation, dyno, command_line(words), no_tty=no_tty)


def _run_in(invocation: Invocation, dyno: str, line: str, *, no_tty: bool) -> None:
    terminal = not no_tty and rendezvous.has_terminal()
    body = {"command": exit_status.telling(line), "env": rendezvous.told_terminal() if terminal else {}}
    path = f"{invocation.app_path}/dynos/{segment(dyno)}/exec-sessions"
    with action(f"Running `{line}` in {dyno}", stream=sys.stderr) as running:
        session = invocation.client.post(path, body)
        connection, first = rendezvous.meet(invocation.platform, session["attach_url"])
        running.word = "up"
    resized = rendezvous.telling_sizes(invocation, f"{path}/{session['id']}")
    status = rendezvous.carry(connection, first, terminal=terminal, resized=resized)
    if status is None:
        raise Failure(f"{line} in {dyno} ended without an exit status; `celadon ps` tells whether the dyno is still up")
    raise click.exceptions.Exit(status)
