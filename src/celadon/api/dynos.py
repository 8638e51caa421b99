"""Dynos: what runs, one-offs, restart and stop. The dyno manager does what is asked: the answer is 202."""

from celadon.actions import dynos
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.body import Body
from celadon.api.request import Call
from celadon.model.app import App
from celadon.model.dyno import Dyno, shown_state
from celadon.model.errors import InvalidParams
from celadon.model.release import Release
from celadon.platform.settings import Settings

_ACCEPTED = Answer(value={}, status=202)
_ATTRIBUTES = {
    "name": lambda entry: f"{entry[0].type}.{entry[0].number:010d}.{entry[0].id}",
    "id": lambda entry: entry[0].id,
}


def list_of(call: Call) -> Listing:
    app, found = dynos.list_of(call.context, call.actor, call.app)
    return Listing(items=found, attributes=_ATTRIBUTES, shape=lambda entry: shape(app, *entry))


def show(call: Call) -> Answer:
    app, dyno, release = dynos.find(call.context, call.actor, call.app, call.params["dyno"])
    return Answer(value=shape(app, dyno, release), changed_at=dyno.updated_at)


def run(call: Call) -> Answer:
    body = call.body()
    command = body.raw_text("command")
    if command is None:
        raise InvalidParams("cannot run: give the `command`")
    body.text("type")  # A one-off is always `run.N`; the type clients may name is read and not used.
    env = env_of(body)
    if body.flag("force_no_tty"):
        # Clients tell their terminal's kind all the same, and a dyno has a terminal when one was told.
        env.pop("TERM", None)
    app, dyno, release, secret = dynos.run(
        call.context,
        call.actor,
        call.app,
        command=command,
        attach=body.flag("attach") or False,
        env=env,
        size=body.reference("size"),
    )
    url = attach_url(call.settings, secret) if secret else None
    return Answer(value=shape(app, dyno, release, url), status=201, changed_at=dyno.updated_at)


def attach_url(settings: Settings, secret: str) -> str:
    """Where a client meets what it has started."""
    return f"rendezvous://{settings.domain}:{settings.rendezvous_port}/{secret}"


def env_of(body: Body) -> dict[str, str]:
    """Clients send COLUMNS and LINES as numbers."""
    given = body.entry("env")
    if given is None:
        return {}
    env: dict[str, str] = {}
    for name, value in given.values.items():
        number = isinstance(value, int) and not isinstance(value, bool)
        text = str(given.integer(name)) if number else given.raw_text(name)
        if text is not None:
            env[name] = text
    return env


def update(call: Call) -> Answer:
    """Celadon's own: a client's terminal has a new size."""
    columns, lines = window_of(call.body())
    app, dyno, release = dynos.fit_terminal(
        call.context, call.actor, call.app, call.params["dyno"], columns=columns, lines=lines
    )
    return Answer(value=shape(app, dyno, release), changed_at=dyno.updated_at)


def window_of(body: Body) -> tuple[int, int]:
    """Columns and lines of a client's terminal; raises InvalidParams when they are not both given."""
    columns, lines = body.integer("columns"), body.integer("lines")
    if columns is None or lines is None:
        raise InvalidParams("cannot change anything but the terminal's size: give `columns` and `lines`")
    return columns, lines


def restart_all(call: Call) -> Answer:
    dynos.restart(call.context, call.actor, call.app)
    return _ACCEPTED


def restart(call: Call) -> Answer:
    dynos.restart(call.context, call.actor, call.app, call.params["dyno"])
    return _ACCEPTED


def stop(call: Call) -> Answer:
    dynos.stop(call.context, call.actor, call.app, call.params["dyno"])
    return _ACCEPTED


def shape(app: App, dyno: Dyno, release: Release, attach_url: str | None = None) -> dict[str, object]:
    return {
        "app": shapes.app(app),
        "attach_url": attach_url,
        "command": dyno.command,
        "crashes": dyno.crashes,
        "created_at": shapes.instant(dyno.created_at),
        "exit_status": dyno.exit_status,
        "id": dyno.id,
        "name": dyno.name,
        "release": {"id": release.id, "version": release.version},
        "size": dyno.size,
        "state": shown_state(dyno.state),
        "type": dyno.type,
        "updated_at": shapes.instant(dyno.updated_at),
    }
