"""What tests of accounts need: a second person's program, letters, codes, and an answer in the browser."""

import re
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pyotp
from tests.cli.program import Program
from tests.cli.world import EMAIL, OTHER, PASSWORD, World

from celadon.actions import accounts, mails, two_factor


def collaborator(world: World, tmp_path: Path) -> Program:
    """The program of the second person, at the same platform."""
    home = tmp_path / "other"
    home.mkdir()
    program = Program(home)
    program.env["CELADON_HOME"] = str(world.context.settings.home)
    program.log_in(world.machine, OTHER, world.new_token(OTHER))
    return program


def letters_to(world: World, email: str) -> list[str]:
    return [mail.text for mail in mails.outbox(world.context, world.actor) if mail.recipient == email]


def second_factor(world: World) -> str:
    """Switches it on for the operator; returns the one code that can be used at once."""
    secret, _ = two_factor.begin(world.context, world.actor, PASSWORD)
    totp = pyotp.TOTP(secret)
    now = int(time.time())
    two_factor.enable(world.context, world.actor, totp.at(now))
    account = accounts.actor_of_token(world.context, world.token).account
    assert account.two_factor
    return totp.at(now + 30)


def browser(program: Program) -> Path:
    """Gives a program a browser that opens nothing; returns the file in which it notes what it was to open."""
    script, seen = program.home / "browser", program.home / "opened"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > {seen}\n')
    script.chmod(0o755)
    program.env["BROWSER"] = f"{script} %s"
    return seen


def answer(url: str, **form: str) -> str:
    """What the page says after its form was sent."""
    assert re.search(r"/auth/browser/[\w-]{43}$", url), url
    given = {"email": EMAIL, "password": PASSWORD, **form}
    with urllib.request.urlopen(url, urllib.parse.urlencode(given).encode(), timeout=20) as page:
        return str(page.read().decode())
