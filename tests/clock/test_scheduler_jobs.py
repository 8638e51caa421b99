"""The clock starts jobs of schedulers; a kill at any step runs none twice and loses none."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests import stores

from celadon.actions import accounts, apps, builds, context, scheduler_jobs
from celadon.actions.builds import Compiled
from celadon.actions.context import Context, now
from celadon.addons.provider import ProviderRefused, Wanted
from celadon.clock.scheduler_jobs import Scheduler
from celadon.model.account import Actor
from celadon.model.dyno import Dyno
from celadon.model.scheduler_job import SchedulerJob
from celadon.platform import settings as platform_settings
from celadon.platform.settings import Settings
from celadon.scheduler.provider import SchedulerProvider
from celadon.store import dynos, tables


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Context]:
    settings = Settings(home=tmp_path)
    stores.make(settings)
    opened = context.connect(settings)
    yield opened
    opened.database.close()


def wanted(app_id: str, **options: str) -> Wanted:
    return Wanted(
        addon_id=str(uuid.uuid4()),
        name="scheduler-1",
        plan="standard",
        region="amazon-web-services::us-east-1",
        app_id=app_id,
        app_name="hello",
        options=options,
    )


@pytest.fixture
def owner(world: Context) -> Actor:
    actor = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    app = apps.create(world, actor, name="hello")
    build = builds.create(world, actor, "hello", commit="abc")
    compiled = Compiled(
        slug_id=str(uuid.uuid4()),
        process_types={"web": "serve"},
        language="Python",
        checksum="SHA256:0",
        size=1,
        config_vars={},
    )
    assert builds.succeed(world, build.id, compiled)
    assert SchedulerProvider(world).provision(wanted(app.id)).config == {}
    return actor


def due_job(world: Context, owner: Actor) -> SchedulerJob:
    # Twenty minutes from now at least: its next time must not come while a test looks whether it runs again.
    at = f":{(now().minute + 30) % 60 // 10}0"
    job = scheduler_jobs.create(world, owner, "hello", command="true", frequency="hourly", at=at)[1]
    with world.database.transaction() as tx:
        table = tables.scheduler_jobs
        past = now() - timedelta(hours=5)
        tx.connection.execute(table.update().where(table.c.id == job.id).values(next_run_at=past))
    return job


def runs(world: Context) -> list[Dyno]:
    with world.database.read() as tx:
        return [dyno for found in dynos.list_all(tx).values() for dyno in found]


def test_what_is_due_runs_once(world: Context, owner: Actor) -> None:
    jobs = [due_job(world, owner) for _ in range(3)]
    assert Scheduler(world).ensure() == 3
    assert Scheduler(world).ensure() == 0
    found = {scheduler_jobs.find(world, owner, "hello", job.id)[1].dyno_id for job in jobs}
    assert {dyno.id for dyno in runs(world)} == found


def test_one_that_cannot_run_keeps_no_other_from_it(world: Context, owner: Actor) -> None:
    bad, good = due_job(world, owner), due_job(world, owner)
    with world.database.transaction() as tx:
        table = tables.scheduler_jobs
        # A size that the operator has taken off the list.
        tx.connection.execute(table.update().where(table.c.id == bad.id).values(size="gone"))
    assert Scheduler(world).ensure() == 1
    refused, running = (scheduler_jobs.find(world, owner, "hello", job.id)[1] for job in (bad, good))
    assert (refused.last_status, running.last_status) == ("refused", "running")
    assert "gone" in (refused.last_error or "")


def test_the_provider_is_asked_again_and_refuses_what_it_does_not_know(world: Context, owner: Actor) -> None:
    app = apps.find(world, owner, "hello")
    provider = SchedulerProvider(world)
    with pytest.raises(ProviderRefused, match="has one already"):
        provider.provision(wanted(app.id))
    other = wanted(apps.create(world, owner, name="other").id)
    assert provider.provision(other) == provider.provision(other)
    assert provider.change_plan(other.addon_id, other.addon_id, "standard").config == {}
    with pytest.raises(ProviderRefused, match="no options"):
        provider.provision(wanted(app.id, often="yes"))
    provider.deprovision(other.addon_id, None)
    provider.deprovision(other.addon_id, other.addon_id)


_DYING = """
import os, signal, sys
from pathlib import Path
from celadon.actions import context
from celadon.clock.scheduler_jobs import Scheduler
from celadon.platform import settings
from celadon.store import {module}
before = {module}.{name}
def dying(*given, **values):
    {before}
    os.kill(os.getpid(), signal.SIGKILL)
{module}.{name} = dying
Scheduler(context.connect(settings.load(Path(sys.argv[1])))).ensure()
"""


@pytest.mark.parametrize("done_first", ["pass", "before(*given, **values)"])
@pytest.mark.parametrize(("module", "name"), [("scheduler_jobs", "update"), ("dynos", "insert"), ("changes", "record")])
def test_a_kill_at_any_step_runs_a_job_once(
    world: Context, owner: Actor, module: str, name: str, done_first: str
) -> None:
    platform_settings.save(world.settings)
    due_job(world, owner)
    program = _DYING.format(module=module, name=name, before=done_first)
    argv = [sys.executable, "-c", program, str(world.settings.home)]
    assert subprocess.run(argv, env={**os.environ}, check=False).returncode == -signal.SIGKILL
    assert runs(world) == [], "one transaction: all of it or nothing"
    assert Scheduler(world).ensure() == 1
    assert Scheduler(world).ensure() == 0
    assert len(runs(world)) == 1


def test_a_kill_after_a_run_was_written_does_not_repeat_it(world: Context, owner: Actor) -> None:
    platform_settings.save(world.settings)
    due_job(world, owner)
    program = _DYING.format(module="scheduler_jobs", name="list_abandoned", before="pass")
    argv = [sys.executable, "-c", program, str(world.settings.home)]
    assert subprocess.run(argv, env={**os.environ}, check=False).returncode == -signal.SIGKILL
    assert Scheduler(world).ensure() == 0
    assert len(runs(world)) == 1
