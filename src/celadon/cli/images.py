"""Images: an app from one that was built elsewhere."""

from pathlib import Path

import click

from celadon.cli import builds
from celadon.cli.commands import command
from celadon.cli.failure import UsageFailure
from celadon.cli.invocation import Invocation, ask_password

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
    builds.follow(invocation, invocation.client.post(path, body), "import")
