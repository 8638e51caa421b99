"""Scheduler jobs: what an app runs by itself, and how that went. Not in Heroku's schema: Heroku has a web page only."""

from celadon.actions import scheduler_jobs
from celadon.api import shapes
from celadon.api.answer import BY_TIME, Answer, Listing
from celadon.api.request import Call
from celadon.model.app import App
from celadon.model.scheduler_job import COMMAND_LIMIT, SchedulerJob


def list_of(call: Call) -> Listing:
    app, found = scheduler_jobs.list_of(call.context, call.actor, call.app)
    return Listing(items=found, attributes=BY_TIME, shape=lambda job: shape(app, job))


def show(call: Call) -> Answer:
    return _answer(*scheduler_jobs.find(call.context, call.actor, call.app, call.params["job"]))


def create(call: Call) -> Answer:
    body = call.body()
    app, job = scheduler_jobs.create(
        call.context,
        call.actor,
        call.app,
        command=body.needed_text("command", COMMAND_LIMIT),
        frequency=body.needed_text("frequency"),
        at=body.text("at"),
        size=body.reference("dyno_size"),
    )
    return Answer(value=shape(app, job), status=201)


def update(call: Call) -> Answer:
    body = call.body()
    app, job = scheduler_jobs.update(
        call.context,
        call.actor,
        call.app,
        call.params["job"],
        command=body.text("command", COMMAND_LIMIT),
        frequency=body.text("frequency"),
        at=body.text("at"),
        size=body.reference("dyno_size"),
    )
    return _answer(app, job)


def destroy(call: Call) -> Answer:
    app, job = scheduler_jobs.remove(call.context, call.actor, call.app, call.params["job"])
    return Answer(value=shape(app, job))


def run(call: Call) -> Answer:
    app, job = scheduler_jobs.run(call.context, call.actor, call.app, call.params["job"])
    return Answer(value=shape(app, job), status=201)


def _answer(app: App, job: SchedulerJob) -> Answer:
    return Answer(value=shape(app, job), changed_at=job.updated_at)


def shape(app: App, job: SchedulerJob) -> dict[str, object]:
    return {
        "app": shapes.app(app),
        "at": job.schedule.at,
        "command": job.command,
        "created_at": shapes.instant(job.created_at),
        "dyno_size": job.size,
        "frequency": job.frequency,
        "id": job.id,
        "last_run": {
            "at": shapes.instant_or_none(job.last_run_at),
            "dyno": job.dyno_name,
            "error": job.last_error,
            "exit_status": job.last_exit_status,
            "finished_at": shapes.instant_or_none(job.last_finished_at),
            "status": job.last_status,
        },
        "next_run_at": shapes.instant(job.next_run_at),
        "updated_at": shapes.instant(job.updated_at),
    }
