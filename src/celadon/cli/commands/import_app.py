"""Bringing an app from Heroku, or from any platform with a Platform API v3: read it there, show the plan, take its steps."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.commands import heroku_account
from celadon.cli.commands.domains import record
from celadon.cli.connection.client import Client, segment
from celadon.cli.failure import Failure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, header, say, show_json
from celadon.model import app as apps
from celadon.model import heroku_import
from celadon.model.errors import InvalidParams
from celadon.model.heroku_app import HerokuApp
from celadon.model.heroku_plan import Outcome, Part, Step
from celadon.model.text import plain

HEROKU = "https://api.heroku.com"
_MARKS = {Outcome.DO: "+", Outcome.SAME: "=", Outcome.LEFT_OUT: "-", Outcome.BY_HAND: "!"}


@dataclass(slots=True)
class Result:
    """What has come of a plan: the steps done, and what is left with what to type for it."""

    done: list[str] = field(default_factory=list)
    left: list[tuple[str, Sequence[str]]] = field(default_factory=list)
    failed: bool = False


@command(json=True, confirm=True, must="APP to import")
@click.argument("app")
@click.option("--from-heroku", "given", metavar="TOKEN", help="The token there, or - to be asked; else HEROKU_API_KEY.")
@click.option("--from-url", "url", metavar="URL", default=HEROKU, show_default=True, help="The API to read from.")
@click.option(
    "--from-ca",
    "ca_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The certificate authority of that API, where it has one of its own.",
)
@click.option("--as", "new_name", metavar="NAME", help="What to call the app here, instead of its name there.")
@click.option("--with-addon-config", is_flag=True, help="Copy the config vars of add-ons that there are none of here.")
@click.option("--plan", "--dry-run", "only_plan", is_flag=True, help="Show the plan and change nothing.")
def import_app(
    invocation: Invocation,
    app: str,
    given: str | None,
    url: str,
    ca_file: Path | None,
    new_name: str | None,
    with_addon_config: bool,
    only_plan: bool,
) -> None:
    """Bring an app from Heroku, or from any platform with the same API: reads it there, shows what becomes of each part, and
    on confirmation creates it here. At the end it says what is left to do by hand.

    Nothing is changed there, and what an app here has already is never replaced; run it again to go on. Values of config
    vars are never shown. The name to confirm is the one here. With --json the plan is printed, and followed only with
    --confirm.
    """
    there = heroku_account.platform(url, ca_file)
    source = heroku_account.read(heroku_account.open_client(there, heroku_account.token(there, given)), app)
    name = _checked(new_name or source.name)
    steps = _planned(invocation.client, source, name, with_addon_config=with_addon_config)
    if not invocation.json:
        _show(f"Import of {source.name} from {there.api_url} as {name}", steps)
    result = None
    if not only_plan and not (invocation.json and invocation.confirm is None):
        if any(step.outcome is Outcome.DO for step in steps):
            invocation.confirm_change(name, f"This will make what is marked + on {invocation.platform.api_url}.")
        result = _follow(invocation.client, name, steps, quiet=invocation.json)
    _conclude(invocation, steps, result)


def _checked(name: str) -> str:
    try:
        return apps.check_name(name)
    except InvalidParams as error:
        raise Failure(error.message, "Give it another name with --as NAME.") from None


def _planned(client: Client, source: HerokuApp, name: str, *, with_addon_config: bool) -> list[Step]:
    """Raises Failure where an app of that name cannot be the one to fill."""
    offer = heroku_account.offer(client, source)
    here = heroku_account.read_here(client, name)
    if here is not None and here.id == source.id:
        raise Failure(f"cannot import {name}: it is on this platform already. --as NAME makes a second one of it.")
    if here is not None and here.owner != offer.account:
        raise Failure(
            f"cannot import as {name}: that app belongs to {here.owner}.", "Give it another name with --as NAME."
        )
    return heroku_import.plan(source, name, here, offer, with_addon_config=with_addon_config)


def _show(title: str, steps: Iterable[Step]) -> None:
    header(title)
    for part, group in itertools.groupby(steps, key=lambda step: step.part):
        say(str(part))
        for step in group:
            say(f"  {_MARKS[step.outcome]} {step.what}")
            if step.why:
                say(f"      {step.why}")
    say()
    say("+ is made on confirmation   = is so already   - does not come along   ! is left to do by hand")
    say()


def _follow(client: Client, name: str, steps: Iterable[Step], *, quiet: bool) -> Result:
    """Take the steps in their order; one that fails is left to do by hand and keeps no other from being taken."""
    result = Result()
    for step in steps:
        if step.outcome is Outcome.BY_HAND:
            result.left.append((_sentence(step), step.commands))
        elif step.outcome is Outcome.DO:
            try:
                with action(f"{step.part}: {step.what}", quiet=quiet):
                    _take(client, step)
            except Failure as failure:
                result.failed = True
                result.left.append((f"{step.part}: {step.what}: {plain(' '.join(failure.lines))}", step.commands))
                if step.part is Part.APP:
                    raise Failure(
                        *failure.lines, "Nothing has been made. --as NAME imports it by another name."
                    ) from None
            else:
                result.done.append(f"{step.part}: {step.what}")
    result.left += _records(client, name)
    return result


def _sentence(step: Step) -> str:
    return f"{step.part}: {step.what}" + (f": {step.why}" if step.why else "")


def _take(client: Client, step: Step) -> None:
    answer: Any = None
    for request in step.requests:
        body = {**request.body, **{ours: answer[theirs] for ours, theirs in request.taken.items()}}
        answer = client.request(request.method, request.path, body).body


def _records(client: Client, name: str) -> list[tuple[str, Sequence[str]]]:
    """The DNS records to change; a domain that leads here already needs none."""
    try:
        domains = client.all(f"/apps/{segment(name)}/domains", range="id ..; max=1000;")
    except Failure as failure:
        return [(f"DNS: lead the domains here: {plain(' '.join(failure.lines))}", (f"celadon domains --app {name}",))]
    return [
        (f"DNS: lead {entry['hostname']} here: {record(entry['hostname'])} to {entry['cname']}", ())
        for entry in domains
        if entry["kind"] == "custom" and entry["status"] == "pending"
    ]


def _conclude(invocation: Invocation, steps: Sequence[Step], result: Result | None) -> None:
    """Done and left; raises Failure when a step has failed."""
    if invocation.json:
        told: dict[str, Any] = {"plan": [_json(step) for step in steps]}
        if result is not None:
            told |= {"done": result.done}
            told |= {"left": [{"what": what, "commands": list(commands)} for what, commands in result.left]}
        show_json(told)
    elif result is not None:
        _say_result(invocation, result)
    if result is not None and result.failed:
        raise Failure("Some steps could not be taken; run the same command again to go on.")


def _say_result(invocation: Invocation, result: Result) -> None:
    say()
    header("Done")
    for what in result.done or ["nothing: all that can be made was there already"]:
        say(f"  {what}")
    say()
    header("Left to do by hand")
    if invocation.options.platform and any(commands for _, commands in result.left):
        say(f"  (for the commands: export CELADON_{'HOST' if '://' in invocation.options.platform else 'HOME'}=…)")
    for number, (what, commands) in enumerate(result.left, start=1):
        say(f"{number:>3}. {what}")
        for line in commands:
            say(f"         {line}")
    if not result.left:
        say("  nothing")


def _json(step: Step) -> dict[str, Any]:
    """Without the requests: their bodies hold secrets."""
    return {
        "part": str(step.part),
        "outcome": str(step.outcome),
        "what": step.what,
        "why": step.why,
        "commands": list(step.commands),
    }
