"""Pipelines and the couplings of apps to them."""

from collections.abc import Callable

from celadon.actions import builds as build_actions
from celadon.actions import pipelines, releases
from celadon.api import builds, shapes
from celadon.api import releases as release_shapes
from celadon.api.answer import BY_TIME, Answer, Listing
from celadon.api.body import Body
from celadon.api.request import Call
from celadon.model.build import Build
from celadon.model.errors import InvalidParams
from celadon.model.pipeline import Coupling, Pipeline, stage_named
from celadon.model.release import Release

_ORDER: dict[str, Callable[[Pipeline], str]] = {
    "name": lambda pipeline: f"{pipeline.name}~{pipeline.id}",
    "id": lambda pipeline: pipeline.id,
}
# What a build has and the schema's `pipeline-build` has not.
_UNPUBLISHED = frozenset({"error", "generation", "image"})
_COUPLINGS = {name: lambda pair, key=key: key(pair[0]) for name, key in BY_TIME.items()}


def list_visible(call: Call) -> Listing:
    """All, or those that `?eq[name]=` asks for."""
    found = pipelines.list_visible(call.context, call.actor)
    name = call.request.query.get("eq[name]")
    chosen = found if name is None else [pipeline for pipeline in found if pipeline.name == name]
    return Listing(items=chosen, attributes=_ORDER, shape=shape)


def create(call: Call) -> Answer:
    body = call.body()
    name = body.needed_text("name")
    _check_owner(call, body.entry("owner"))
    return _answer(pipelines.create(call.context, call.actor, name), 201)


def _check_owner(call: Call, owner: Body | None) -> None:
    """Whoever creates a pipeline owns it."""
    if owner is None:
        return
    if owner.text("type") not in (None, "user"):
        raise InvalidParams("cannot create a pipeline for that owner: its `type` must be user")
    if owner.text("id") not in (None, call.actor.account.id):
        raise InvalidParams("cannot create a pipeline for somebody else: create it, then transfer it")


def show(call: Call) -> Answer:
    return _answer(pipelines.find(call.context, call.actor, call.params["pipeline"]))


def update(call: Call) -> Answer:
    name = call.body().needed_text("name")
    return _answer(pipelines.rename(call.context, call.actor, call.params["pipeline"], name))


def destroy(call: Call) -> Answer:
    return _answer(pipelines.destroy(call.context, call.actor, call.params["pipeline"]))


def transfer(call: Call) -> Answer:
    body = call.body()
    pipeline, owner = body.reference("pipeline"), body.entry("new_owner")
    if pipeline is None or owner is None:
        raise InvalidParams("cannot transfer a pipeline: give `pipeline` and `new_owner`, each with its `id`")
    if owner.text("type") not in (None, "user"):
        raise InvalidParams("cannot transfer a pipeline to that owner: its `type` must be user")
    changed, previous = pipelines.transfer(call.context, call.actor, pipeline, owner.needed_text("id"))
    value = {"pipeline": {"id": changed.id}, "previous_owner": _owner(previous), "new_owner": _owner(changed.owner_id)}
    return Answer(value=value, status=201)


def couplings_of(call: Call) -> Listing:
    return _couplings(pipelines.couplings(call.context, call.actor, call.params["pipeline"]))


def couplings_visible(call: Call) -> Listing:
    return _couplings(pipelines.couplings(call.context, call.actor))


def _couplings(found: list[tuple[Coupling, Pipeline]]) -> Listing:
    return Listing(items=found, attributes=_COUPLINGS, shape=lambda pair: coupling_shape(*pair))


def couple(call: Call) -> Answer:
    body = call.body()
    app, pipeline = body.reference("app"), body.reference("pipeline")
    if app is None or pipeline is None:
        raise InvalidParams("cannot add an app to a pipeline: give `app`, `pipeline` and `stage`")
    stage = stage_named(body.needed_text("stage"))
    return _coupled(*pipelines.couple(call.context, call.actor, pipeline, app, stage), status=201)


def show_coupling(call: Call) -> Answer:
    return _coupled(*pipelines.find_coupling(call.context, call.actor, call.params["coupling"]))


def coupling_of_app(call: Call) -> Answer:
    return _coupled(*pipelines.coupling_of(call.context, call.actor, call.app))


def move(call: Call) -> Answer:
    stage = stage_named(call.body().needed_text("stage"))
    return _coupled(*pipelines.move(call.context, call.actor, call.params["coupling"], stage))


def uncouple(call: Call) -> Answer:
    return _coupled(*pipelines.uncouple(call.context, call.actor, call.params["coupling"]))


def stack(call: Call) -> Answer:
    name = pipelines.stack(call.context, call.actor, call.params["pipeline"])
    return Answer(value={"stack": shapes.stack(name) if name else None})


def latest_builds(call: Call) -> Listing:
    found = pipelines.latest_builds(call.context, call.actor, call.params["pipeline"])
    authors = build_actions.authors(call.context, [build for _, build in found])
    apps = {build.id: app for app, build in found}

    def shaped(build: Build) -> dict[str, object]:
        whole = builds.shape(call, apps[build.id], build, authors[build.account_id])
        return {name: value for name, value in whole.items() if name not in _UNPUBLISHED}

    return Listing(items=[build for _, build in found], attributes=BY_TIME, shape=shaped)


def latest_releases(call: Call) -> Listing:
    return _latest(call, deployments=False)


def latest_deployments(call: Call) -> Listing:
    return _latest(call, deployments=True)


def _latest(call: Call, *, deployments: bool) -> Listing:
    found = pipelines.latest_releases(call.context, call.actor, call.params["pipeline"], deployments=deployments)
    listed = [release for _, release, _ in found]
    of = {release.id: (app, current) for app, release, current in found}
    authors = releases.authors(call.context, listed)
    phases = releases.with_phase(call.context, listed)

    def shaped(release: Release) -> dict[str, object]:
        app, current = of[release.id]
        author = authors[release.account_id]
        return release_shapes.shape(call, app, release, current, author, phase=release.id in phases)

    return Listing(items=listed, attributes=BY_TIME, shape=shaped)


def _answer(pipeline: Pipeline, status: int = 200) -> Answer:
    return Answer(value=shape(pipeline), status=status, changed_at=pipeline.updated_at)


def _coupled(coupling: Coupling, pipeline: Pipeline, status: int = 200) -> Answer:
    return Answer(value=coupling_shape(coupling, pipeline), status=status, changed_at=coupling.updated_at)


def shape(pipeline: Pipeline) -> dict[str, object]:
    return {
        "created_at": shapes.instant(pipeline.created_at),
        "generation": shapes.generation(),
        "id": pipeline.id,
        "name": pipeline.name,
        "owner": _owner(pipeline.owner_id),
        "updated_at": shapes.instant(pipeline.updated_at),
    }


def _owner(account_id: str) -> dict[str, object]:
    return {"id": account_id, "type": "user"}


def coupling_shape(coupling: Coupling, pipeline: Pipeline) -> dict[str, object]:
    return {
        "app": {"id": coupling.app_id},
        "created_at": shapes.instant(coupling.created_at),
        "id": coupling.id,
        # The official client names the pipeline by it.
        "pipeline": {"id": pipeline.id, "name": pipeline.name},
        "stage": coupling.stage,
        "updated_at": shapes.instant(coupling.updated_at),
    }
