"""The line by which a command tells its exit status to the client that is attached to it.

Heroku's own client writes an `echo` of it behind the command.
"""

import shlex

MARK = "\uffff"
NAME = "heroku-command-exit-status: "
_ECHO = f'echo "{MARK} {NAME}$?"'


def reached(command: str) -> str:
    """The command such that the client's `echo` is always reached, and that it is the dyno's own status too.

    Behind a command that leaves the shell (`exit 3`, `exec …`) or is none (an open quote) the `echo` would be lost, and
    the client ends with an error of its own.
    """
    own = without(command)
    if own == command:
        return command
    return f'(eval {shlex.quote(own)})\nstatus=$?; echo "{MARK} {NAME}$status"; exit $status'


def line(status: int | None) -> str:
    """What such an `echo` would have said."""
    return f"{MARK} {NAME}{1 if status is None else status}\n"


def without(command: str) -> str:
    """The command as its client meant it, for what has no shell to tell a status by."""
    own, echo, rest = command.rpartition(f" ; {_ECHO}")
    return own if echo and not rest else command
