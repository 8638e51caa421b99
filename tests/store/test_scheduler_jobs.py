"""Jobs of schedulers on SQLite and on PostgreSQL: when they run, that they run once, how that went."""

import threading
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from celadon.actions import accounts, apps, builds, context, page_tokens, scheduler_jobs
from celadon.actions import dynos as dyno_actions
from celadon.actions.builds import Compiled
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.dyno import Dyno, DynoRequest
from celadon.model.errors import Forbidden, InvalidParams, NotFound
from celadon.model.scheduler_job import SchedulerJob
from celadon.platform.settings import Settings
from celadon.store import dynos, events, tables
from celadon.store import page_tokens as stored_tokens
from celadon.store.database import Database

_SCHEDULER = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Context:
    return context.Context(database, Settings(home=tmp_path, dyno_limit=5))


@pytest.fixture
def owner(world: Context) -> Actor:
    """Of an app that has been deployed and has a scheduler."""
    actor = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    app = apps.create(world, actor, name="hello")
    deploy(world, actor)
    scheduler_jobs.provision(world, _SCHEDULER, app.id)
    return actor


def deploy(world: Context, owner: Actor, app: str = "hello") -> None:
    build = builds.create(world, owner, app, commit="abc")
    compiled = Compiled(
        slug_id=str(uuid.uuid4()),
        process_types={"web": "serve", "report": "python report.py"},
        language="Python",
        checksum="SHA256:0",
        size=1,
        config_vars={},
    )
    assert builds.succeed(world, build.id, compiled)


def far(minutes: int = 30) -> str:
    """A time of each hour that is so many minutes away, or up to nine less: it must not come while a test looks."""
    return f":{(now().minute + minutes) % 60 // 10}0"


def add(world: Context, owner: Actor, command: str = "report --all", **values: str) -> SchedulerJob:
    given = {"frequency": "hourly", "at": far(), **values}
    return scheduler_jobs.create(world, owner, "hello", command=command, **given)[1]  # type: ignore[arg-type]


def make_due(world: Context, job: SchedulerJob, ago: timedelta = timedelta(seconds=1)) -> None:
    with world.database.transaction() as tx:
        table = tables.scheduler_jobs
        tx.connection.execute(table.update().where(table.c.id == job.id).values(next_run_at=now() - ago))


def present(world: Context) -> list[Dyno]:
    with world.database.read() as tx:
        return [dyno for found in dynos.list_all(tx).values() for dyno in found]


def again(world: Context, owner: Actor, job: SchedulerJob) -> SchedulerJob:
    return scheduler_jobs.find(world, owner, "hello", job.id)[1]


def run_due(world: Context) -> None:
    for job in scheduler_jobs.due(world, 100):
        scheduler_jobs.begin(world, job.id)


def forget(world: Context, dyno: Dyno) -> None:
    with world.database.transaction() as tx:
        dynos.delete(tx, dyno.id)


def test_a_job_that_is_due_runs_once_in_a_dyno_of_the_release(world: Context, owner: Actor) -> None:
    at = far()
    job = add(world, owner, size="2X", at=at)
    assert scheduler_jobs.due(world, 100) == []
    # It was due three days ago, and 72 times since.
    make_due(world, job, timedelta(days=3))
    run_due(world)
    run_due(world)
    (dyno,) = present(world)
    assert (dyno.type, dyno.size, dyno.command) == ("scheduler", "2X", "python report.py --all")
    assert 1000 <= dyno.number <= 9999 and dyno.one_off and dyno.scheduled and not dyno.attach
    running = again(world, owner, job)
    assert (running.last_status, running.dyno_name, running.last_finished_at) == ("running", dyno.name, None)
    assert now() < running.next_run_at <= now() + timedelta(hours=1)
    assert (running.next_run_at.minute, running.next_run_at.second) == (int(at[1:]), 0)
    with world.database.read() as tx:
        line = [event.line for event in events.list_after(tx, 0) if event.action == "dyno:create"]
    assert line == ["Starting process with command `python report.py --all` by user scheduler@addons.heroku.com"]


@pytest.mark.parametrize(
    ("status", "stopped", "result"),
    [(0, False, "succeeded"), (3, False, "failed"), (None, False, "failed"), (0, True, "stopped")],
)
def test_how_it_ended(world: Context, owner: Actor, status: int | None, stopped: bool, result: str) -> None:
    job = add(world, owner)
    make_due(world, job)
    run_due(world)
    (dyno,) = present(world)
    scheduler_jobs.finished(world, dyno.id, status, stopped=stopped)
    scheduler_jobs.finished(world, dyno.id, 9, stopped=False)
    done = again(world, owner, job)
    assert (done.last_status, done.last_exit_status) == (result, status)
    assert done.last_finished_at is not None and done.last_run_at is not None
    assert done.last_run_at <= done.last_finished_at


def test_four_begin_one_run(world: Context, owner: Actor) -> None:
    job = add(world, owner)
    make_due(world, job)
    threads = [threading.Thread(target=scheduler_jobs.begin, args=(world, job.id)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(present(world)) == 1


def test_a_run_that_goes_on_ends_before_the_next(world: Context, owner: Actor) -> None:
    job = add(world, owner)
    for _ in range(2):
        make_due(world, job)
        run_due(world)
    first, second = sorted(present(world), key=lambda dyno: dyno.created_at)
    assert (first.request, second.request) == (DynoRequest.STOP, None)
    scheduler_jobs.finished(world, first.id, 143, stopped=True)
    assert again(world, owner, job).last_status == "running", "the first one's end says nothing of the second"
    scheduler_jobs.finished(world, second.id, 0, stopped=False)
    assert again(world, owner, job).last_status == "succeeded"


def test_a_run_that_cannot_be_says_why_and_is_not_tried_at_once(world: Context, owner: Actor) -> None:
    app = apps.create(world, owner, name="empty")
    scheduler_jobs.provision(world, str(uuid.uuid4()), app.id)
    job = scheduler_jobs.create(world, owner, "empty", command="true", frequency="hourly", at=far())[1]
    make_due(world, job)
    run_due(world)
    assert scheduler_jobs.due(world, 100) == []
    refused = scheduler_jobs.find(world, owner, "empty", job.id)[1]
    assert (refused.last_status, refused.dyno_id) == ("refused", None)
    assert "nothing has been deployed" in (refused.last_error or "")
    with pytest.raises(InvalidParams, match="nothing has been deployed"):
        scheduler_jobs.run(world, owner, "empty", job.id)


def test_runs_count_for_the_limit_of_dynos(world: Context, owner: Actor) -> None:
    job = add(world, owner)
    for _ in range(4):
        scheduler_jobs.run(world, owner, "hello", job.id)
    with pytest.raises(Forbidden, match="limit"):
        scheduler_jobs.run(world, owner, "hello", job.id)


def test_a_dyno_that_went_before_it_began_leaves_no_job_that_runs_for_ever(world: Context, owner: Actor) -> None:
    job = add(world, owner)
    make_due(world, job)
    run_due(world)
    assert scheduler_jobs.settle(world, 100) == 0
    forget(world, present(world)[0])
    assert scheduler_jobs.settle(world, 100) == 1
    assert again(world, owner, job).last_status == "stopped"


def test_a_scheduler_goes_with_its_jobs(world: Context, owner: Actor) -> None:
    job = add(world, owner)
    make_due(world, job)
    with pytest.raises(InvalidParams, match="has one already"):
        scheduler_jobs.provision(world, str(uuid.uuid4()), job.app_id)
    scheduler_jobs.provision(world, _SCHEDULER, job.app_id)
    scheduler_jobs.deprovision(world, _SCHEDULER)
    scheduler_jobs.deprovision(world, _SCHEDULER)
    assert scheduler_jobs.due(world, 100) == []
    assert scheduler_jobs.list_of(world, owner, "hello")[1] == []
    with pytest.raises(InvalidParams, match="has no scheduler"):
        add(world, owner)


def test_a_destroyed_app_runs_nothing(world: Context, owner: Actor) -> None:
    make_due(world, add(world, owner))
    apps.destroy(world, owner, "hello")
    run_due(world)
    assert present(world) == []


def test_another_time_is_another_next_run_and_another_command_is_not(world: Context, owner: Actor) -> None:
    one, other = far(30), far(40)
    job = add(world, owner, at=one)
    make_due(world, job)
    changed = scheduler_jobs.update(world, owner, "hello", job.id, command="other", size="2X")[1]
    assert (changed.command, changed.size, changed.minute) == ("other", "2X", int(one[1:]))
    assert changed.next_run_at < now()
    changed = scheduler_jobs.update(world, owner, "hello", job.id, at=other)[1]
    minute = int(other[1:])
    assert (changed.frequency, changed.next_run_at.minute, changed.next_run_at > now()) == ("hourly", minute, True)
    changed = scheduler_jobs.update(world, owner, "hello", job.id, frequency="hourly")[1]
    assert changed.minute == minute
    changed = scheduler_jobs.update(world, owner, "hello", job.id, frequency="daily")[1]
    assert (changed.minute, changed.schedule.at) == (0, "00:00")


def test_a_process_type_of_that_name_is_no_run(world: Context, owner: Actor) -> None:
    job = add(world, owner)
    scheduler_jobs.run(world, owner, "hello", job.id)
    (run,) = present(world)
    formation = dyno_actions.new(job.app_id, run.release_id, "scheduler", 1, "tick", "1X")
    assert (run.one_off, formation.one_off) == (True, False)
    with world.database.transaction() as tx:
        dynos.insert(tx, formation)
        for dyno in (run, formation):
            dynos.update(tx, dyno.id, now=now(), state="up")
        assert [dyno.id for dyno in dynos.list_up_since(tx, now())] == [formation.id]
        # The run, and the web dyno that is wanted.
        assert dynos.count_of_account(tx, owner.account.id) == 2


def test_a_page_is_open_while_somebody_looks_at_it(world: Context, owner: Actor) -> None:
    url = scheduler_jobs.page_url(world, owner, "hello")
    token = url.rpartition("/")[2]
    visit = page_tokens.visit(world, token)
    assert (visit.actor.account.id, visit.addon_id) == (owner.account.id, _SCHEDULER)
    with world.database.transaction() as tx:
        assert token not in str(tx.connection.execute(tables.page_tokens.select()).all())
        tx.connection.execute(tables.page_tokens.update().values(expires_at=now() + timedelta(minutes=1)))
    page_tokens.visit(world, token)
    with world.database.transaction() as tx:
        stored_tokens.prune(tx, now() + timedelta(minutes=9))
    page_tokens.visit(world, token)
    with world.database.transaction() as tx:
        tx.connection.execute(tables.page_tokens.update().values(expires_at=now()))
    for gone in (token, "nothing"):
        with pytest.raises(NotFound, match="ten minutes"):
            page_tokens.visit(world, gone)
