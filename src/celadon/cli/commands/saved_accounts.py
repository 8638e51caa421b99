"""Several accounts, of one or more platforms: logins that are kept under names, and changed by them.

The one in use is in `.netrc`, where git and curl look; all that have a name are kept beside our configuration, in a file
that only its owner reads.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from celadon.cli import files
from celadon.cli.command import command
from celadon.cli.connection import netrc, platforms
from celadon.cli.connection.client import Client, revoke
from celadon.cli.connection.platforms import Platform
from celadon.cli.failure import ApiFailure, Failure, warn
from celadon.cli.invocation import Invocation, credentials
from celadon.cli.terminal.output import action, aligned, say, show_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A login under a name."""

    name: str
    email: str
    token: str = field(repr=False)
    platform: Platform

    @property
    def in_use(self) -> bool:
        return credentials(self.platform) == (self.email, self.token)


@command(json=True)
def list_accounts(invocation: Invocation) -> None:
    """List the accounts that are kept under names; the one in use has a star."""
    found = _read()
    last = platforms.last().api_url
    if invocation.json:
        show_json(
            [
                {"name": one.name, "email": one.email, "platform": one.platform.api_url, "current": _current(one, last)}
                for one in found
            ]
        )
        return
    if not found:
        say("No accounts are kept under names: `celadon accounts:add NAME` keeps one.")
    for line in aligned([(_mark(one, last), one.email, one.platform.api_url) for one in found]):
        say(line)


def _mark(one: Account, last: str) -> str:
    return f"{'*' if _current(one, last) else ' '} {one.name}"


def _current(one: Account, last: str) -> bool:
    return one.platform.api_url == last and one.in_use


@command()
def current(invocation: Invocation) -> None:
    """Print the name of the account in use."""
    last = platforms.last().api_url
    for one in _read():
        if _current(one, last):
            say(one.name)
            return
    raise Failure(
        "The account in use has no name.",
        "`celadon accounts:add NAME` gives it one, `celadon accounts:set` uses another.",
    )


@command(must="NAME of the account")
@click.argument("name")
@click.option("-e", "--email", metavar="EMAIL", help="Log in with this address, also where there is a login already.")
def add(invocation: Invocation, name: str, email: str | None) -> None:
    """Keep a login under a name: the present one, or where that has a name already another one, which is asked for."""
    kept = _read()
    _check_name(kept, name)
    if not _plain(name):
        raise Failure(f"cannot call an account {name!r}: use letters, digits, dots and dashes")
    platform = invocation.platform
    present = credentials(platform)
    if email is not None or present is None or any(one.in_use and _same(one.platform, platform) for one in kept):
        from celadon.cli.commands import accounts

        made = accounts.enter(platform, email)
        # Not what .netrc has: somebody may log in as another one meanwhile.
        added = Account(name=name, email=made.email, token=made.token, platform=made.platform)
    else:
        added = Account(name=name, email=present[0], token=present[1], platform=platform)
    with _changing() as kept:
        _check_name(kept, name)
        if other := next((one for one in kept if _same(one.platform, platform) and one.email == added.email), None):
            raise Failure(f"{added.email} is kept as {other.name} already.")
        kept.append(added)
    platforms.remember(added.platform)
    say(f"{added.email} at {platform.api_url} is kept as {name}.")


def _check_name(kept: list[Account], name: str) -> None:
    if any(one.name == name for one in kept):
        raise Failure(f"There is an account {name} already.", f"`celadon accounts:remove {name}` forgets it.")


def _plain(name: str) -> bool:
    return name.replace("-", "").replace(".", "").replace("_", "").isalnum() and not name.startswith("-")


def _same(one: Platform, other: Platform) -> bool:
    return one.api_url == other.api_url


@command(must="NAME of the account")
@click.argument("name")
def use(invocation: Invocation, name: str) -> None:
    """Use the account of this name from now on, for git and curl as well, and its platform where none is said."""
    found = _find(name)
    netrc.write(dict.fromkeys(found.platform.machines, (found.email, found.token)), own=found.platform.own_entry)
    platforms.remember(found.platform)
    say(f"Using {name}: {found.email} at {found.platform.api_url}")
    if os.environ.get("CELADON_API_KEY"):
        warn(["CELADON_API_KEY is set and is used instead: unset it."])


@command(must="NAME of the account")
@click.argument("name")
def remove(invocation: Invocation, name: str) -> None:
    """Forget the account of this name; its login ends."""
    found = _find(name)
    if found.in_use:
        raise Failure(
            f"cannot remove {name}: it is in use.",
            "Use another one first, `celadon accounts:set NAME`; or end it, `celadon logout`.",
        )
    with action(f"Removing {name}"):
        _end(found)
        with _changing() as kept:
            kept[:] = [one for one in kept if one.name != name]


def _end(found: Account) -> None:
    client = Client(platform=found.platform, authorization=lambda: f"Bearer {found.token}")
    try:
        revoke(client)
    except ApiFailure:
        raise
    except Failure as failure:
        warn([*failure.lines, f"{found.name} is forgotten here, but its token is still good there."])


def renew(platform: Platform, email: str, token: str) -> None:
    """A new login of an account that has a name: the name leads to it."""
    with _changing() as kept:
        kept[:] = [
            Account(name=one.name, email=email, token=token, platform=platform)
            if _same(one.platform, platform) and one.email == email
            else one
            for one in kept
        ]


def forget(token: str) -> None:
    """A login has ended: what is kept of it goes."""
    with _changing() as kept:
        kept[:] = [one for one in kept if one.token != token]


def _find(name: str) -> Account:
    kept = _read()
    for one in kept:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in kept)
    raise Failure(
        f"There is no account {name}.", f"There are {names}." if names else "`celadon accounts:add NAME` keeps one."
    )


def file() -> Path:
    return platforms.config_file().with_name("accounts.json")


def _read() -> list[Account]:
    """By name; raises Failure for a file that is none of ours, rather than to overwrite it."""
    try:
        found = json.loads(file().read_text("utf-8"))
        return sorted((_account(name, entry) for name, entry in found.items()), key=lambda one: one.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Failure(f"cannot read {file()}: {error.strerror}") from None
    except (ValueError, AttributeError, KeyError, TypeError):
        raise Failure(f"cannot read {file()}: it is damaged. Remove it, and add the accounts again.") from None


def _account(name: str, entry: dict[str, Any]) -> Account:
    told = entry["platform"]
    paths = {key: Path(told[key]) for key in ("ca_file", "home") if told.get(key)}
    platform = platforms.believed(
        Platform(api_url=told["api_url"], git_host=told.get("git_host"), ssh_host=told.get("ssh_host"), **paths)
    )
    if platform.home is not None:
        # Its ports may have changed since.
        with contextlib.suppress(Failure):
            platform = platforms.of_home(platform.home)
    return Account(name=name, email=entry["email"], token=entry["token"], platform=platform)


@contextlib.contextmanager
def _changing() -> Iterator[list[Account]]:
    """The accounts, which nobody else changes meanwhile; written when they are others at the end. Raises Failure."""
    target = file()
    if not target.parent.is_dir():
        files.make(target.parent)
    with files.changing(target):
        kept = _read()
        before = list(kept)
        yield kept
        if kept != before:
            _write(target, kept)


def _write(target: Path, kept: list[Account]) -> None:
    entries = {one.name: {"email": one.email, "token": one.token, "platform": asdict(one.platform)} for one in kept}
    files.replace(target, json.dumps(entries, indent=2, default=str).encode(), mode=0o600)
