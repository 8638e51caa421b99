"""`fork`: a second app with the same code, add-ons, data and config vars.

Done from here, one request after the other. What was interrupted goes on when it is called again: `model.fork` tells what
is still to be made, and the release is the last step.
"""

import secrets
import tempfile
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.commands import addon_waiting, pg_backups
from celadon.cli.commands.databases import POSTGRES
from celadon.cli.commands.postgres import chosen
from celadon.cli.connection import streams, uploads, waiting
from celadon.cli.connection.client import Client, segment
from celadon.cli.failure import ApiFailure, Failure, UsageFailure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, interactive, say, size
from celadon.model import fork as rules
from celadon.model.errors import InvalidParams
from celadon.model.fork import AddOn, Content

_ATTACHED = {"Accept-Inclusion": "config_vars"}
_NEWEST = "version ..; order=desc,max=50"


@command(app=True, confirm=True)
@click.argument("target", metavar="[TO]", required=False)
@click.option("--from", "source_option", metavar="APP", help="The same as --app.")
@click.option("--to", "target_option", metavar="TO", help="The same as TO.")
@click.option("--region", metavar="REGION", help="Where the new app runs; where the other one does otherwise.")
@click.option("-s", "--stack", metavar="STACK", help="The stack of the new app; that of the other one otherwise.")
@click.option("--skip-pg", is_flag=True, help="Without the Postgres databases.")
def fork(
    invocation: Invocation,
    target: str | None,
    source_option: str | None,
    target_option: str | None,
    region: str | None,
    stack: str | None,
    skip_pg: bool,
) -> None:
    """Copy an app: its slug, config vars and buildpacks, add-ons of the same plans, and what is in its Postgres databases.

    The new app is yours and has one web dyno. Domains, certificates, collaborators, scheduler jobs, features and log drains
    are not copied. Run it again to go on where it was interrupted. With --confirm TO a copy that fails is destroyed.
    """
    if (named := _one("--app", invocation.options.app, "--from", source_option)) is not None:
        invocation.choose(named)
    target = _one("TO", target, "--to", target_option)
    client = invocation.client
    app = client.get(invocation.app_path)
    source, foreign = _read(client, app["name"])
    if skip_pg:
        source = rules.without(source, POSTGRES.slug)
    name = target or f"{source.name[:25].rstrip('-')}-{secrets.randbelow(9000) + 1000}"
    lacking = _begin(client, source, name, region or app["region"]["name"], stack or app["stack"]["name"])
    try:
        made = _fill(invocation, source, name, lacking)
    except Failure as failure:
        failure.show()
        raise _given_up(invocation, source.name, name) from None
    except KeyboardInterrupt:
        warn(["", f"{name} is half-made: run the same command with its name to go on, or apps:destroy it."])
        raise
    for attached in foreign:
        warn([f"{attached} is another app's add-on and not attached: celadon addons:attach attaches it"])
    say(f"Fork complete, view it at {made['web_url']}")


def _one(option: str, given: str | None, other: str, also: str | None) -> str | None:
    """What two names of the same thing say; raises UsageFailure when they say two things."""
    if given is not None and also is not None and given != also:
        raise UsageFailure(f"{option} says {given} and {other} says {also}: give one of them.")
    return also if given is None else given


def _begin(client: Client, source: Content, name: str, region: str, stack: str) -> rules.Missing:
    """Make the app, or find it half-made; returns what it lacks."""
    if name == source.name:
        raise Failure(f"cannot fork {name} to itself: give another name")
    me = client.get("/account")["email"]
    present = _present(client, name)
    if present is None:
        with action(f"Creating fork {name}"):
            client.post("/apps", {"name": name, "region": region, "stack": stack})
        empty = Content(name=name, released=False, config={})
        return rules.missing(source, empty)
    if present["owner"]["email"] != me:
        raise Failure(f"cannot fork to {name}: that name is taken by another app; give another one")
    try:
        lacking = rules.missing(source, _read(client, name)[0])
    except InvalidParams as error:
        raise Failure(
            f"cannot fork to {name}: it is there already and no half-made copy of {source.name}: {error.message}.",
            "Give another name.",
        ) from None
    say(f"Going on with {name}, which is half-made.")
    return lacking


def _present(client: Client, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.get(f"/apps/{segment(name)}")
    except ApiFailure as failure:
        if failure.http_status != 404:
            raise
        return None
    return found


def _read(client: Client, name: str) -> tuple[Content, list[str]]:
    """The app, and the names in it that are of add-ons of other apps or of lesser credentials, which are not copied."""
    path = f"/apps/{segment(name)}"
    attachments = client.all(f"{path}/addon-attachments", headers=_ATTACHED)
    own: dict[str, list[str]] = {}
    foreign = []
    for one in attachments:
        if one["addon"]["app"]["name"] == name and not one["namespace"]:
            own.setdefault(one["addon"]["id"], []).append(one["name"])
        else:
            foreign.append(one["name"])
    given = {key for one in attachments for key in one["config_vars"]}
    addons = [
        AddOn(id=one["id"], name=one["name"], plan=one["plan"]["name"], attachments=_ordered(own[one["id"]]))
        for one in client.all(f"{path}/addons")
        if one["id"] in own and one["state"] != "deprovisioned"
    ]
    given |= {key for one in client.all(f"{path}/addons") for key in one["config_vars"]}
    config = client.get(f"{path}/config-vars")
    packs = client.all(f"{path}/buildpack-installations")
    content = Content(
        name=name,
        released=_code_of(client, name) is not None,
        config={key: value for key, value in config.items() if key not in given},
        addons=tuple(addons),
        buildpacks=tuple(pack["buildpack"]["url"] for pack in sorted(packs, key=lambda pack: int(pack["ordinal"]))),
    )
    return content, foreign


def _ordered(names: list[str]) -> tuple[str, ...]:
    """Those that the platform has thought of come last."""
    return tuple(sorted(names, key=lambda name: (name.startswith("HEROKU_"), name)))


def _code_of(client: Client, name: str) -> str | None:
    """The id of the slug that runs."""
    for release in client.all(f"/apps/{segment(name)}/releases", range=_NEWEST):
        if release["status"] == "succeeded":
            return str(release["slug"]["id"]) if release["slug"] else None
    return None


def _fill(invocation: Invocation, source: Content, name: str, lacking: rules.Missing) -> dict[str, Any]:
    """All steps but the first; returns the app."""
    client, path = invocation.client, f"/apps/{segment(name)}"
    slug_id = _copy_slug(client, source.name, name)
    for addon in lacking.addons:
        _add(invocation, addon, name)
    for addon_id, names in lacking.names.items():
        _attach(client, addon_id, name, names)
    for addon in source.addons:
        if addon.service == POSTGRES.slug:
            _copy_data(invocation, source.name, name, addon)
    if lacking.buildpacks:
        with action("Copying buildpacks"):
            packs = [{"buildpack": url} for url in lacking.buildpacks]
            client.put(f"{path}/buildpack-installations", {"updates": packs})
    with action("Copying config vars"):
        if lacking.config:
            client.patch(f"{path}/config-vars", dict(lacking.config))
    if slug_id is not None:
        with action(f"Launching {name}") as launching:
            body = {"slug": slug_id, "description": rules.description(source.name)}
            release = client.post(f"{path}/releases", body)
            launching.status = f"v{release['version']}"
        if release.get("output_stream_url"):
            streams.copy(invocation.platform, release["output_stream_url"])
    app: dict[str, Any] = client.get(path)
    return app


def _copy_slug(client: Client, source: str, target: str) -> str | None:
    """The id of the new app's own copy, not released yet; None where nothing has been deployed."""
    with action("Copying slug") as copying:
        slug_id = _code_of(client, source)
        if slug_id is None:
            copying.word = f"skipped (nothing has been deployed to {source})"
            return None
        slug = client.get(f"/apps/{segment(source)}/slugs/{slug_id}")
        if image := slug.get("image"):
            copying.word = f"skipped (it is the image {image['reference']}: celadon container:import IMAGE -a {target})"
            return None
        told = ("process_types", "commit", "commit_description", "buildpack_provided_description")
        made = client.post(f"/apps/{segment(target)}/slugs", {key: slug[key] for key in told if slug[key] is not None})
        with tempfile.TemporaryFile() as file:
            uploads.get(client.platform, slug["blob"]["url"], file)
            file.seek(0)
            uploads.put(client.platform, made["blob"]["url"], file)
        return str(made["id"])


def _add(invocation: Invocation, addon: AddOn, target: str) -> None:
    """An add-on of the same plan with the same names. What is refused is left out, but for a database and a plan that is gone."""
    with action(f"Adding {addon.plan}") as adding:
        body = {"plan": {"name": addon.plan}, "attachment": {"name": addon.attachments[0]}}
        try:
            made = invocation.client.post(f"/apps/{segment(target)}/addons", body)
        except ApiFailure as failure:
            gone = " ".join(failure.lines).startswith("Couldn't find either the add-on")
            if gone:
                raise Failure(
                    f"cannot add {addon.plan}: there is no such plan any more.",
                    f"Move {addon.name} to another one first: celadon addons:upgrade {addon.name} {addon.service}:PLAN",
                    f"The plans there are: celadon addons:plans {addon.service}",
                ) from None
            if failure.http_status != 422 or addon.service == POSTGRES.slug:
                raise
            adding.word = f"skipped ({' '.join(failure.lines)})"
            return
        if made["state"] == "provisioning":
            made = addon_waiting.await_made(invocation, made, quiet=True)
    _attach(invocation.client, made["id"], target, addon.attachments[1:])


def _attach(client: Client, addon_id: str, target: str, names: tuple[str, ...]) -> None:
    for name in names:
        client.post("/addon-attachments", {"addon": addon_id, "app": target, "name": name})


def _copy_data(invocation: Invocation, source: str, target: str, addon: AddOn) -> None:
    """What a database holds goes into its copy, unless that has tables: it came as a whole then, in a transaction."""
    attachment = addon.attachments[0]
    start, end = chosen(invocation, f"{source}::{attachment}"), chosen(invocation, f"{target}::{attachment}")
    with action("Transferring database (this can take some time)") as transferring:
        waiting.until(lambda: _ready(invocation.client, end.id))
        transferring.status = attachment
        if _tables(invocation.client, end.id):
            transferring.word = "skipped (it has its data)"
            return
        path = f"/client/v11/apps/{segment(target)}/transfers"
        names = {name.removeprefix(POSTGRES.prefix) for name in addon.attachments}
        running = [one for one in invocation.client.get(path) if not one["finished_at"]]
        # One that an interrupted call has begun goes on by itself.
        moving = next((one for one in running if one["to_name"] in names), None)
        uuid = (moving or pg_backups.begin_copy(invocation, start, end))["uuid"]

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = invocation.client.get(f"{path}/{segment(uuid)}")
            return found if found["finished_at"] else None

        done = waiting.until(ended)
        if not done["succeeded"]:
            raise Failure(f"cannot copy {attachment}: {done['error'] or 'it was cancelled'}")
        transferring.status = f"{attachment} {size(done['processed_bytes'])}"


def _ready(client: Client, addon_id: str) -> bool | None:
    try:
        state = client.get(f"/client/v11/databases/{segment(addon_id)}/wait_status")
    except ApiFailure as failure:
        if failure.http_status != 404:
            raise
        return None
    return None if state["waiting?"] else True


def _tables(client: Client, addon_id: str) -> int:
    told = client.get(f"/client/v11/databases/{segment(addon_id)}")["info"]
    return next((int(row["values"][0]) for row in told if row["name"] == "Tables"), 0)


def _given_up(invocation: Invocation, source: str, target: str) -> Failure:
    """Offer to destroy what is half-made; returns what is left to say."""
    failed = f"Failed to fork app {source} to {target}."
    if invocation.confirm is None and not interactive():
        return Failure(
            failed,
            f"To go on with it: celadon fork --app {source} {target}",
            f"To destroy what is half-made: celadon apps:destroy --app {target}",
        )
    warn([failed])
    invocation.confirm_destroy(target, f"This command will destroy {target} (including all add-ons).")
    with action(f"Destroying {target}"):
        invocation.client.delete(f"/apps/{segment(target)}")
    return Failure(f"{target} is gone: celadon fork --app {source} {target} begins anew.")
