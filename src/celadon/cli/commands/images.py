"""Images: an app from one that was built elsewhere."""

import functools
import time
from pathlib import Path
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.commands import builds
from celadon.cli.connection import waiting
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure, UsageFailure
from celadon.cli.invocation import Invocation, ask_password
from celadon.cli.terminal.output import action
from celadon.model.dyno import crashed

_ARCHIVES = (".tar", ".tar.gz", ".tgz")
# Seconds: between two looks at a dyno that starts, and until nobody waits for it any more. Looks count as requests of the account.
_LOOK = 0.5
_LONGEST = 120.0


@command(app=True, json=True)
@click.argument("image", metavar="IMAGE|FILE.tar")
@click.option(
    "-u", "--username", metavar="NAME", help="Who to fetch it as; the password is asked for, or read from a pipe."
)
def import_image(invocation: Invocation, image: str, username: str | None) -> None:
    """Release an image from a registry, or from an archive on this machine that `docker save` has made: what is a file here is one."""
    path = f"{invocation.app_path}/images"
    if image.endswith(_ARCHIVES) or Path(image).is_file():
        if username is not None:
            raise UsageFailure("A login is for an image in a registry, not for an archive.")
        archive = Path(image)
        blob = {"url": builds.uploaded(invocation, archive), "version": archive.name}
        body: dict[str, object] = {"source_blob": blob}
    else:
        body = {"image": image}
        if username is not None:
            body["login"] = {"username": username, "password": ask_password()}
    build = invocation.client.post(path, body)
    builds.follow(invocation, build, "import")
    if not invocation.json:
        _wait_for_web(invocation, str(build["id"]))


def _wait_for_web(invocation: Invocation, build: str) -> None:
    """Until what was imported serves, or it is clear that it does not; raises Failure when that is its own fault."""
    client, path = invocation.client, invocation.app_path
    # Its output may have broken off before its end.
    with waiting.leaving("The import goes on without us.", f"To look: celadon builds:info {build} -a {invocation.app}"):
        made = waiting.until(lambda: _ended(client.get(f"{path}/builds/{segment(build)}")))
    release = client.get(f"{path}/releases/{segment(made['id'])}")
    name = f"v{release['version']}"
    goes_on = (f"{name} goes on without us.", f"To look: celadon ps -a {invocation.app}")
    with waiting.leaving(*goes_on):
        if release["status"] == "pending":
            with action(f"Running the release command of {name}"):
                waiting.until(
                    lambda: client.get(f"{path}/releases/{segment(made['id'])}")["status"] != "pending" or None
                )
            release = client.get(f"{path}/releases/{segment(made['id'])}")
        if release["status"] == "failed":
            raise Failure(f"The release command of {name} failed; see `celadon releases:output -a {invocation.app}`")
        # What serves now may have another formation than what it had before.
        if _wants_web(invocation):
            with action(f"Waiting for web.1 of {name}") as running:
                look = functools.partial(_serves, invocation, release["version"], time.monotonic() + _LONGEST)
                running.word = waiting.until(look, every=_LOOK)


def _ended(build: dict[str, Any]) -> dict[str, Any] | None:
    """The release of a build that has ended well; raises Failure when it has not."""
    if build["status"] == "failed":
        raise Failure(f"Import {build['id']} failed.")
    return build["release"] if build["status"] != "pending" else None


def _wants_web(invocation: Invocation) -> bool:
    formation = invocation.client.all(f"{invocation.app_path}/formation")
    return any(entry["type"] == "web" and entry["quantity"] for entry in formation)


def _serves(invocation: Invocation, version: int, deadline: float) -> str | None:
    """What has become of the web dynos of this release, None while that is open; raises Failure."""
    app, client, path = invocation.app, invocation.client, invocation.app_path
    found = [dyno for dyno in client.all(f"{path}/dynos") if dyno["type"] == "web"]
    mine = [dyno for dyno in found if dyno["release"]["version"] == version]
    if any(dyno["state"] in ("up", "idle") for dyno in mine):
        return "up"
    for dyno in mine:
        # After a first crash it starts again at once.
        if dyno["state"] == "crashed" or dyno.get("crashes"):
            raise Failure(
                f"{dyno['name']} of v{version} {crashed(dyno.get('exit_status'))}; see `celadon logs -a {app}`"
            )
    newest = client.all(f"{path}/releases", range="version ..; order=desc,max=10")
    current = max((entry["version"] for entry in newest if entry["status"] == "succeeded"), default=version)
    if current > version:
        return f"v{current} has replaced it meanwhile"
    if not _wants_web(invocation):
        return "no web dyno is wanted any more"
    if time.monotonic() > deadline:
        raise Failure(
            f"no web dyno of v{version} is up after {_LONGEST:g} seconds; see `celadon ps -a {app}` and `celadon logs -a {app}`"
        )
    return None
