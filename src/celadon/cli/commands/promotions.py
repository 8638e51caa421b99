"""Promoting an app's code to the next stage of its pipeline, and what lies between them."""

import re
from typing import Any

import click

from celadon.cli import repository
from celadon.cli.command import command
from celadon.cli.commands.pipelines import apps_of, coupling_of
from celadon.cli.connection import streams
from celadon.cli.connection.client import segment
from celadon.cli.connection.waiting import leaving, until
from celadon.cli.failure import Failure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, date, hash, header, say, show_json, table

_ORDER = ("development", "staging", "production")
_COMMIT = re.compile(r"^[0-9a-f]{7,64}$")


@command(app=True, json=True)
@click.option("-t", "--to", metavar="APP[,APP...]", help="The apps to promote to, whatever their stage.")
def promote(invocation: Invocation, to: str | None) -> None:
    """Promote the current release of an app to the apps of the next stage: they run the same slug with their own config.

    Config vars and add-ons are not promoted. A target's release command runs as for any release.
    """
    with action("Fetching app info", quiet=invocation.json):
        coupling = coupling_of(invocation)
    pipeline = coupling["pipeline"]
    with action(f"Fetching apps from {pipeline['name']}", quiet=invocation.json):
        apps = apps_of(invocation.client, pipeline["id"])
    if to is None:
        stage = _next(invocation.app, coupling["stage"], "promote")
        chosen, goal = _in_stage(invocation.app, apps, stage, "promote"), stage
    else:
        chosen = [_named(invocation.app, apps, name) for name in to.split(",") if name]
        goal = f"apps: {', '.join(app['name'] for app in chosen)}"
    with action(f"Starting promotion to {goal}", quiet=invocation.json):
        body = {
            "pipeline": {"id": pipeline["id"]},
            "source": {"app": {"id": coupling["app"]["id"]}},
            "targets": [{"app": {"id": app["id"]}} for app in chosen],
        }
        promotion = invocation.client.post("/pipeline-promotions", body)
    _report(invocation, _wait(invocation, promotion["id"]), {app["id"]: app["name"] for app in chosen})


def _named(source: str, apps: list[dict[str, Any]], name: str) -> dict[str, Any]:
    if name == source:
        raise Failure(f"Cannot promote from an app to itself: {name}. Specify a different target app.")
    for app in apps:
        if name in (app["name"], app["id"]):
            return app
    raise Failure(f"Cannot find app {name} in the pipeline of {source}.")


def _next(app: str, stage: str, verb: str) -> str:
    """The stage after this one; raises Failure when code goes nowhere from here."""
    if stage not in _ORDER[:-1]:
        raise Failure(f"Cannot {verb} {app} from '{stage}' stage: there is none after it.")
    return _ORDER[_ORDER.index(stage) + 1]


def _in_stage(source: str, apps: list[dict[str, Any]], stage: str, verb: str) -> list[dict[str, Any]]:
    found = [app for app in apps if app["pipelineCoupling"]["stage"] == stage]
    if not found:
        raise Failure(f"Cannot {verb} {source}: there are no downstream apps in {stage} stage.")
    return sorted(found, key=lambda app: str(app["name"]))


def _wait(invocation: Invocation, promotion_id: str) -> list[dict[str, Any]]:
    """The targets when all have ended; of a single one the output of its release command is shown."""
    path = f"/pipeline-promotions/{promotion_id}/promotion-targets"

    def targets(*, released: bool) -> list[dict[str, Any]] | None:
        found = invocation.client.all(path, range="id ..; max=1000;")
        early = released and len(found) == 1 and found[0]["release"]
        return found if early or all(target["status"] != "pending" for target in found) else None

    with leaving("The promotion goes on.", "To look: celadon releases -a APP, of each app that it goes to"):
        with action("Waiting for promotion to complete", quiet=invocation.json):
            first = until(lambda: targets(released=True))
        if len(first) == 1 and first[0]["release"]:
            _show_release(invocation, first[0])
        return until(lambda: targets(released=False))


def _show_release(invocation: Invocation, target: dict[str, Any]) -> None:
    release = invocation.client.get(f"/apps/{target['app']['id']}/releases/{target['release']['id']}")
    if release["output_stream_url"] and not invocation.json:
        say("Running release command...")
        streams.copy(invocation.platform, release["output_stream_url"])


def _report(invocation: Invocation, targets: list[dict[str, Any]], names: dict[str, str]) -> None:
    failed = [target for target in targets if target["status"] == "failed"]
    if invocation.json:
        show_json(targets)
    else:
        if not failed:
            say("\nPromotion successful")
        say()
        hash({names[target["app"]["id"]]: _shown(target) for target in targets})
    if failed:
        raise Failure("Promotion to some apps failed." if len(targets) > 1 else "Promotion failed.")


def _shown(target: dict[str, Any]) -> str:
    return f"failed: {target['error_message']}" if target["status"] == "failed" else str(target["status"])


@command(app=True)
def diff(invocation: Invocation) -> None:
    """Compare the code of an app with that of the apps in the next stage of its pipeline.

    The commits of their current releases are compared; in a checkout that has them, those in between are listed.
    """
    with action("Fetching apps from pipeline"):
        coupling = coupling_of(invocation)
        apps = apps_of(invocation.client, coupling["pipeline"]["id"])
    stage = _next(invocation.app, coupling["stage"], "diff")
    downstream = _in_stage(invocation.app, apps, stage, "diff")
    with action("Fetching release info for all apps"):
        mine = _deployed(invocation, invocation.app)
        others = {app["name"]: _deployed(invocation, app["name"]) for app in downstream}
    if mine is None:
        raise Failure(f"No release was found for {invocation.app}, unable to diff.")
    for name, found in others.items():
        say()
        _compare(invocation.app, mine, name, found)


def _deployed(invocation: Invocation, app: str) -> dict[str, Any] | None:
    """The current release with its slug; None while nothing is deployed."""
    path = f"/apps/{segment(app)}"
    releases = invocation.client.all(f"{path}/releases", range="version ..; order=desc")
    current = next((entry for entry in releases if entry["status"] == "succeeded"), None)
    if current is None or not current["slug"]:
        return None
    return {**current, "slug": invocation.client.get(f"{path}/slugs/{current['slug']['id']}")}


def _compare(app: str, mine: dict[str, Any], name: str, other: dict[str, Any] | None) -> None:
    if other is None:
        say(f"{app} was not compared to {name} as {name} does not have any releases")
        return
    images = [(release["slug"].get("image") or {}).get("digest") for release in (mine, other)]
    if all(images):
        say(f"{app} {'is up to date with' if images[0] == images[1] else 'runs another image than'} {name}")
        return
    new, old = (release["slug"]["commit"] or "" for release in (mine, other))
    if not (_COMMIT.match(new) and _COMMIT.match(old)):
        say(f"{app} was not compared to {name} as the commit of one of them is not known")
    elif new == old:
        say(f"{app} is up to date with {name}")
    elif (ahead := repository.commits_between(old, new)) is None:
        header(f"{app} differs from {name}")
        hash({app: _release(mine), name: _release(other)})
        say("Run this in a checkout that has both commits to see what lies between them.")
    else:
        behind = repository.commits_between(new, old) or []
        header(f"{app} is {_apart(len(ahead), len(behind))} {name}")
        table(
            ["SHA", "date", "author", "message"],
            [(commit[:7], date(at), author, subject) for commit, at, author, subject in ahead],
        )


def _apart(ahead: int, behind: int) -> str:
    """`2 commits ahead of`, `1 commit behind`, or both."""
    counts = [(ahead, "ahead of"), (behind, "behind")]
    return " and ".join(f"{count} commit{'' if count == 1 else 's'} {word}" for count, word in counts if count)


def _release(release: dict[str, Any]) -> str:
    subject = (release["slug"]["commit_description"] or "").strip().partition("\n")[0]
    return f"v{release['version']} {release['slug']['commit'][:7]} {subject}".rstrip()
