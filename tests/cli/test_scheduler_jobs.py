"""Jobs of a scheduler at the command line."""

import json
import uuid

from tests.cli.program import Program
from tests.cli.world import World

from celadon.actions import apps, scheduler_jobs


def test_jobs_from_the_first_to_none(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    assert celadon("scheduler").out == "example has no scheduler jobs\nUse celadon scheduler:add to add one.\n"
    without = celadon("scheduler:add", "rake report")
    assert without.status == 1 and "celadon addons:create scheduler" in without.err
    app = apps.find(world.context, world.actor, "example")
    scheduler_jobs.provision(world.context, str(uuid.uuid4()), app.id)
    added = celadon("scheduler:add", "rake", "report all", "-f", "hourly", "--at", ":20", "--size", "2X")
    (job,) = json.loads(celadon("scheduler", "--json").out)
    next_run = job["next_run_at"][:16].replace("T", " ")
    assert added.out == f"Adding job to example... done, next run {next_run} UTC\nJob ID: {job['id']}\n"
    head, _, row = celadon("scheduler").out.splitlines()
    assert head.split("  ")[0] == "Job ID"
    for text in (job["id"], "rake 'report all'", "2X", "hourly :20", next_run, "never"):
        assert text in row
    updated = celadon("scheduler:update", job["id"], "-f", "daily", "--at", "08:30", "-c", "rake other")
    assert updated.status == 0 and "08:30 UTC" in updated.out
    ran = celadon("scheduler:run", job["id"])
    (job,) = json.loads(celadon("scheduler", "--json").out)
    assert ran.out.startswith(f"Running job {job['id']} of example... up, {job['last_run']['dyno']}\n")
    assert f"running as {job['last_run']['dyno']}" in celadon("scheduler").out
    assert celadon("scheduler:remove", job["id"]).out == f"Removing job {job['id']} from example... done\n"
    assert celadon("scheduler", "--json").out == "[]\n"


def test_what_is_wrong_is_said(world: World, celadon: Program) -> None:
    celadon.env["CELADON_APP"] = "example"
    missing = celadon("scheduler:add")
    assert missing.status == 2 and "Must specify COMMAND to run." in missing.err
    assert celadon("scheduler:update", "nothing").status == 2
    assert celadon("scheduler:run", "nothing").status == 1
