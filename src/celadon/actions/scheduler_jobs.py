"""Scheduler jobs: what an app runs by itself. The clock starts what is due, the dyno manager says how it ended.

A run is one transaction: the job's next time and the row of the dyno that the dyno manager starts. Whoever is killed before
it runs it later, whoever is killed after it never again.
"""

import logging
import uuid

from celadon.actions import access, dynos, page_tokens
from celadon.actions.context import Context, now
from celadon.model import scheduler_job as rules
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.dyno import Dyno, DynoRequest
from celadon.model.errors import CeladonError, InvalidParams, NotFound
from celadon.model.scheduler_job import JobStatus, Scheduler, SchedulerJob
from celadon.store import apps, changes, events, scheduler_jobs
from celadon.store import dynos as stored_dynos
from celadon.store import page_tokens as stored_page_tokens
from celadon.store.database import Transaction

# Where the page is, below the API's URL.
PAGE = "/scheduler"

log = logging.getLogger(__name__)


# What the provider says.


def provision(context: Context, addon_id: str, app_id: str) -> None:
    """The app has a scheduler from now on; safe to call again. Raises InvalidParams when it has another one."""
    with context.database.transaction() as tx:
        if scheduler_jobs.find_scheduler(tx, addon_id) is not None:
            return
        app = apps.lock(tx, app_id)
        if app is None:
            raise InvalidParams("cannot add a scheduler: the app was destroyed")
        if scheduler_jobs.scheduler_of(tx, app_id) is not None:
            raise InvalidParams(f"cannot add a scheduler: {app.name} has one already, which runs any number of jobs")
        scheduler_jobs.insert_scheduler(tx, Scheduler(id=addon_id, app_id=app_id, created_at=now()))
        changes.record(tx, "scheduler-job", app_id)


def provisioned(context: Context, addon_id: str) -> bool:
    with context.database.read() as tx:
        return scheduler_jobs.find_scheduler(tx, addon_id) is not None


def deprovision(context: Context, addon_id: str) -> None:
    """The scheduler and its jobs go; what runs goes on. Safe to call again."""
    with context.database.transaction() as tx:
        scheduler_jobs.delete_scheduler(tx, addon_id)
        stored_page_tokens.delete_of(tx, addon_id)
        changes.record(tx, "scheduler-job")


# What people say.


def list_of(context: Context, actor: Actor, app_name: str) -> tuple[App, list[SchedulerJob]]:
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        return app, scheduler_jobs.list_of(tx, app.id)


def find(context: Context, actor: Actor, app_name: str, job_id: str) -> tuple[App, SchedulerJob]:
    """Raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        return app, _find(tx, app, job_id)


def _find(tx: Transaction, app: App, job_id: str) -> SchedulerJob:
    found = scheduler_jobs.find(tx, app.id, job_id)
    if found is None:
        raise NotFound("scheduler_job", f"Couldn't find that job: {app.name} has no {job_id[:40]!r}.")
    return found


def create(
    context: Context,
    actor: Actor,
    app_name: str,
    *,
    command: str,
    frequency: str,
    at: str | None = None,
    size: str | None = None,
) -> tuple[App, SchedulerJob]:
    """Run a command from now on, its first time when its time comes. Raises InvalidParams."""
    wanted = rules.schedule(frequency, at)
    checked = rules.check_command(command)
    sizes = context.settings.sizes
    chosen = (sizes.find(size) if size else sizes.default).name
    moment = now()
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "dyno:run")
        apps.lock(tx, app.id)
        scheduler = _scheduler(tx, app)
        if len(scheduler_jobs.list_of(tx, app.id)) >= rules.MOST:
            raise InvalidParams(f"cannot schedule that: {app.name} has {rules.MOST} jobs, the most an app may have")
        job = SchedulerJob(
            id=str(uuid.uuid4()),
            scheduler_id=scheduler.id,
            app_id=app.id,
            command=checked,
            size=chosen,
            frequency=wanted.frequency,
            minute=wanted.minute,
            next_run_at=rules.next_run(wanted, moment),
            created_at=moment,
            updated_at=moment,
        )
        scheduler_jobs.insert(tx, job)
        _tell(tx, actor, app, job, "create")
    return app, job


def _scheduler(tx: Transaction, app: App) -> Scheduler:
    found = scheduler_jobs.scheduler_of(tx, app.id)
    if found is None:
        raise InvalidParams(
            f"cannot schedule anything: {app.name} has no scheduler; add one with `celadon addons:create scheduler`"
        )
    return found


def update(
    context: Context,
    actor: Actor,
    app_name: str,
    job_id: str,
    *,
    command: str | None = None,
    frequency: str | None = None,
    at: str | None = None,
    size: str | None = None,
) -> tuple[App, SchedulerJob]:
    """Change what is given; another time is another next run. Raises InvalidParams, NotFound."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "dyno:run")
        _find(tx, app, job_id)
        job = scheduler_jobs.lock(tx, job_id)
        if job is None:
            raise NotFound("scheduler_job")
        values: dict[str, object] = {}
        if command is not None:
            values["command"] = rules.check_command(command)
        if size is not None:
            values["size"] = context.settings.sizes.find(size).name
        if frequency is not None or at is not None:
            same = frequency is None or frequency == job.frequency
            wanted = rules.schedule(frequency or job.frequency, job.schedule.at if at is None and same else at)
            values |= {"frequency": wanted.frequency, "minute": wanted.minute}
            values["next_run_at"] = rules.next_run(wanted, now())
        scheduler_jobs.update(tx, job.id, now=now(), **values)
        _tell(tx, actor, app, job, "update")
        return app, _find(tx, app, job.id)


def remove(context: Context, actor: Actor, app_name: str, job_id: str) -> tuple[App, SchedulerJob]:
    """Run it no more; what runs goes on. Raises NotFound."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "dyno:run")
        job = _find(tx, app, job_id)
        scheduler_jobs.delete(tx, job.id)
        _tell(tx, actor, app, job, "destroy")
    return app, job


def run(context: Context, actor: Actor, app_name: str, job_id: str) -> tuple[App, SchedulerJob]:
    """Run it now, beside its times. Raises NotFound, and InvalidParams and Forbidden as `dynos.run`."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "dyno:run")
        _find(tx, app, job_id)
        job = scheduler_jobs.lock(tx, job_id)
        if job is None:
            raise NotFound("scheduler_job")
        _start(context, tx, app, job)
        return app, _find(tx, app, job.id)


def page_url(context: Context, actor: Actor, app_name: str) -> str:
    """The URL of the scheduler's page, for the actor alone and while they look at it. Raises InvalidParams without one."""
    with context.database.transaction() as tx:
        app = access.app_for(tx, actor, app_name, "dyno:run")
        token = page_tokens.create(tx, actor, app.id, _scheduler(tx, app).id)
    return f"{context.settings.api_https_url}{PAGE}/{token}"


def _tell(tx: Transaction, actor: Actor, app: App, job: SchedulerJob, verb: str) -> None:
    # No command: there are people who write passwords into them.
    events.insert(tx, f"scheduler-job:{verb}", app_id=app.id, by=actor, resource_id=job.id)
    changes.record(tx, "scheduler-job", app.id)


# What the clock and the dyno manager say.


def due(context: Context, limit: int) -> list[SchedulerJob]:
    """Jobs whose time has come."""
    with context.database.read() as tx:
        return scheduler_jobs.list_due(tx, now(), limit)


def begin(context: Context, job_id: str) -> Dyno | None:
    """Run a job that is due, once however long it has been; None when it is not due (any more) or could not be run."""
    with context.database.transaction() as tx:
        job = scheduler_jobs.lock(tx, job_id)
        if job is None or job.next_run_at > now():
            return None
        scheduler_jobs.update(tx, job.id, now=now(), next_run_at=rules.next_run(job.schedule, now()))
        app = apps.find(tx, job.app_id)
        if app is None:
            return None
        try:
            return _start(context, tx, app, job)
        except CeladonError as error:
            _refuse(tx, job, error)
            return None


def _start(context: Context, tx: Transaction, app: App, job: SchedulerJob) -> Dyno:
    """Its last run ends before it, as nobody wants two of one job. Raises InvalidParams, Forbidden, and nothing is written."""
    dyno, _ = dynos.start(context, tx, app, None, command=job.command, size=job.size)
    if job.dyno_id is not None:
        stored_dynos.request(tx, [job.dyno_id], DynoRequest.STOP)
    moment = now()
    scheduler_jobs.update(
        tx,
        job.id,
        now=moment,
        last_run_at=moment,
        last_finished_at=None,
        last_status=JobStatus.RUNNING,
        last_exit_status=None,
        last_error=None,
        dyno_id=dyno.id,
        dyno_name=dyno.name,
    )
    changes.record(tx, "dyno", app.id)
    return dyno


def _refuse(tx: Transaction, job: SchedulerJob, error: CeladonError) -> None:
    moment = now()
    scheduler_jobs.update(
        tx,
        job.id,
        now=moment,
        last_run_at=moment,
        last_finished_at=moment,
        last_status=JobStatus.REFUSED,
        last_exit_status=None,
        last_error=error.message,
        dyno_id=None,
        dyno_name=None,
    )
    line = f"Scheduler job not run -- {error.message}"
    events.insert(tx, "scheduler-job:refuse", app_id=job.app_id, resource_id=job.id, line=line)
    changes.record(tx, "scheduler-job", job.app_id)


def finished(context: Context, dyno_id: str, status: int | None, *, stopped: bool) -> None:
    """The run that this dyno is has ended, with this exit status (None: nobody saw it); safe to call again."""
    with context.database.transaction() as tx:
        found = scheduler_jobs.find_of_dyno(tx, dyno_id)
        job = scheduler_jobs.lock(tx, found.id) if found else None
        if job is None or job.dyno_id != dyno_id or job.last_status is not JobStatus.RUNNING:
            return
        outcome = rules.ended(status, stopped=stopped)
        scheduler_jobs.update(
            tx, job.id, now=now(), last_status=outcome, last_exit_status=status, last_finished_at=now()
        )
        changes.record(tx, "scheduler-job", job.app_id)


def settle(context: Context, limit: int) -> int:
    """Say of runs whose dyno was taken away before it had begun that they were stopped; returns of how many."""
    with context.database.read() as tx:
        abandoned = scheduler_jobs.list_abandoned(tx, limit)
    for job in abandoned:
        assert job.dyno_id is not None, "what runs has a dyno"
        finished(context, job.dyno_id, None, stopped=True)
    return len(abandoned)
