"""Builds: list, show, follow, cancel, and make one without git."""

from pathlib import Path
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection import streams, uploads, waiting
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, hash, header, listing, say, show_json, time_ago


@command(app=True, json=True)
@click.option("-n", "--num", type=click.IntRange(1, 1000), default=15, show_default=True, help="How many builds.")
def list_builds(invocation: Invocation, num: int) -> None:
    """List recent builds, the newest first."""
    builds = _newest(invocation)[:num]
    if invocation.json:
        show_json(builds)
        return
    if not builds:
        say(f"{invocation.app} has no builds.")
        return
    header(f"{invocation.app} Builds")
    rows = [
        (
            entry["id"],
            entry.get("image") or _commit(entry) or "-",
            entry["status"],
            entry["user"]["email"],
            time_ago(entry["created_at"]),
        )
        for entry in builds
    ]
    listing(rows, in_order=False)


@command(app=True, json=True)
@click.argument("build", required=False)
def info(invocation: Invocation, build: str | None) -> None:
    """Show the details of a build, by default the newest."""
    found = _find(invocation, build)
    if invocation.json:
        show_json(found)
        return
    header(f"Build {found['id']}")
    hash(
        {
            "Buildpacks": [entry.get("name") or entry["url"] for entry in found.get("buildpacks") or []],
            "By": found["user"]["email"],
            "Commit": _commit(found) or None,
            "Image": found.get("image"),
            "Stack": found["stack"],
            "Status": found["status"],
            "When": time_ago(found["created_at"]),
        }
    )


@command(app=True)
@click.argument("build", required=False)
def output(invocation: Invocation, build: str | None) -> None:
    """Print the output of a build, by default the newest, until it has ended."""
    streams.copy(invocation.platform, _find(invocation, build)["output_stream_url"])


@command(app=True)
@click.argument("build", required=False)
def cancel(invocation: Invocation, build: str | None) -> None:
    """Stop a build, by default the one that runs."""
    if build is None:
        pending = [entry["id"] for entry in _newest(invocation) if entry["status"] == "pending"]
        if not pending:
            raise Failure(f"cannot cancel: no build of {invocation.app} is running")
        build = pending[0]
    with action(f"Cancelling build {build} of {invocation.app}"):
        invocation.client.delete(f"{invocation.app_path}/builds/{segment(build)}")


@command(app=True, json=True)
@click.option("--source-tar", metavar="FILE", help="A .tar.gz archive on this machine, which is uploaded.")
@click.option("--source-url", metavar="URL", help="A .tar.gz archive that the platform can fetch.")
@click.option("--version", metavar="TEXT", help="What to call the source, such as a commit.")
@click.option("--checksum", metavar="SHA256:HEX", help="The archive's checksum, which the platform compares.")
def create(
    invocation: Invocation, source_tar: str | None, source_url: str | None, version: str | None, checksum: str | None
) -> None:
    """Build and release a source archive, without git; its output is printed as it comes."""
    if (source_tar is None) == (source_url is None):
        raise UsageFailure("Must specify --source-tar or --source-url to build.")
    blob = {
        "url": uploaded(invocation, Path(source_tar)) if source_tar is not None else source_url,
        "version": version,
        "checksum": checksum,
    }
    body = {"source_blob": {key: value for key, value in blob.items() if value}}
    follow(invocation, invocation.client.post(f"{invocation.app_path}/builds", body))


def follow(invocation: Invocation, build: dict[str, Any], called: str = "build") -> None:
    """Print what a build that has just been asked for writes; raises Failure when it fails."""
    if invocation.json:
        show_json(build)
        return
    named = f"{build['id']} -a {invocation.app}"
    with waiting.leaving(
        f"The {called} goes on.",
        f"To follow it: celadon builds:output {named}",
        f"To stop it: celadon builds:cancel {named}",
    ):
        streams.copy(invocation.platform, build["output_stream_url"])
    if _find(invocation, build["id"])["status"] == "failed":
        raise Failure(f"{called.capitalize()} {build['id']} failed.")


@command(app=True, confirm=True)
def purge_cache(invocation: Invocation) -> None:
    """Remove what builds keep for the next ones, such as downloaded packages; the next build starts without."""
    invocation.confirm_destroy(
        invocation.app,
        f"This command will delete the build cache of {invocation.app}: the next build takes longer, and may get newer "
        "versions of what the code does not name exactly.",
    )
    with action(f"Purging build cache for {invocation.app}"):
        invocation.client.delete(f"{invocation.app_path}/build-cache")


def uploaded(invocation: Invocation, archive: Path) -> str:
    """The URL that the platform has a file of this machine by, once it has."""
    try:
        with archive.open("rb") as file:
            blob = invocation.client.post("/sources")["source_blob"]
            uploads.put(invocation.platform, blob["put_url"], file)
    except OSError as error:
        raise Failure(f"cannot read {archive}: {error.strerror}") from None
    return str(blob["get_url"])


def _newest(invocation: Invocation) -> list[dict[str, Any]]:
    found = invocation.client.all(f"{invocation.app_path}/builds")
    # The oldest come first; times are whole seconds, by which those of one second cannot be told apart.
    return found[::-1]


def _find(invocation: Invocation, build: str | None) -> dict[str, Any]:
    if build is None:
        newest = _newest(invocation)
        if not newest:
            raise Failure(f"{invocation.app} has no builds.")
        return newest[0]
    found: dict[str, Any] = invocation.client.get(f"{invocation.app_path}/builds/{segment(build)}")
    return found


def _commit(build: dict[str, Any]) -> str:
    return str((build.get("source_blob") or {}).get("version") or "")[:8]
