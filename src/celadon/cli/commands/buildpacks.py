"""Buildpacks of an app, in their order."""

from collections.abc import Sequence
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import hash, header, say, show_json, table

_INDEX = click.option("-i", "--index", type=click.IntRange(min=1), metavar="N", help="The position, from 1.")


@command(app=True, json=True)
def list_buildpacks(invocation: Invocation) -> None:
    """List the buildpacks of an app, in the order in which they run."""
    installed = _installations(invocation)
    if invocation.json:
        show_json(installed)
    elif not installed:
        say(f"{invocation.app} has no buildpack set: the language is detected on each push.")
    else:
        header(f"{invocation.app} Buildpack URL{'s' if len(installed) > 1 else ''}")
        _show([_url(entry) for entry in installed])


@command(app=True, must="BUILDPACK to set")
@click.argument("buildpack")
@_INDEX
def set_buildpack(invocation: Invocation, buildpack: str, index: int | None) -> None:
    """Set the buildpack of an app, or the one at a position; short name, git URL with #ref, or URL of an archive."""
    urls = _urls(invocation)
    if buildpack in urls and urls.index(buildpack) + 1 != (index or 1):
        raise Failure(f"The buildpack {buildpack} is already set on {invocation.app}.")
    position = (index or 1) - 1
    urls[position : position + 1] = [buildpack]
    _replace(invocation, urls, "set")


@command(app=True, must="BUILDPACK to add")
@click.argument("buildpack")
@_INDEX
def add(invocation: Invocation, buildpack: str, index: int | None) -> None:
    """Add a buildpack at the end, or at a position."""
    urls = _urls(invocation)
    if buildpack in urls:
        raise Failure(f"The buildpack {buildpack} is already set on {invocation.app}.")
    urls.insert(len(urls) if index is None else index - 1, buildpack)
    _replace(invocation, urls, "added")


@command(app=True)
@click.argument("buildpack", required=False)
@_INDEX
def remove(invocation: Invocation, buildpack: str | None, index: int | None) -> None:
    """Remove a buildpack, named by itself or by its position."""
    if (buildpack is None) == (index is None):
        raise UsageFailure(
            "Usage: celadon buildpacks:remove [BUILDPACK]", "Must specify BUILDPACK or --index to remove."
        )
    urls = _urls(invocation)
    if not urls:
        raise Failure(f"No buildpacks were found. Next release on {invocation.app} will detect the language.")
    if index is not None:
        if index > len(urls):
            raise Failure(f"Invalid index. Only valid value is {'1' if len(urls) == 1 else f'1 to {len(urls)}'}.")
        del urls[index - 1]
    elif buildpack in urls:
        urls.remove(buildpack)
    else:
        raise Failure(f"cannot remove {buildpack}: {invocation.app} has {', '.join(urls)}")
    _replace(invocation, urls, "removed")


@command(app=True)
def clear(invocation: Invocation) -> None:
    """Remove all buildpacks; the language is detected on the next push."""
    _put(invocation, [])
    say(f"Buildpacks cleared. Next release on {invocation.app} will detect the language.")


@command(json=True)
@click.argument("term", required=False, default="")
def search(invocation: Invocation, term: str) -> None:
    """Find short names of buildpacks: those with a text in their name or in where they lead; all without one."""
    found = [entry for entry in invocation.client.all("/buildpacks") if term.casefold() in _searched(entry)]
    if invocation.json:
        show_json(found)
    elif not found:
        say("No buildpacks found")
    else:
        rows = [(f"{entry['namespace']}/{entry['name']}", entry["category"], entry["description"]) for entry in found]
        table(("Buildpack", "Category", "Description"), rows)
        say(f"\n{len(found)} buildpack{'s' if len(found) > 1 else ''} found")


@command(json=True, must="BUILDPACK to show")
@click.argument("buildpack")
def info(invocation: Invocation, buildpack: str) -> None:
    """Show where a short name leads."""
    found = invocation.client.get(f"/buildpacks/{segment(buildpack)}")
    if invocation.json:
        show_json(found)
        return
    header(buildpack)
    hash({"Category": found["category"], "Description": found["description"]})


@command(json=True, must="BUILDPACK to show")
@click.argument("buildpack")
def versions(invocation: Invocation, buildpack: str) -> None:
    """Show the version that a short name leads to: the newest, or what the platform's list names after the #."""
    found = invocation.client.all(f"/buildpacks/{segment(buildpack)}/revisions")
    if invocation.json:
        show_json(found)
    else:
        table(("Version", "Ref", "Status"), [(one["release"], one["ref"] or "newest", one["status"]) for one in found])


def _searched(entry: dict[str, Any]) -> str:
    return f"{entry['namespace']}/{entry['name']} {entry['description']}".casefold()


def _installations(invocation: Invocation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = invocation.client.all(f"{invocation.app_path}/buildpack-installations")
    return sorted(found, key=lambda entry: int(entry["ordinal"]))


def _url(installation: dict[str, Any]) -> str:
    buildpack = installation["buildpack"]
    return str(buildpack.get("name") or buildpack["url"])


def _urls(invocation: Invocation) -> list[str]:
    return [_url(entry) for entry in _installations(invocation)]


def _put(invocation: Invocation, urls: Sequence[str]) -> None:
    updates = [{"buildpack": url} for url in urls]
    invocation.client.put(f"{invocation.app_path}/buildpack-installations", {"updates": updates})


def _replace(invocation: Invocation, urls: Sequence[str], done: str) -> None:
    _put(invocation, urls)
    app = invocation.app
    if not urls:
        say(f"Buildpack {done}. Next release on {app} will detect the language.")
    elif len(urls) == 1:
        say(f"Buildpack {done}. Next release on {app} will use {urls[0]}.")
    else:
        say(f"Buildpack {done}. Next release on {app} will use:")
        _show(urls)
    say(
        "Run `git push celadon main` to create a new release using " + ("these buildpacks." if len(urls) > 1 else "it.")
    )


def _show(urls: Sequence[str]) -> None:
    for number, url in enumerate(urls, start=1):
        say(f"  {number}. {url}" if len(urls) > 1 else url)
