"""An app on this machine: its Procfile run, checked, and made into files for the system's init."""

import os
import re
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from celadon.cli.command import command
from celadon.cli.failure import Failure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import coloured, say

if TYPE_CHECKING:
    from celadon.local.formation import Entry

_PROCFILE = click.option(
    "-f", "--procfile", metavar="FILE", help="Another Procfile; its directory is then the app's, unless --root says so."
)
_ROOT = click.option("-d", "--root", metavar="DIR", help="The directory of the app, instead of this one.")
_ENV = click.option(
    "-e", "--env", "env_files", metavar="FILE[,FILE...]", multiple=True, help="Instead of .env; later ones win."
)
_PORT = click.option(
    "-p", "--port", type=click.IntRange(1, 65_535), metavar="PORT", help="The first port, instead of 5000."
)
_CONCURRENCY = click.option(
    "-c",
    "--concurrency",
    "-m",
    "--formation",
    "concurrency",
    metavar="TYPE=NUMBER[,...]",
    multiple=True,
    help="How many of each; `all` stands for the types that are not named.",
)


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add


@command(platform=False)
@click.argument("types", nargs=-1)
@_options(_CONCURRENCY, _ENV, _PROCFILE, _PORT, _ROOT)
@click.option(
    "-t",
    "--timeout",
    type=click.FloatRange(0, 3600),
    default=5.0,
    metavar="SECONDS",
    help="How long they may take to stop; 5.",
)
def start(
    invocation: Invocation,
    types: tuple[str, ...],
    concurrency: tuple[str, ...],
    env_files: tuple[str, ...],
    procfile: str | None,
    port: int | None,
    root: str | None,
    timeout: float,
) -> None:
    """Run the entries of the Procfile side by side, with the variables of .env, until Ctrl-C or the end of one.

    Without a TYPE all are run but `release`; `web=2` is two of that type. PORT is 5000 for the first type, 5100 for the second, 5001 for the second
    one of the first. When one ends, all are stopped; the exit status is that of the first that failed.
    """
    from celadon.local import formation, manager

    types_of_app, directory = _procfile(procfile, root)
    chosen, numbers = formation.parse_types(types)
    entries = _entries(types_of_app, directory, chosen, (*concurrency, *numbers), env_files, port)
    formation.check_ports(entries)
    running = manager.Manager(sys.stdout, colour=coloured(sys.stdout), grace=timeout)
    for entry in entries:
        env = {**os.environ, **entry.env, "PS": entry.name}
        running.add_process(entry.name, entry.command, env=env, cwd=str(directory))
    running.loop()
    raise click.exceptions.Exit(running.returncode)


@command(platform=False, must="CMD to run", trailing={})
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
@_options(_ENV, _PROCFILE, _PORT, _ROOT)
def run(
    invocation: Invocation,
    words: tuple[str, ...],
    env_files: tuple[str, ...],
    procfile: str | None,
    port: int | None,
    root: str | None,
) -> None:
    """Run one command with the variables of .env, and exit with its status.

    The first word may be a process type of the Procfile. Options stand before the command.
    """
    from celadon.local import env_file, formation, place

    file, directory = _place(procfile, root)
    env = env_file.load(directory, env_files)
    types = formation.read_procfile(file) if procfile or place.found(file) is not None else {}
    # One word is a line for the shell; the words of several have been cut by the user's shell, and stay as they are.
    line = words[0] if len(words) == 1 else shlex.join(words)
    first, _, rest = line.partition(" ")
    given = formation.first_port(port, env, os.environ)
    if first in types:
        entry = formation.entries(types, dict.fromkeys(types, 1), env, given)[list(types).index(first)]
        line, given = f"{entry.command} {rest}".strip(), entry.port
    _become(line, {**os.environ, **env, "PORT": str(given)}, directory)


@command(platform=False)
@_options(_PROCFILE, _ROOT)
def check(invocation: Invocation, procfile: str | None, root: str | None) -> None:
    """Check the Procfile by the rules of a push, and say of each error in which line it is."""
    from celadon.local import formation

    file, _ = _place(procfile, root)
    types = formation.read_procfile(file)
    declares = f": {', '.join(types)}" if types else ", and declares nothing: the buildpack's process types are used."
    say(f"{file.name} is valid{declares}")


@command(platform=False, must="FORMAT and DIR to export to")
@click.argument("format", required=True)
@click.argument("directory", metavar="DIR", required=True)
@click.option("-a", "--app", "name", metavar="NAME", help="What the app is called, instead of its directory's name.")
@click.option("-u", "--user", metavar="USER", help="Who it runs as, instead of a user called as the app.")
@click.option(
    "-l", "--log", metavar="DIR", help="Where its output goes, instead of /var/log/NAME or the init's own log."
)
@_options(_CONCURRENCY, _ENV, _PROCFILE, _PORT, _ROOT)
def export(
    invocation: Invocation,
    format: str,
    directory: str,
    name: str | None,
    user: str | None,
    log: str | None,
    concurrency: tuple[str, ...],
    env_files: tuple[str, ...],
    procfile: str | None,
    port: int | None,
    root: str | None,
) -> None:
    """Write the Procfile and the variables of .env into DIR as files for the system's init.

    FORMAT is bluepill, inittab, runit, supervisord, systemd or upstart.
    """
    from celadon.local import export as exporting

    types, place = _procfile(procfile, root)
    entries = _entries(types, place, (), concurrency, env_files, port)
    app = name or re.sub(r"[^A-Za-z0-9_-]+", "-", place.resolve().name).strip("-") or "app"
    plan = exporting.Plan(app=app, root=place.resolve(), user=user or app, log=log)
    done = exporting.write(format, entries, plan, Path(directory))
    for file in done.written:
        say(f"Wrote {file}")
    for file in done.removed:
        say(f"Removed {file}")
    if done.left:
        told = "These do not say that an export wrote them. Remove what an earlier one has left:"
        warn([told, *(f"  {file}" for file in done.left)])


def _place(procfile: str | None, root: str | None) -> tuple[Path, Path]:
    """The Procfile and the directory of the app; raises Failure."""
    file = Path(procfile) if procfile else Path(root or ".") / "Procfile"
    directory = Path(root) if root else file.parent
    if not directory.is_dir():
        raise Failure(f"there is no directory {directory}")
    return file, directory


def _procfile(procfile: str | None, root: str | None) -> tuple[dict[str, str], Path]:
    from celadon.local import formation

    file, directory = _place(procfile, root)
    return formation.read_procfile(file), directory


def _entries(
    types: dict[str, str],
    directory: Path,
    chosen: tuple[str, ...],
    concurrency: tuple[str, ...],
    env_files: tuple[str, ...],
    port: int | None,
) -> "list[Entry]":
    from celadon.local import env_file, formation

    env = env_file.load(directory, env_files)
    numbers = formation.quantities(types, chosen, formation.parse_concurrency(concurrency))
    return formation.entries(types, numbers, env, formation.first_port(port, env, os.environ))


def _become(line: str, env: dict[str, str], directory: Path) -> None:
    """This program becomes the command's shell, so that its terminal, its signals and its end are the command's."""
    sys.stdout.flush()
    # Python ignores these two, and what is ignored stays so in the next program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.chdir(directory)
    try:
        os.execve("/bin/sh", ["sh", "-c", line], env)
    except OSError as error:
        raise Failure(f"cannot run the command: {error.strerror}") from None
