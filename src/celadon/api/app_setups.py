"""App setups: an app from a source with an app.json in it, or from an app.json alone."""

from celadon.actions import app_setups
from celadon.actions.context import Context
from celadon.api import buildpacks, builds, shapes
from celadon.api.answer import Answer
from celadon.api.body import Body
from celadon.api.request import Call
from celadon.model import app_json
from celadon.model.app import App
from celadon.model.app_setup import AppSetup
from celadon.model.build import Build
from celadon.model.errors import InvalidParams


def create(call: Call) -> Answer:
    """The app is there at once; the rest comes by and by."""
    body = call.body()
    source, text = body.entry("source_blob"), body.text("app_json", app_json.LIMIT)
    asked = body.entry("app") or Body({})
    overrides = body.entry("overrides") or Body({})
    if text is not None:
        if source is not None:
            raise InvalidParams("cannot use both `source_blob` and `app_json`: the app.json of a source is in it")
        return _prepare(call, text, asked, overrides)
    if source is None:
        raise InvalidParams("cannot set up an app without a source: give `source_blob` with the `url` of an archive")
    _check_personal(asked)
    found = app_setups.create(
        call.context,
        call.actor,
        source_url=builds.source_url(source),
        source_checksum=builds.checksum(source),
        version=source.text("version", 200) or None,
        name=asked.text("name"),
        region=asked.reference("region"),
        stack=asked.reference("stack"),
        env=_env(overrides),
        buildpack_urls=_buildpacks(call.context, overrides),
    )
    return _answer(call, *found, status=202)


def _prepare(call: Call, text: str, asked: Body, overrides: Body) -> Answer:
    """From an app.json alone, for the actor or a team, as `POST /apps` and `POST /teams/apps`."""
    team = asked.reference("team")
    if team is None:
        _check_personal(asked)
    found = app_setups.prepare(
        call.context,
        call.actor,
        text.encode(),
        name=asked.text("name"),
        region=asked.reference("region"),
        stack=asked.reference("stack"),
        team=team,
        locked=asked.flag("locked") or False,
        env=_env(overrides),
        buildpack_urls=_buildpacks(call.context, overrides),
    )
    return _answer(call, *found, status=202)


def show(call: Call) -> Answer:
    return _answer(call, *app_setups.find(call.context, call.actor, call.params["app_setup"]))


def _check_personal(asked: Body) -> None:
    """Raise InvalidParams for what only an app of a team can be."""
    for name in ("organization", "team", "space"):
        if asked.reference(name):
            raise InvalidParams(f"cannot set up the app in this {name}: it will be your own, leave it out")
    asked.flag("personal")
    if asked.flag("locked"):
        raise InvalidParams("cannot lock the app: only an app of a team can be locked, leave `locked` out")


def _env(overrides: Body) -> dict[str, str]:
    env = overrides.entry("env") or Body({})
    return {name: value for name in env.values if (value := env.raw_text(name)) is not None}


def _buildpacks(context: Context, overrides: Body) -> list[str] | None:
    given = overrides.entries("buildpacks")
    return None if given is None else [buildpacks.checked(context, entry.text("url")) for entry in given]


def _answer(call: Call, setup: AppSetup, app: App, build: Build | None, status: int = 200) -> Answer:
    return Answer(value=shape(call, setup, app, build), status=status, changed_at=setup.updated_at)


def shape(call: Call, setup: AppSetup, app: App, build: Build | None) -> dict[str, object]:
    return {
        "app": shapes.app(app),
        "build": build
        and {"id": build.id, "status": build.status, "output_stream_url": builds.output_stream_url(call, build)},
        "created_at": shapes.instant(setup.created_at),
        "failure_message": setup.failure_message,
        "id": setup.id,
        "manifest_errors": setup.manifest_errors,
        "postdeploy": None if setup.exit_code is None else {"exit_code": setup.exit_code, "output": setup.output or ""},
        "resolved_success_url": app_setups.resolved_success_url(call.context, setup, app),
        "status": setup.status,
        "updated_at": shapes.instant(setup.updated_at),
    }
