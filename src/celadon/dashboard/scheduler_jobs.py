"""The page of an app's scheduler: its jobs, when they run next and how their last run went; add, change, remove, run.

Who opens it has a secret in its URL, which lasts while somebody looks at the page: there is no cookie.
"""

from celadon.actions import page_tokens, scheduler_jobs
from celadon.actions.page_tokens import Visit
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.pages import page, told
from celadon.model.errors import CeladonError, NotFound
from celadon.model.scheduler_job import COMMAND_LIMIT, Frequency, JobStatus, SchedulerJob

_MINUTES = [f":{minute:02}" for minute in range(0, 60, 10)]
_TIMES = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in (0, 30)]
_FREQUENCIES = [
    (Frequency.TEN_MINUTES, "Every 10 minutes"),
    (Frequency.HOURLY, "Every hour"),
    (Frequency.DAILY, "Every day"),
]


@told
def show(call: Call) -> Page:
    return _page(call, _visit(call))


@told
def change(call: Call) -> Page:
    """One of the page's forms; then the page anew, so that nothing is sent twice."""
    visit, form = _visit(call), call.form()
    wanted = form.get("step", "")
    if wanted not in _STEPS:
        raise NotFound("page", "Couldn't find that step: go back and use the page's buttons.")
    try:
        _STEPS[wanted](call, visit, form)
    except CeladonError as error:
        return _page(call, visit, error.status, error.message)
    return Page(status=303, location=f"{scheduler_jobs.PAGE}/{call.params['token']}")


def _visit(call: Call) -> Visit:
    return page_tokens.visit(call.context, call.params["token"], call.request.address)


def _add(call: Call, visit: Visit, form: dict[str, str]) -> None:
    scheduler_jobs.create(
        call.context,
        visit.actor,
        visit.app_id,
        command=form.get("command", ""),
        frequency=form.get("frequency", ""),
        at=_at(form),
        size=form.get("size") or None,
    )


def _update(call: Call, visit: Visit, form: dict[str, str]) -> None:
    scheduler_jobs.update(
        call.context,
        visit.actor,
        visit.app_id,
        form.get("job", ""),
        command=form.get("command", ""),
        frequency=form.get("frequency", ""),
        at=_at(form),
        size=form.get("size") or None,
    )


def _remove(call: Call, visit: Visit, form: dict[str, str]) -> None:
    scheduler_jobs.remove(call.context, visit.actor, visit.app_id, form.get("job", ""))


def _run(call: Call, visit: Visit, form: dict[str, str]) -> None:
    scheduler_jobs.run(call.context, visit.actor, visit.app_id, form.get("job", ""))


_STEPS = {"add": _add, "update": _update, "remove": _remove, "run": _run}


def _at(form: dict[str, str]) -> str | None:
    """The form has a field for each kind of time: without scripts none can take another's place."""
    field = {"hourly": "minute", "daily": "time"}.get(form.get("frequency", ""))
    return form.get(field) if field else None


def _page(call: Call, visit: Visit, status: int = 200, wrong: str = "") -> Page:
    app, jobs = scheduler_jobs.list_of(call.context, visit.actor, visit.app_id)
    edited = next((job for job in jobs if job.id == call.request.query.get("job")), None)
    sizes = call.settings.sizes
    # What was sent and refused is not typed again.
    given = call.form() if wrong else _fields(edited, sizes.default.name)
    return page(
        "scheduler.html",
        status,
        wrong,
        app=app.name,
        jobs=[(job, _result(job)) for job in jobs],
        edited=edited,
        given={name: given.get(name, "") for name in ("command", "frequency", "minute", "time", "size")},
        frequencies=_FREQUENCIES,
        minutes=_MINUTES,
        times=_TIMES,
        sizes=[size.name for size in sizes.all],
        limit=COMMAND_LIMIT,
        path=f"{scheduler_jobs.PAGE}/{call.params['token']}",
    )


def _fields(job: SchedulerJob | None, size: str) -> dict[str, str]:
    if job is None:
        return {"frequency": Frequency.DAILY, "size": size}
    at = job.schedule.at or ""
    hourly = job.frequency is Frequency.HOURLY
    times = {"minute": at} if hourly else {"time": at}
    return {"command": job.command, "frequency": job.frequency, "size": job.size, **times}


def _result(job: SchedulerJob) -> str:
    if job.last_status is JobStatus.RUNNING:
        return f"runs as {job.dyno_name}"
    if job.last_status is JobStatus.FAILED:
        known = job.last_exit_status is not None
        return f"failed with exit status {job.last_exit_status}" if known else "failed; nobody saw its exit status"
    return job.last_error or str(job.last_status)
