"""`autocomplete`: what a shell needs to complete commands, options and apps."""

import os
from pathlib import PurePath

import click

from celadon.cli.command import command
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import say

# Shell → the file that it reads at its start, and the line to put there.
_LINES = {
    "bash": ("~/.bashrc", 'eval "$(celadon autocomplete bash)"'),
    "fish": ("~/.config/fish/config.fish", "celadon autocomplete fish | source"),
    "zsh": ("~/.zshrc, after compinit", 'eval "$(celadon autocomplete zsh)"'),
}


@command()
@click.argument("shell", required=False)
def show(invocation: Invocation, shell: str | None) -> None:
    """Print the script by which bash, zsh or fish completes commands, options and apps, and where to put it.

    By default for the shell that you use.
    """
    from celadon.cli import completion

    chosen = shell or PurePath(os.environ.get("SHELL", "")).name
    if chosen not in _LINES:
        known = ", ".join(_LINES)
        raise UsageFailure(
            f"cannot complete in {chosen}: there are {known}." if chosen else f"Name your shell: {known}."
        )
    file, line = _LINES[chosen]
    say(completion.script(chosen))
    say(f"# To complete in {chosen}, put this line into {file}:\n#     {line}")
