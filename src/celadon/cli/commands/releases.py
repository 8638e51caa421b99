"""Releases: list, show, follow their release phase, go back."""

import re
import shlex
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection import streams
from celadon.cli.connection.client import segment
from celadon.cli.failure import Failure, UsageFailure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, hash, header, listing, say, show_json, time_ago, truncate

_VERSION = re.compile(r"^v?(\d+)$")


@command(app=True, json=True)
@click.option("-n", "--num", type=click.IntRange(1, 1000), default=15, show_default=True, help="How many releases.")
def list_releases(invocation: Invocation, num: int) -> None:
    """List the releases of an app, the newest first."""
    releases = _newest(invocation, num)
    if invocation.json:
        show_json(releases)
        return
    if not releases:
        say(f"{invocation.app} has no releases.")
        return
    header(f"{invocation.app} Releases")
    rows = [
        (f"v{entry['version']}", _description(entry), entry["user"]["email"], time_ago(entry["created_at"]))
        for entry in releases
    ]
    listing(rows, in_order=False)


@command(app=True, json=True)
@click.argument("release", required=False)
@click.option("-s", "--shell", is_flag=True, help="Print the config vars as lines that a shell can read.")
def info(invocation: Invocation, release: str | None, shell: bool) -> None:
    """Show a release, by default the newest, with the config vars it has."""
    found = _find(invocation, release)
    version = f"v{found['version']}"
    config: dict[str, str] = invocation.client.get(f"{invocation.app_path}/releases/{found['version']}/config-vars")
    if invocation.json:
        show_json({"release": found, "config_vars": config})
        return
    header(f"Release {version}")
    hash(
        {
            "By": found["user"]["email"],
            "Change": found["description"],
            "Status": None if found["status"] == "succeeded" else found["status"],
            "When": time_ago(found["created_at"]),
        }
    )
    say()
    header(f"{version} Config Vars")
    if shell:
        for name in sorted(config):
            say(f"{name}={shlex.quote(config[name]) if config[name] else ''}")
    else:
        hash(config)


@command(app=True)
@click.argument("release", required=False)
def output(invocation: Invocation, release: str | None) -> None:
    """Print the output of a release phase, by default the newest release's, as it comes."""
    found = _find(invocation, release)
    if not found.get("output_stream_url"):
        warn([f"Release v{found['version']} has no release phase."])
        return
    streams.copy(invocation.platform, found["output_stream_url"])


@command(app=True, json=True)
@click.argument("release", required=False)
def rollback(invocation: Invocation, release: str | None) -> None:
    """Go back to an earlier release, by default the one before: its code and config vars as a new release."""
    target = _find(invocation, release) if release else _previous(invocation)
    with action(f"Rolling back {invocation.app}", quiet=invocation.json) as going:
        made = invocation.client.post(f"{invocation.app_path}/releases", {"release": target["id"]})
        going.status = f"v{target['version']}"
    if invocation.json:
        show_json(made)
        return
    warn(
        [
            f"v{made['version']} has the code and config vars of v{target['version']}; add-ons are left as they are.",
            f"To undo it: celadon rollback v{made['version'] - 1}",
        ]
    )
    if made.get("output_stream_url"):
        streams.copy(invocation.platform, made["output_stream_url"])


@command(app=True)
def retry(invocation: Invocation) -> None:
    """Run the release phase of the newest release again, with the same code, as a new release."""
    latest = _find(invocation, None)
    slug = latest["slug"] and invocation.client.get(f"{invocation.app_path}/slugs/{latest['slug']['id']}")
    if not slug or "release" not in slug["process_types"]:
        raise Failure(f"cannot retry v{latest['version']}: its code has no process type `release`")
    with action(f"Retrying v{latest['version']} on {invocation.app}") as retrying:
        body = {"slug": slug["id"], "description": f"Retry of v{latest['version']}: {latest['description']}"}
        made = invocation.client.post(f"{invocation.app_path}/releases", body)
        retrying.status = f"v{made['version']}"
    if made.get("output_stream_url"):
        streams.copy(invocation.platform, made["output_stream_url"])


def _newest(invocation: Invocation, count: int) -> list[dict[str, Any]]:
    return invocation.client.all(f"{invocation.app_path}/releases", range=f"version ..; max={count}, order=desc")


def _find(invocation: Invocation, release: str | None) -> dict[str, Any]:
    if release is None:
        newest = _newest(invocation, 1)
        if not newest:
            raise Failure(f"{invocation.app} has no releases.")
        return newest[0]
    version = _VERSION.match(release)
    if version is None and len(release) != 36:
        raise UsageFailure(f"{release} is no release: write v12 or 12. `celadon releases` lists them.")
    found: dict[str, Any] = invocation.client.get(
        f"{invocation.app_path}/releases/{version[1] if version else segment(release)}"
    )
    return found


def _previous(invocation: Invocation) -> dict[str, Any]:
    """The release before the one that serves, which can be gone back to."""
    good = [entry for entry in _newest(invocation, 50) if entry["status"] == "succeeded" and entry.get("slug")]
    if len(good) < 2:
        raise Failure(f"cannot roll back {invocation.app}: there is no earlier release with code")
    return good[1]


def _description(release: dict[str, Any]) -> str:
    notes = {"failed": "release command failed", "pending": "release command executing"}
    note = notes.get(release["status"])
    if note is None:
        return truncate(release["description"], 40)
    return f"{truncate(release['description'], 40)} ({note})"
