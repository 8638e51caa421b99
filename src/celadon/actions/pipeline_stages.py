"""What runs in the stages of a pipeline, and what a promotion from one app to another would bring."""

from dataclasses import dataclass

from celadon.actions import access
from celadon.actions.context import Context
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.pipeline import Coupling, Pipeline, Stage
from celadon.model.release import Release
from celadon.model.slug import Slug
from celadon.store import accounts, pipelines, releases, slugs
from celadon.store.database import Transaction

# The way of code; a review app is beside it.
ORDER = (Stage.DEVELOPMENT, Stage.STAGING, Stage.PRODUCTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An app in its stage, with the release that serves and its slug."""

    coupling: Coupling
    app: App
    release: Release | None
    slug: Slug | None
    allowed: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """Code that came to the source app and is not in the target yet."""

    release: Release
    slug: Slug


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What lies between two apps. `same`: they run the same commit. `deploys` are newest first; None where the target's
    commit was never one of the source's: then nobody knows.
    """

    source: Place
    target: Place
    same: bool
    deploys: tuple[Deploy, ...] | None


def following(stage: Stage) -> Stage | None:
    """Where code goes from this stage."""
    at = ORDER.index(stage) + 1 if stage in ORDER else 0
    return ORDER[at] if 0 < at < len(ORDER) else None


def places(context: Context, actor: Actor, id_or_name: str) -> tuple[Pipeline, list[Place]]:
    """The pipeline and its apps that the actor sees, by name; raises NotFound."""
    with context.database.read() as tx:
        pipeline = access.pipeline_for(tx, actor, id_or_name, "pipeline:read")
        return pipeline, _places(tx, actor, pipeline)


def may_change(actor: Actor, pipeline: Pipeline) -> bool:
    """Whether the actor may rename and destroy it."""
    return actor.account.operator or pipeline.owner_id == actor.account.id


def owner(context: Context, pipeline: Pipeline) -> str:
    """The address of who owns it."""
    with context.database.read() as tx:
        return accounts.by_ids(tx, {pipeline.owner_id})[pipeline.owner_id].email


def place_of(context: Context, actor: Actor, app_name: str) -> tuple[Pipeline, Place, list[Place]] | None:
    """An app's pipeline, its place there, and the apps that it promotes to; None when it is in no pipeline."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "app:read")
        coupling = pipelines.coupling_of(tx, app.id)
        pipeline = pipelines.find(tx, coupling.pipeline_id) if coupling else None
        if coupling is None or pipeline is None:
            return None
        found = _places(tx, actor, pipeline)
        after = following(coupling.stage)
        own = next(place for place in found if place.app.id == app.id)
        return pipeline, own, [place for place in found if place.coupling.stage is after]


def differences(
    context: Context, actor: Actor, id_or_name: str, source_id: str, target_ids: list[str]
) -> tuple[Pipeline, Place, list[Difference]]:
    """What the source has that these apps have not; all of the next stage when none are named.

    Raises NotFound for an app that is not in the pipeline, InvalidParams where code goes nowhere from here.
    """
    with context.database.read() as tx:
        pipeline = access.pipeline_for(tx, actor, id_or_name, "pipeline:read")
        found = {place.app.id: place for place in _places(tx, actor, pipeline)}
        if source_id not in found or not set(target_ids) <= set(found):
            raise NotFound("app", f"Couldn't find that app in pipeline {pipeline.name}.")
        source, after = found[source_id], following(found[source_id].coupling.stage)
        chosen = target_ids or [one.app.id for one in found.values() if one.coupling.stage is after]
        if not chosen:
            where = f"there is no app in {after} yet; add one" if after else "there is no stage after it"
            raise InvalidParams(f"cannot promote {source.app.name} from {source.coupling.stage}: {where}")
        history = _history(tx, source.app)
        return pipeline, source, [_difference(source, found[one], history) for one in chosen]


def _difference(source: Place, target: Place, history: list[Deploy]) -> Difference:
    mine, other = (place.slug.code if place.slug else None for place in (source, target))
    if mine is not None and mine == other:
        return Difference(source=source, target=target, same=True, deploys=())
    newer: list[Deploy] = []
    for deploy in history:
        if other is not None and deploy.slug.code == other:
            return Difference(source=source, target=target, same=False, deploys=tuple(newer))
        newer.append(deploy)
    # Where nothing runs yet, all is new.
    return Difference(source=source, target=target, same=False, deploys=None if target.slug else tuple(newer))


def _history(tx: Transaction, app: App) -> list[Deploy]:
    """The code that an app's releases brought up to the one that serves, newest first, each commit once."""
    current = releases.current(tx, app.id)
    every = [one for one in releases.list_of(tx, app.id) if current and one.version <= current.version]
    known = slugs.by_ids(tx, {one.slug_id for one in every if one.slug_id})
    found: list[Deploy] = []
    before: str | None = None
    for release in every:
        if release.slug_id and release.slug_id != before:
            found.append(Deploy(release=release, slug=known[release.slug_id]))
        before = release.slug_id or before
    return found[::-1]


def _places(tx: Transaction, actor: Actor, pipeline: Pipeline) -> list[Place]:
    couplings = {one.app_id: one for one in pipelines.couplings_of(tx, pipeline.id)}
    found = []
    for app in access.visible_apps(tx, actor, list(couplings)):
        release = releases.current(tx, app.id)
        found.append(
            Place(
                coupling=couplings[app.id],
                app=app,
                release=release,
                slug=slugs.find(tx, release.slug_id) if release and release.slug_id else None,
                allowed=access.allowed(tx, actor, app),
            )
        )
    return found
