"""One call of every route of schedulers' jobs."""

import uuid
from collections.abc import Callable
from typing import Any

from tests.api.world import Reply, World

from celadon.actions import scheduler_jobs
from celadon.store import scheduler_jobs as stored

Example = Callable[[World], Reply]

BODY: dict[str, Any] = {"command": "python report.py", "frequency": "daily", "at": "08:30", "dyno_size": None}
_PATH = "/apps/example/scheduler-jobs"


def add(world: World) -> str:
    """A job of the app, by its owner whoever asks next; returns its id."""
    provide(world)
    given = {"command": "python report.py", "frequency": "daily", "at": "08:30"}
    return scheduler_jobs.create(world.context, world.actor, "example", **given)[1].id


def provide(world: World) -> None:
    """The app has a scheduler."""
    with world.context.database.read() as tx:
        there = stored.scheduler_of(tx, world.made["app"])
    if there is None:
        scheduler_jobs.provision(world.context, str(uuid.uuid4()), world.made["app"])


def _create(world: World) -> Reply:
    provide(world)
    return world.call("POST", _PATH, BODY)


def _list(world: World) -> Reply:
    add(world)
    return world.get(_PATH)


def _one(method: str, body: object = None, suffix: str = "") -> Example:
    return lambda world: world.call(method, f"{_PATH}/{add(world)}{suffix}", body)


EXAMPLES: dict[str, Example] = {
    "GET /apps/:app/scheduler-jobs": _list,
    "POST /apps/:app/scheduler-jobs": _create,
    "GET /apps/:app/scheduler-jobs/:job": _one("GET"),
    "PATCH /apps/:app/scheduler-jobs/:job": _one("PATCH", {"frequency": "hourly", "at": ":20"}),
    "DELETE /apps/:app/scheduler-jobs/:job": _one("DELETE"),
    "POST /apps/:app/scheduler-jobs/:job/actions/run": _one("POST", {}, "/actions/run"),
}
CREATED = {"POST /apps/:app/scheduler-jobs", "POST /apps/:app/scheduler-jobs/:job/actions/run"}
UNPUBLISHED = frozenset(EXAMPLES)
