"""`docs/reference/cli.md`, made from the table and the commands' own help: `python -m celadon.cli.reference`."""

import click

from celadon.cli import group, table
from celadon.cli.command import Command

_INTRODUCTION = """# Commands

Written by `python -m celadon.cli.reference > docs/reference/cli.md`; a test keeps it so.

The app of a command is found in this order: `--app`, `--remote`, `CELADON_APP` or `HEROKU_APP`, git's `celadon.remote`
or `heroku.remote`, the only app that the git remotes point to. The platform: `--platform`, `CELADON_HOST`,
`CELADON_HOME`, the git remotes, the last login. `CELADON_API_KEY` is used instead of a login.

Exit status: 0 done, 1 not possible, 2 written wrongly, 130 interrupted; `run` exits with its command's.
"""


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for name in sorted(table.COMMANDS):
        command = group.load(name)
        assert command is not None, f"{name} is in the table"
        parts.append(_section(name, command))
    return "\n".join(parts)


def _section(name: str, command: Command) -> str:
    entry = table.COMMANDS[name]
    lines = [f"## {name}", "", f"`celadon {name} {entry.usage}`".replace(" `", "`"), ""]
    lines += [" ".join((command.help or "").split()), ""]
    if others := table.called(name):
        lines += [f"Also called: {', '.join(f'`{other}`' for other in others)}.", ""]
    context = click.Context(command, info_name=name)
    own = [param for param in command.params if isinstance(param, click.Option)]
    options = [record for option in own if (record := option.get_help_record(context)) is not None]
    if options:
        lines += ["| option | |", "|---|---|"]
        lines += [f"| `{_cell(option)}` | {_cell(help)} |" for option, help in options]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
