"""Git remotes and clones of apps."""

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

import click

from celadon.cli import invocation as invocations
from celadon.cli import repository
from celadon.cli.command import command
from celadon.cli.commands import credentials
from celadon.cli.connection import netrc, platforms
from celadon.cli.connection.client import segment
from celadon.cli.connection.platforms import Platform
from celadon.cli.failure import Failure, UsageFailure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.repository import Remote
from celadon.cli.terminal.output import say

DEFAULT_REMOTE = "celadon"


@command()
@click.argument("operation", type=click.Choice(["get", "store", "erase"]))
def answer(invocation: Invocation, operation: str) -> None:
    """Answer git's question for credentials, which comes on standard input.

    `celadon create` and `celadon git:remote` tell git to ask this command; there is no need to call it yourself.
    """
    credentials.reply(operation, sys.stdin, sys.stdout)


@command()
@click.argument("name", required=False)
@click.option("-a", "--app", "named", metavar="APP", help="The app the remote points to.")
@click.option("-r", "--remote", metavar="REMOTE", default=DEFAULT_REMOTE, show_default=True, help="The remote's name.")
@click.option("--ssh-git", is_flag=True, help="Use SSH instead of HTTPS.")
def remote(invocation: Invocation, name: str | None, named: str | None, remote: str, ssh_git: bool) -> None:
    """Add the git remote of an app to this repository, or let the present one point to the app."""
    if (chosen := name or named) is not None:
        invocation.choose(chosen)
    invocation.takes_app = True
    found = repository.read()
    if found is None:
        raise Failure("cannot add a git remote: this is no git repository (git init makes one)")
    app = invocation.client.get(invocation.app_path)
    url = url_of(invocation.platform, app, ssh=ssh_git)
    if remote in found.urls:
        repository.set_remote(remote, url)
        say(f"Git remote {remote} updated")
    else:
        repository.add_remote(remote, url)
        say(f"Git remote {remote} added")
    _allow(invocation.platform, url)


@command()
@click.argument("words", nargs=-1)
@click.option("-a", "--app", "named", metavar="APP", help="The app to clone.")
@click.option("-r", "--remote", metavar="REMOTE", default=DEFAULT_REMOTE, show_default=True, help="The remote's name.")
@click.option("--ssh-git", is_flag=True, help="Use SSH instead of HTTPS.")
def clone(invocation: Invocation, words: tuple[str, ...], named: str | None, remote: str, ssh_git: bool) -> None:
    """Clone the code of an app into a directory, by default one of the app's name."""
    names = list(words) if named is None else [named, *words]
    if not 1 <= len(names) <= 2:
        raise UsageFailure("Usage: celadon git:clone APP [DIRECTORY]", "Must specify APP to clone.")
    invocation.choose(names[0])
    app = invocation.client.get(f"/apps/{segment(names[0])}")
    url = url_of(invocation.platform, app, ssh=ssh_git)
    _learn(invocation.platform, url)
    say(f"Cloning from app '{app['name']}'...")
    sys.stdout.flush()
    status = repository.clone(url, names[1] if len(names) > 1 else app["name"], remote, invocation.platform)
    if status != 0:
        raise Failure(f"cannot clone {app['name']}: git exited with status {status}")


def url_of(platform: Platform, app: Mapping[str, Any], *, ssh: bool) -> str:
    """The app's git URL: HTTPS as the API says it, or SSH."""
    if not ssh:
        return str(app["git_url"])
    host = platform.ssh_host or platform.hostname.removeprefix("api.")
    return f"ssh://git@{host}/{app['name']}.git"


def attach(platform: Platform, name: str, url: str, *, quiet: bool = False) -> None:
    """Add a remote for a new app, if this is a repository; one of that name that is there already stays."""
    found = repository.read()
    if found is None:
        return
    present = found.urls.get(name)
    if present is None:
        repository.add_remote(name, url)
        if not quiet:
            say(f"Git remote {name} added")
    elif present != url:
        app = url.rstrip("/").rpartition("/")[2].removesuffix(".git")
        warn(
            [
                f"Git remote {name} is left as it is: it points to {present}",
                f"To change it: celadon git:remote --app {app} --remote {name}",
            ]
        )
        return
    _allow(platform, url)


def remotes_of(platform: Platform, app: str) -> list[Remote]:
    """This repository's remotes that point to an app."""
    found = repository.read()
    return [remote for remote in repository.remotes(found, [platform]) if remote.app == app] if found else []


def _allow(platform: Platform, url: str) -> None:
    _learn(platform, url)
    repository.allow(platform, url)


def _learn(platform: Platform, url: str) -> None:
    """The API has told where a platform's door for git is: keep it, with the credentials."""
    split = repository.split_url(url)
    if split is None or split[0] != "https" or platform.home is not None or split[1] in platform.machines:
        return
    if not platforms.may_be_at(platform, split[1]):
        warn([f"{split[1]} is another host than {platform.hostname}: git is given no login for it."])
        return
    known = invocations.credentials(platform)
    if known is not None:
        netrc.write({split[1]: known}, own=platform.own_entry)
        platforms.remember(dataclasses.replace(platform, git_host=split[1]))
