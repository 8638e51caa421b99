"""Pipelines: create, rename, transfer, destroy; add apps to them, move these between stages, remove them."""

import uuid
from collections.abc import Iterable

import sqlalchemy as sa

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model import pipeline as rules
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.build import Build
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.pipeline import Coupling, Pipeline, Stage
from celadon.model.release import Release
from celadon.store import accounts, builds, changes, events, pipelines, releases
from celadon.store.database import Transaction


def create(context: Context, actor: Actor, name: str) -> Pipeline:
    """A pipeline of the actor's, without apps; raises InvalidParams."""
    access.require_write(actor)
    rules.check_name(name)
    try:
        with context.database.transaction() as tx:
            pipeline = Pipeline(
                id=str(uuid.uuid4()), name=name, owner_id=actor.account.id, created_at=now(), updated_at=now()
            )
            pipelines.insert(tx, pipeline)
            _record(tx, actor, "pipeline:create", pipeline)
            return pipeline
    except sa.exc.IntegrityError:
        raise InvalidParams(f"cannot create {name}: you have a pipeline of that name already") from None


def _record(tx: Transaction, actor: Actor, event: str, pipeline: Pipeline) -> None:
    events.insert(tx, event, by=actor, resource_id=pipeline.id, payload={"name": pipeline.name})
    changes.record(tx, "pipeline")


def list_visible(context: Context, actor: Actor) -> list[Pipeline]:
    """The actor's own pipelines and those with an app that the actor sees, by name."""
    access.require_read(actor)
    with context.database.read() as tx:
        return pipelines.list_visible(tx, actor.account.id)


def find(context: Context, actor: Actor, id_or_name: str) -> Pipeline:
    """Raises NotFound; InvalidParams for a name that several have."""
    with context.database.read() as tx:
        return access.pipeline_for(tx, actor, id_or_name, "pipeline:read")


def rename(context: Context, actor: Actor, id_or_name: str, name: str) -> Pipeline:
    """Raises NotFound, Forbidden, InvalidParams."""
    rules.check_name(name)
    with context.database.transaction() as tx:
        pipeline = access.pipeline_for(tx, actor, id_or_name, "pipeline:update")
        return _update(tx, actor, pipeline, "pipeline:update", name=name)


def _update(tx: Transaction, actor: Actor, pipeline: Pipeline, event: str, **values: object) -> Pipeline:
    try:
        pipelines.update(tx, pipeline.id, updated_at=now(), **values)
    except sa.exc.IntegrityError:
        raise InvalidParams("cannot change this: its owner has another pipeline of that name") from None
    changed = pipelines.find(tx, pipeline.id) or pipeline
    _record(tx, actor, event, changed)
    return changed


def transfer(context: Context, actor: Actor, id_or_name: str, new_owner: str) -> tuple[Pipeline, str]:
    """Give the pipeline to an account (by id or address) that sees one of its apps; the apps keep their owners.

    Returns the pipeline and the id of who owned it before. Raises NotFound, Forbidden, InvalidParams.
    """
    with context.database.transaction() as tx:
        pipeline = access.pipeline_for(tx, actor, id_or_name, "pipeline:update")
        pipelines.lock(tx, pipeline.id)
        account = accounts.find_by_email_or_id(tx, new_owner)
        # Nobody learns here who has an account, nor is given what is no business of theirs.
        if account is None or not pipelines.list_called(tx, pipeline.id, account.id):
            raise NotFound(
                "user",
                f"Couldn't find that user: nobody who has access to an app of {pipeline.name} is called "
                f"{new_owner[:80]}. Give access to one first.",
            )
        return _update(tx, actor, pipeline, "pipeline:transfer", owner_id=account.id), pipeline.owner_id


def destroy(context: Context, actor: Actor, id_or_name: str) -> Pipeline:
    """Take the pipeline away; its apps stay as they are. Raises NotFound, Forbidden."""
    with context.database.transaction() as tx:
        pipeline = access.pipeline_for(tx, actor, id_or_name, "pipeline:update")
        pipelines.delete(tx, pipeline.id)
        _record(tx, actor, "pipeline:destroy", pipeline)
        return pipeline


def couple(context: Context, actor: Actor, id_or_name: str, app_name: str, stage: Stage) -> tuple[Coupling, Pipeline]:
    """Put an app into a pipeline; raises NotFound, InvalidParams for one that is in a pipeline already."""
    try:
        with context.database.transaction() as tx:
            app = access.app_for(tx, actor, app_name, "app:update")
            pipeline = pipelines.lock(tx, access.pipeline_for(tx, actor, id_or_name, "pipeline:add").id)
            if pipeline is None:
                raise NotFound("pipeline")
            _check_free(tx, app, pipeline)
            coupling = Coupling(
                id=str(uuid.uuid4()),
                pipeline_id=pipeline.id,
                app_id=app.id,
                stage=stage,
                created_at=now(),
                updated_at=now(),
            )
            pipelines.insert_coupling(tx, coupling)
            _record_coupling(tx, actor, "pipeline-coupling:create", coupling)
            return coupling, pipeline
    except sa.exc.IntegrityError:
        raise InvalidParams(f"cannot add {app_name}: it is in a pipeline already") from None


def _check_free(tx: Transaction, app: App, pipeline: Pipeline) -> None:
    present = pipelines.coupling_of(tx, app.id)
    if present is not None:
        where = pipelines.find(tx, present.pipeline_id)
        assert where is not None, "a coupling goes with its pipeline"
        raise InvalidParams(
            f"cannot add {app.name} to {pipeline.name}: it is in {where.name} already as {present.stage}; remove it there first"
        )
    if len(pipelines.couplings_of(tx, pipeline.id)) >= rules.MOST:
        raise InvalidParams(f"cannot add {app.name} to {pipeline.name}: a pipeline has at most {rules.MOST} apps")


def _record_coupling(tx: Transaction, actor: Actor, event: str, coupling: Coupling) -> None:
    events.insert(
        tx,
        event,
        payload={"pipeline": coupling.pipeline_id, "stage": coupling.stage},
        app_id=coupling.app_id,
        by=actor,
        resource_id=coupling.id,
    )
    changes.record(tx, "pipeline", coupling.app_id)


def move(context: Context, actor: Actor, coupling_id: str, stage: Stage) -> tuple[Coupling, Pipeline]:
    """Put an app into another stage of its pipeline; raises NotFound."""
    with context.database.transaction() as tx:
        coupling = _coupling(tx, actor, coupling_id, "app:update")
        pipelines.update_coupling(tx, coupling.id, stage=stage, updated_at=now())
        changed = pipelines.find_coupling(tx, coupling.id) or coupling
        _record_coupling(tx, actor, "pipeline-coupling:update", changed)
        return changed, _pipeline_of(tx, changed)


def uncouple(context: Context, actor: Actor, coupling_id: str) -> tuple[Coupling, Pipeline]:
    """Take an app out of its pipeline; raises NotFound."""
    with context.database.transaction() as tx:
        coupling = _coupling(tx, actor, coupling_id, "app:update")
        pipeline = _pipeline_of(tx, coupling)
        pipelines.delete_coupling(tx, coupling.app_id)
        _record_coupling(tx, actor, "pipeline-coupling:destroy", coupling)
        return coupling, pipeline


def _coupling(tx: Transaction, actor: Actor, coupling_id: str, permission: str) -> Coupling:
    coupling = pipelines.find_coupling(tx, coupling_id)
    if coupling is None:
        raise NotFound("pipeline_coupling")
    try:
        access.app_for(tx, actor, coupling.app_id, permission)
    except NotFound:
        raise NotFound("pipeline_coupling") from None
    return coupling


def _pipeline_of(tx: Transaction, coupling: Coupling) -> Pipeline:
    pipeline = pipelines.find(tx, coupling.pipeline_id)
    assert pipeline is not None, "a coupling goes with its pipeline"
    return pipeline


def find_coupling(context: Context, actor: Actor, coupling_id: str) -> tuple[Coupling, Pipeline]:
    """Raises NotFound."""
    with context.database.read() as tx:
        coupling = _coupling(tx, actor, coupling_id, "app:read")
        return coupling, _pipeline_of(tx, coupling)


def coupling_of(context: Context, actor: Actor, app_name: str) -> tuple[Coupling, Pipeline]:
    """An app's place in its pipeline; raises NotFound."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        coupling = pipelines.coupling_of(tx, app.id)
        if coupling is None:
            raise NotFound("pipeline_coupling", f"Couldn't find that pipeline coupling: {app.name} is in no pipeline.")
        return coupling, _pipeline_of(tx, coupling)


def couplings(context: Context, actor: Actor, id_or_name: str | None = None) -> list[tuple[Coupling, Pipeline]]:
    """Those of a pipeline, or of all, whose app the actor sees; raises NotFound."""
    access.require_read(actor)
    with context.database.read() as tx:
        if id_or_name is not None:
            pipeline = access.pipeline_for(tx, actor, id_or_name, "pipeline:read")
            return [(coupling, pipeline) for coupling, _ in _seen(tx, actor, pipeline)]
        found = pipelines.couplings_visible(tx, actor.account.id)
        known = pipelines.by_ids(tx, {coupling.pipeline_id for coupling in found})
        return [(coupling, known[coupling.pipeline_id]) for coupling in found]


def _seen(tx: Transaction, actor: Actor, pipeline: Pipeline) -> list[tuple[Coupling, App]]:
    """What is coupled to the pipeline, but for apps that are none of the actor's business."""
    found = pipelines.couplings_of(tx, pipeline.id)
    visible = {app.id: app for app in access.visible_apps(tx, actor, [coupling.app_id for coupling in found])}
    return [(coupling, visible[coupling.app_id]) for coupling in found if coupling.app_id in visible]


def stack(context: Context, actor: Actor, id_or_name: str) -> str | None:
    """The stack of the pipeline's apps; None while there are none. Raises NotFound."""
    with context.database.read() as tx:
        seen = _seen(tx, actor, access.pipeline_for(tx, actor, id_or_name, "pipeline:read"))
        return seen[0][1].stack if seen else None


def latest_builds(context: Context, actor: Actor, id_or_name: str) -> list[tuple[App, Build]]:
    """Of each app the newest build; raises NotFound."""
    with context.database.read() as tx:
        seen = _seen(tx, actor, access.pipeline_for(tx, actor, id_or_name, "pipeline:read"))
        newest = ((app, builds.list_of(tx, app.id)[-1:]) for _, app in seen)
        return [(app, build) for app, found in newest for build in found]


def latest_releases(
    context: Context, actor: Actor, id_or_name: str, *, deployments: bool = False
) -> list[tuple[App, Release, Release | None]]:
    """Of each app the newest release, or the newest that brought other code, and the one that serves; raises NotFound."""
    with context.database.read() as tx:
        seen = _seen(tx, actor, access.pipeline_for(tx, actor, id_or_name, "pipeline:read"))
        found = []
        for _, app in seen:
            every = releases.list_of(tx, app.id)
            newest = (_deployments(every) if deployments else every)[-1:]
            found += [(app, release, releases.current(tx, app.id)) for release in newest]
        return found


def _deployments(found: Iterable[Release]) -> list[Release]:
    before: str | None = None
    deployed = []
    for release in found:
        if release.slug_id not in (None, before):
            deployed.append(release)
        before = release.slug_id
    return deployed
