"""Dynos: list, restart, stop, wait."""

import itertools
import re
import time
from collections.abc import Sequence
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection import waiting
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, header, listing, say, show_json, time_ago
from celadon.model.exit_status import told

_DYNO = re.compile(r"^[A-Za-z0-9_-]+\.\d+$")
_LOOK_SECONDS = 0.5


@command(app=True, json=True)
@click.argument("types", nargs=-1)
def ps(invocation: Invocation, types: tuple[str, ...]) -> None:
    """List the dynos of an app by process type, with their sizes, commands and states."""
    every = _dynos(invocation)
    dynos = [dyno for dyno in every if not types or dyno["type"] in types]
    if invocation.json:
        show_json(dynos)
    elif not dynos:
        say(f"{invocation.app} has no {' '.join([' or '.join(types), 'dynos']).strip()}.")
        warn(_nearest(types, every))
    else:
        for kind, group in itertools.groupby(dynos, lambda dyno: str(dyno["type"])):
            _show(kind, list(group))


@command(app=True)
@click.argument("which", required=False)
@click.option("-d", "--dyno", "which_dyno", metavar="DYNO", help="The dyno to restart, such as web.1.")
@click.option("-p", "--process-type", "which_type", metavar="TYPE", help="The process type whose dynos to restart.")
def restart(invocation: Invocation, which: str | None, which_dyno: str | None, which_type: str | None) -> None:
    """Replace dynos by new ones: one dyno, those of a process type, or all of the formation."""
    which = which or which_dyno or which_type
    if which is None:
        with action("Restarting dynos"):
            invocation.client.delete(f"{invocation.app_path}/dynos")
        return
    with action(f"Restarting {_shown(which)}"):
        kind = "dynos" if _DYNO.match(which) else "formations"
        invocation.client.delete(f"{invocation.app_path}/{kind}/{segment(which)}")


@command(app=True, must="DYNO to stop")
@click.argument("which", nargs=-1)
@click.option("-d", "--dyno", "which_dyno", metavar="DYNO", help="The dyno to stop, such as run.1234.")
@click.option("-p", "--process-type", "which_type", metavar="TYPE", help="The process type whose dynos to stop.")
def stop(invocation: Invocation, which: tuple[str, ...], which_dyno: str | None, which_type: str | None) -> None:
    """Stop dynos: a one-off ends, one of the formation is started again."""
    chosen = [*which, *(name for name in (which_dyno, which_type) if name)]
    if not chosen:
        raise click.MissingParameter(param=click.get_current_context().command.params[0])
    for name in chosen:
        with action(f"Stopping {_shown(name)}"):
            kind = "dynos" if _DYNO.match(name) else "formations"
            invocation.client.post(f"{invocation.app_path}/{kind}/{segment(name)}/actions/stop")


@command(app=True)
@click.option("-t", "--type", "kind", metavar="TYPE", help="Wait for the dynos of one process type only.")
@click.option("-R", "--with-run", is_flag=True, help="Wait for one-off dynos too.")
@click.option(
    "-w", "--wait-interval", type=click.FloatRange(min=0.1), default=_LOOK_SECONDS, help="Seconds between looks."
)
@click.option("--timeout", type=click.FloatRange(min=0), default=600.0, show_default=True, help="Seconds to wait.")
def wait(invocation: Invocation, kind: str | None, with_run: bool, wait_interval: float, timeout: float) -> None:
    """Wait until all dynos are up and run the latest release."""
    releases = invocation.client.all(f"{invocation.app_path}/releases", range="version ..; order=desc,max=10")
    latest = next((entry["version"] for entry in releases if entry["status"] == "succeeded"), None)
    if latest is None:
        raise Failure(f"{invocation.app} has no releases.")
    deadline = time.monotonic() + timeout

    def ready() -> int | None:
        dynos = [
            dyno
            for dyno in _dynos(invocation)
            if (kind is None or dyno["type"] == kind) and (with_run or dyno["type"] not in ("run", "release"))
        ]
        done = sum(dyno["release"]["version"] >= latest and dyno["state"] == "up" for dyno in dynos)
        if done < len(dynos) and time.monotonic() > deadline:
            raise Failure(
                f"cannot wait any longer: {done} of {len(dynos)} dynos are up and run v{latest}; see `celadon ps` and `celadon logs`"
            )
        return None if done < len(dynos) else done

    goes_on = ("The dynos go on without us.", f"To look: celadon ps -a {invocation.app}")
    with waiting.leaving(*goes_on), action(f"Waiting for every dyno to run v{latest}") as running:
        running.status = f"{waiting.until(ready, every=wait_interval)} up"


def _dynos(invocation: Invocation) -> list[dict[str, Any]]:
    """By type, then by number: web.2 before web.10."""
    found = invocation.client.all(f"{invocation.app_path}/dynos")
    return sorted(found, key=lambda dyno: (dyno["type"] == "run", dyno["type"], _number(dyno["name"])))


def _nearest(types: Sequence[str], dynos: Sequence[dict[str, Any]]) -> list[str]:
    from celadon.cli import suggestions

    present = {str(dyno["type"]) for dyno in dynos}
    return suggestions.sentence([name for kind in types for name in suggestions.near(kind, present)])


def _number(name: str) -> int:
    number = name.rpartition(".")[2]
    return int(number) if number.isdigit() else 0


def _show(kind: str, dynos: list[dict[str, Any]]) -> None:
    if kind == "run":
        header("run: one-off processes")
        listing(
            [
                f"{dyno['name']} ({dyno['size']}): {dyno['state']} {time_ago(dyno['updated_at'])}: `{told(dyno['command'])}`"
                for dyno in dynos
            ],
            in_order=False,
        )
        return
    newest = max(dynos, key=lambda dyno: int(dyno["release"]["version"]))
    header(f"{kind} ({newest['size']}): `{told(newest['command'])}`")
    listing([_row(dyno, newest["release"]["version"]) for dyno in dynos], in_order=False)


def _row(dyno: dict[str, Any], newest: int) -> str:
    """While a release takes over from another, it is said which dyno is whose."""
    of = "" if dyno["release"]["version"] == newest else f" of v{dyno['release']['version']}"
    return f"{dyno['name']}: {dyno['state']} {time_ago(dyno['updated_at'])}{of}"


def _shown(which: str) -> str:
    return f"{which} dyno" if _DYNO.match(which) else f"{which} dynos"
