"""Repositories of apps, Celadon's own: how large, which folder is built, and to be emptied."""

from celadon.actions import repositories
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model.app import App
from celadon.model.errors import InvalidParams
from celadon.model.repository import Repository


def show(call: Call) -> Answer:
    return Answer(value=_shape(call, *repositories.find(call.context, call.actor, call.app)))


def update(call: Call) -> Answer:
    body = call.body()
    if "source_path" not in body.values:
        raise InvalidParams("cannot change the repository: give its `source_path`, null for the whole source")
    path = body.raw_text("source_path") or ""
    return Answer(value=_shape(call, *repositories.set_source_path(call.context, call.actor, call.app, path)))


def reset(call: Call) -> Answer:
    """Asked for at once, done by the git role when no push or clone of the app runs; whoever comes then waits for it."""
    return Answer(value=_shape(call, *repositories.reset(call.context, call.actor, call.app)), status=202)


def _shape(call: Call, app: App, repository: Repository) -> dict[str, object]:
    return {
        "app": shapes.app(app),
        "git_url": call.settings.git_url(app.name),
        "reset_requested": repository.reset_requested,
        "size": app.repo_size,
        "source_path": repository.source_path,
    }
