"""Exec sessions, Celadon's own: a command beside what a dyno runs, attached as a one-off is."""

from celadon.actions import exec_sessions
from celadon.api import dynos, shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model.app import App
from celadon.model.dyno import Dyno
from celadon.model.errors import InvalidParams
from celadon.model.exec_session import ExecSession
from celadon.model.exit_status import told


def create(call: Call) -> Answer:
    body = call.body()
    command = body.raw_text("command")
    if command is None:
        raise InvalidParams("cannot run: give the `command`")
    app, dyno, session, secret = exec_sessions.create(
        call.context, call.actor, call.app, call.params["dyno"], command=command, env=dynos.env_of(body)
    )
    return Answer(value=_shape(app, dyno, session, dynos.attach_url(call.settings, secret)), status=201)


def update(call: Call) -> Answer:
    """A client's terminal has a new size."""
    columns, lines = dynos.window_of(call.body())
    app, dyno, session = exec_sessions.fit_terminal(
        call.context,
        call.actor,
        call.app,
        call.params["dyno"],
        call.params["session"],
        columns=columns,
        lines=lines,
    )
    return Answer(value=_shape(app, dyno, session))


def _shape(app: App, dyno: Dyno, session: ExecSession, attach_url: str | None = None) -> dict[str, object]:
    return {
        "app": shapes.app(app),
        "attach_url": attach_url,
        "command": told(session.command),
        "created_at": shapes.instant(session.created_at),
        "dyno": {"id": dyno.id, "name": dyno.name},
        "id": session.id,
    }
