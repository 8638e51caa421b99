"""`doctor`: what the client lacks, and on a platform's machine what the platform does, each with what mends it."""

import dataclasses
from pathlib import Path

import click

from celadon.cli.command import command
from celadon.cli.commands import client_checks
from celadon.cli.failure import Failure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import header, say, show_json
from celadon.model.check import Check
from celadon.model.text import plain


@command(json=True)
def examine(invocation: Invocation) -> None:
    """Look at this client, its login and its platform, and on a platform's machine at what that needs; each line is ok or
    says what is missing and which command mends it.

    Exits with 1 when something is missing.
    """
    of_client = list(client_checks.checks(invocation.options))
    home = _home(invocation)
    of_platform = _platform(home) if home else []
    if invocation.json:
        parts = {"client": of_client, "platform": of_platform}
        show_json([{"part": part, **dataclasses.asdict(one)} for part, found in parts.items() for one in found])
    else:
        header("Client")
        _show(of_client)
        if home:
            say()
            header(f"Platform in {home}")
            _show(of_platform)
    if not all(check.ok for check in (*of_client, *of_platform)):
        raise click.exceptions.Exit(1)


def _home(invocation: Invocation) -> Path | None:
    """Where the platform is installed, if it is on this machine."""
    try:
        return invocation.platform.home
    except Failure:
        # One of the client's checks tells of it.
        return None


def _platform(home: Path) -> list[Check]:
    from celadon.platform import doctor, settings

    return doctor.doctor(settings.load(home))


def _show(checks: list[Check]) -> None:
    for check in checks:
        mark = "[ok]     " if check.ok else "[missing]"
        say(plain(f"{mark} {check.name}{f': {check.detail}' if check.detail else ''}"))
        if not check.ok and check.remedy:
            say(plain(f"           {check.remedy}"))
