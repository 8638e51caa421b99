"""Pipelines: create, show, rename, transfer and destroy them; which app is in which stage."""

import re
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.connection.client import Client, segment
from celadon.cli.failure import ApiFailure, Failure, UsageFailure
from celadon.cli.invocation import Invocation
from celadon.cli.terminal.output import action, header, listing, say, show_json, table

# In the order in which code moves; a review app is beside it.
STAGES = ("review", "development", "staging", "production")
# What the end of an app's name says of its stage.
_ENDINGS = (
    (re.compile(r"-(dev|development|uat|tst|test|qa)$"), "development"),
    (re.compile(r"-(stg|staging)$"), "staging"),
    (re.compile(r"-(prd|prod|production|admin|demo)$"), "production"),
)
# The most that the platform shows of one list of apps.
_ALL = "id ..; max=1000;"

_stage = click.option("-s", "--stage", metavar="STAGE", help="development, staging, production or review.")


@command(json=True)
def list_pipelines(invocation: Invocation) -> None:
    """List your pipelines and those with apps that others share with you."""
    pipelines = invocation.client.all("/pipelines")
    if invocation.json:
        show_json(pipelines)
        return
    if not pipelines:
        say("You have no pipelines.")
        return
    header("My Pipelines")
    listing([pipeline["name"] for pipeline in pipelines])


@command(app=True, json=True)
@click.argument("name", required=False)
@_stage
def create(invocation: Invocation, name: str | None, stage: str | None) -> None:
    """Create a pipeline with a first app in it.

    Without a name the pipeline is called as the app, without a stage the end of the app's name says it: `shop-staging`
    begins a pipeline `shop` in staging.
    """
    guess, guessed = inferred(invocation.app)
    with action(f"Creating {name or guess} pipeline", quiet=invocation.json):
        pipeline = invocation.client.post("/pipelines", {"name": name or guess})
    try:
        _couple(invocation, pipeline, stage or guessed)
    except Failure:
        # Nobody has asked for one without apps.
        invocation.client.delete(f"/pipelines/{pipeline['id']}")
        raise
    if invocation.json:
        show_json(pipeline)


@command(app=True, must="PIPELINE to add the app to")
@click.argument("pipeline")
@_stage
def add(invocation: Invocation, pipeline: str, stage: str | None) -> None:
    """Add an app to a pipeline; without a stage the end of the app's name says it."""
    _couple(invocation, find(invocation.client, pipeline), stage or inferred(invocation.app)[1])


def _couple(invocation: Invocation, pipeline: dict[str, Any], stage: str) -> None:
    said = f"Adding {invocation.app} to {pipeline['name']} pipeline as {stage}"
    with action(said, quiet=invocation.json):
        body = {"app": invocation.app, "pipeline": pipeline["id"], "stage": stage}
        invocation.client.post("/pipeline-couplings", body)


@command(app=True)
@_stage
def update(invocation: Invocation, stage: str | None) -> None:
    """Move an app to another stage of its pipeline."""
    if stage is None:
        raise UsageFailure("Usage: celadon pipelines:update --stage STAGE", "Must specify the stage to move to.")
    with action(f"Changing {invocation.app} to {stage}"):
        coupling = coupling_of(invocation)
        invocation.client.patch(f"/pipeline-couplings/{coupling['id']}", {"stage": stage})


@command(app=True)
def remove(invocation: Invocation) -> None:
    """Remove an app from its pipeline; the app stays as it is."""
    with action(f"Removing {invocation.app}"):
        invocation.client.delete(f"/pipeline-couplings/{coupling_of(invocation)['id']}")


@command(json=True, must="PIPELINE to describe")
@click.argument("pipeline")
def info(invocation: Invocation, pipeline: str) -> None:
    """Show the apps of a pipeline and their stages."""
    found = find(invocation.client, pipeline)
    apps = apps_of(invocation.client, found["id"])
    if invocation.json:
        show_json({"pipeline": found, "apps": apps})
        return
    header(found["name"])
    say(f"owner: {_owner(invocation.client, found, apps)}")
    say()
    if not apps:
        say(f"{found['name']} has no apps.")
        return
    ordered = sorted(apps, key=lambda app: (_place(app["pipelineCoupling"]["stage"]), app["name"]))
    table(["app name", "stage"], [(app["name"], app["pipelineCoupling"]["stage"]) for app in ordered])


@command(must="PIPELINE to open")
@click.argument("pipeline")
def open_pipeline(invocation: Invocation, pipeline: str) -> None:
    """Open the page of a pipeline in a web browser."""
    import webbrowser

    found = find(invocation.client, pipeline)
    url = f"{invocation.platform.api_url}/dashboard/pipelines/{segment(found['name'])}"
    with action(f"Opening {found['name']} pipeline"):
        if not webbrowser.open(url):
            raise Failure(f"cannot open a browser here; the pipeline's page is {url}")


@command(must="PIPELINE and its new NAME")
@click.argument("pipeline")
@click.argument("name")
def rename(invocation: Invocation, pipeline: str, name: str) -> None:
    """Give a pipeline another name."""
    found = find(invocation.client, pipeline)
    with action(f"Renaming {found['name']} pipeline to {name}"):
        invocation.client.patch(f"/pipelines/{found['id']}", {"name": name})


@command(must="PIPELINE to destroy")
@click.argument("pipeline")
def destroy(invocation: Invocation, pipeline: str) -> None:
    """Destroy a pipeline; its apps stay as they are."""
    found = find(invocation.client, pipeline)
    with action(f"Destroying {found['name']} pipeline"):
        invocation.client.delete(f"/pipelines/{found['id']}")


@command(must="OWNER to transfer the pipeline to")
@click.argument("owner")
@click.option("-p", "--pipeline", metavar="PIPELINE", required=True, help="The pipeline to transfer.")
@click.option("-c", "--confirm", "confirmed", metavar="PIPELINE", help="The pipeline's name, instead of typing it.")
def transfer(invocation: Invocation, owner: str, pipeline: str, confirmed: str | None) -> None:
    """Give a pipeline to somebody, by e-mail address, who has access to one of its apps; the apps keep their owners."""
    found = find(invocation.client, pipeline)
    invocation.confirm = confirmed
    consequence = f"This command will transfer {found['name']} to {owner}; its apps keep their owners."
    invocation.confirm_destroy(found["name"], consequence)
    with action(f"Transferring {found['name']} pipeline to the {owner} account"):
        new_owner = {"id": owner, "type": "user"}
        invocation.client.post("/pipeline-transfers", {"pipeline": {"id": found["id"]}, "new_owner": new_owner})


def inferred(app: str) -> tuple[str, str]:
    """What an app's name says of its pipeline's name, and of its stage."""
    for ending, stage in _ENDINGS:
        if ending.search(app):
            return ending.sub("", app), stage
    return app, "production"


def find(client: Client, pipeline: str) -> dict[str, Any]:
    """A pipeline by name or id; raises ApiFailure."""
    found: dict[str, Any] = client.get(f"/pipelines/{segment(pipeline)}")
    return found


def coupling_of(invocation: Invocation) -> dict[str, Any]:
    """The app's place in its pipeline; raises Failure when it is in none."""
    try:
        found: dict[str, Any] = invocation.client.get(f"{invocation.app_path}/pipeline-couplings")
    except ApiFailure as failure:
        if failure.resource != "pipeline_coupling":
            raise
        hint = f"celadon pipelines:add PIPELINE --app {invocation.app}"
        raise Failure(f"{invocation.app} is in no pipeline.", f"Add it to one with `{hint}`.") from None
    return found


def apps_of(client: Client, pipeline_id: str) -> list[dict[str, Any]]:
    """The pipeline's apps, each with its `pipelineCoupling`."""
    couplings = {found["app"]["id"]: found for found in client.all(f"/pipelines/{pipeline_id}/pipeline-couplings")}
    reply = client.request("POST", "/filters/apps", {"in": {"id": list(couplings)}}, headers={"Range": _ALL})
    return [{**app, "pipelineCoupling": couplings[app["id"]]} for app in reply.body]


def _place(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)


def _owner(client: Client, pipeline: dict[str, Any], apps: list[dict[str, Any]]) -> str:
    """The owner's address, where one of the apps or the own account tells it."""
    owner = pipeline["owner"]["id"]
    for known in (*(app["owner"] for app in apps), client.get("/account")):
        if known["id"] == owner:
            return str(known["email"])
    return str(owner)
