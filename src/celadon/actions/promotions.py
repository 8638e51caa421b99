"""Promotions: accepted here, the slugs copied by the build role, the releases made here.

A target's row says how far it is: without a release its slug is still to be copied, which can be done again; with a
pending one its release phase runs; then it has succeeded or failed.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace

from celadon.actions import access, releases
from celadon.actions.context import Context, now
from celadon.model import release as release_rules
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.pipeline import MOST, Pipeline
from celadon.model.promotion import Promotion, Target, TargetStatus
from celadon.model.release import Release, ReleaseStatus
from celadon.model.slug import REACH, Slug, SlugStatus
from celadon.store import accounts, apps, changes, events, pipelines, promotions, slugs
from celadon.store import releases as stored_releases
from celadon.store.database import Transaction


def create(
    context: Context,
    actor: Actor,
    id_or_name: str,
    source: str,
    target_names: Collection[str],
    release_id: str | None = None,
) -> tuple[Promotion, list[Target]]:
    """Accept a promotion of the source's current release, or the one that is named, to apps of the same pipeline.

    Raises NotFound and Forbidden for what the actor does not see or may not do, InvalidParams for what cannot be
    promoted; then nothing is.
    """
    if not 0 < len(target_names) <= MOST:
        raise InvalidParams(f"cannot promote: name 1 to {MOST} apps as `targets`")
    with context.database.transaction() as tx:
        pipeline = access.pipeline_for(tx, actor, id_or_name, "pipeline:read")
        app = access.app_for(tx, actor, source, "code:read")
        named = [access.app_for(tx, actor, name, "release:create") for name in target_names]
        for app_id in sorted({target.id for target in named}):
            apps.lock(tx, app_id)
        _check_places(tx, pipeline, app, named)
        release, slug = _released(tx, app, release_id)
        promotion = Promotion(
            id=str(uuid.uuid4()),
            pipeline_id=pipeline.id,
            source_app_id=app.id,
            source_release_id=release.id,
            slug_id=slug.id,
            description=release_rules.promote_description(app.name, release.version, slug.commit),
            account_id=actor.account.id,
            created_at=now(),
        )
        promotions.insert(tx, promotion)
        for app_id in {target.id for target in named}:
            promotions.insert_target(tx, _target(promotion, app_id))
        _tell(tx, actor, promotion, release, {target.name for target in named})
        return promotion, promotions.targets_of(tx, promotion.id)


def _check_places(tx: Transaction, pipeline: Pipeline, source: App, targets: Collection[App]) -> None:
    coupled = {coupling.app_id for coupling in pipelines.couplings_of(tx, pipeline.id)}
    if source.id not in coupled:
        raise InvalidParams(f"cannot promote {source.name}: it is not in pipeline {pipeline.name}")
    for target in targets:
        if target.id == source.id:
            raise InvalidParams(f"cannot promote {source.name} to itself: name another app of the pipeline")
        if promotions.is_pending(tx, target.id):
            raise InvalidParams(f"cannot promote to {target.name}: another promotion to it is under way, wait for it")
        if target.id not in coupled:
            raise InvalidParams(f"cannot promote to {target.name}: it is not in pipeline {pipeline.name}")


def _released(tx: Transaction, app: App, release_id: str | None) -> tuple[Release, Slug]:
    """The release to promote, and its slug."""
    release = stored_releases.find(tx, app.id, release_id) if release_id else stored_releases.current(tx, app.id)
    if release is None:
        raise NotFound("release")
    if release.status is not ReleaseStatus.SUCCEEDED:
        raise InvalidParams(f"cannot promote {app.name} {release.name}: its release command has not succeeded")
    slug = slugs.find(tx, release.slug_id) if release.slug_id else None
    if slug is None:
        raise InvalidParams(f"cannot promote {app.name} {release.name}: it has no code; deploy something first")
    if slug.id not in slugs.ids_to_keep(tx, REACH, now(), app_id=app.id):
        raise InvalidParams(
            f"cannot promote {app.name} {release.name}: only the last {REACH} releases keep their code; name a later one"
        )
    return release, slug


def _tell(tx: Transaction, actor: Actor, promotion: Promotion, release: Release, targets: Collection[str]) -> None:
    events.insert(
        tx,
        "pipeline-promotion:create",
        payload={"version": release.version, "targets": sorted(targets)},
        app_id=promotion.source_app_id,
        by=actor,
        resource_id=promotion.id,
    )
    changes.record(tx, "promotion", promotion.source_app_id)


def _target(promotion: Promotion, app_id: str) -> Target:
    return Target(
        id=str(uuid.uuid4()),
        promotion_id=promotion.id,
        app_id=app_id,
        status=TargetStatus.PENDING,
        error_message=None,
        release_id=None,
        created_at=promotion.created_at,
        updated_at=promotion.created_at,
    )


def find(context: Context, actor: Actor, promotion_id: str) -> tuple[Promotion, list[Target]]:
    """A promotion, for who sees its source, and those of its targets that the actor sees; raises NotFound."""
    access.require_read(actor)
    with context.database.read() as tx:
        promotion = promotions.find(tx, promotion_id)
        if promotion is None or not access.visible_apps(tx, actor, [promotion.source_app_id]):
            raise NotFound("pipeline_promotion")
        targets = promotions.targets_of(tx, promotion.id)
        return promotion, targets


def seen(context: Context, actor: Actor, targets: Collection[Target]) -> list[Target]:
    """Those of these targets whose app the actor sees."""
    with context.database.read() as tx:
        visible = {app.id for app in access.visible_apps(tx, actor, [target.app_id for target in targets])}
    return [target for target in targets if target.app_id in visible]


def unreleased(context: Context) -> list[Target]:
    """Targets that wait for their slug, who came first before others."""
    with context.database.read() as tx:
        return promotions.list_unreleased(tx)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What is to be copied for a target: the slug, for this app. `present` is a copy that an earlier promotion made."""

    app: App
    slug: Slug
    present: Slug | None


def begin(context: Context, target: Target) -> Copy | None:
    """What a target needs; None when it is over already."""
    with context.database.read() as tx:
        app = apps.find(tx, target.app_id)
        promotion = promotions.find(tx, target.promotion_id)
        slug = slugs.find(tx, promotion.slug_id) if promotion else None
        if app is None or slug is None:
            return None
        made = promotions.copy_of(tx, app.id, slug.id)
        kept = made is not None and made in slugs.ids_to_keep(tx, REACH, now(), app_id=app.id)
        return Copy(app=app, slug=slug, present=slugs.find(tx, made) if made and kept else None)


def copied(copy: Copy, slug_id: str, checksum: str) -> Slug:
    """The slug that a copy has become."""
    return replace(
        copy.slug,
        id=slug_id,
        app_id=copy.app.id,
        checksum=checksum,
        status=SlugStatus.READY,
        error=None,
        attempts=0,
        created_at=now(),
        updated_at=now(),
    )


def release(context: Context, target_id: str, slug: Slug) -> Release | None:
    """Make the target's release of its own slug, which is in its place; None when the target is over already."""
    with context.database.transaction() as tx:
        app = apps.lock(tx, slug.app_id)
        target = promotions.find_target(tx, target_id)
        if app is None or target is None or target.status is not TargetStatus.PENDING or target.release_id:
            return None
        promotion = promotions.find(tx, target.promotion_id)
        assert promotion is not None, "a target goes with its promotion"
        if slugs.find(tx, slug.id) is None:
            slugs.insert(tx, slug)
        account = accounts.find(tx, promotion.account_id)
        assert account is not None, "accounts are never deleted while they own promotions"
        config_id, text, sizes = releases.config_of(tx, app.id), promotion.description, context.settings.sizes
        made = releases.deploy(tx, app, Actor(account=account), slug, config_id, text, text, sizes)
        done = made.status is ReleaseStatus.SUCCEEDED
        status = TargetStatus.SUCCEEDED if done else TargetStatus.PENDING
        promotions.update_target(tx, target.id, now=now(), release_id=made.id, status=status)
        changes.record(tx, "promotion", app.id)
        return made


def fail(context: Context, target_id: str, reason: str) -> None:
    """End a target that got no release; `reason` is for the user. Does nothing when it is over already."""
    with context.database.transaction() as tx:
        target = promotions.find_target(tx, target_id)
        if target is None or target.status is not TargetStatus.PENDING or target.release_id:
            return
        promotions.update_target(tx, target.id, now=now(), status=TargetStatus.FAILED, error_message=reason)
        line = f"Promotion failed -- {reason}"
        events.insert(tx, "pipeline-promotion:fail", app_id=target.app_id, resource_id=target.promotion_id, line=line)
        changes.record(tx, "promotion", target.app_id)
