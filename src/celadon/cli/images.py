"""Images: an app from one that was built elsewhere."""

import functools
from pathlib import Path

import click

from celadon.cli import builds, waiting
from celadon.cli.client import segment
from celadon.cli.commands import command
from celadon.cli.failure import Failure, UsageFailure
from celadon.cli.invocation import Invocation, ask_password
from celadon.cli.output import action

_ARCHIVES = (".tar", ".tar.gz", ".tgz")


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
    """Until a web dyno of what was imported is up, if one is wanted, or something newer is released. Raises Failure when one crashed."""
    client, path = invocation.client, invocation.app_path
    made = client.get(f"{path}/builds/{segment(build)}")["release"]["id"]
    version = client.get(f"{path}/releases/{segment(made)}")["version"]
    if any(entry["type"] == "web" and entry["quantity"] for entry in client.all(f"{path}/formation")):
        goes_on = ("The dyno starts without us.", f"To look: celadon ps -a {invocation.app}")
        with waiting.leaving(*goes_on), action(f"Waiting for web.1 of v{version}") as running:
            running.word = waiting.until(functools.partial(_serves, invocation, version), every=0.25)


def _serves(invocation: Invocation, version: int) -> str | None:
    """What has become of this release, None while that is open; raises Failure."""
    client, path = invocation.client, invocation.app_path
    newest = client.all(f"{path}/releases", range="version ..; order=desc,max=10")
    current = max((entry["version"] for entry in newest if entry["status"] == "succeeded"), default=version)
    if current > version:
        return f"v{current} has replaced it meanwhile"
    if any(entry["version"] == version and entry["status"] == "failed" for entry in newest):
        raise Failure(f"the release command of v{version} failed; see `celadon releases:output -a {invocation.app}`")
    for dyno in client.all(f"{path}/dynos"):
        if dyno["type"] == "web" and dyno["release"]["version"] == version:
            if dyno["state"] == "up":
                return "up"
            if dyno["state"] == "crashed":
                raise Failure(f"{dyno['name']} of v{version} crashed; see `celadon logs -a {invocation.app}`")
    return None
