"""Pipelines and promotions, on SQLite and on PostgreSQL."""

import threading
import uuid
from pathlib import Path

import pytest

from celadon.actions import accounts, apps, builds, context, pipelines, promotions, releases
from celadon.actions.builds import Compiled
from celadon.actions.context import Context
from celadon.model.account import Actor
from celadon.model.errors import InvalidParams
from celadon.model.pipeline import Stage
from celadon.model.promotion import Target, TargetStatus
from celadon.model.slug import Slug
from celadon.platform.settings import Settings
from celadon.store import pipelines as stored
from celadon.store import promotions as stored_promotions
from celadon.store.database import Database


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Context:
    return context.Context(database, Settings(home=tmp_path))


@pytest.fixture
def owner(world: Context) -> Actor:
    return Actor(account=accounts.create_operator(world.database, email="admin@localhost", password="long enough"))


@pytest.fixture
def shop(world: Context, owner: Actor) -> str:
    """The id of a pipeline with `staging`, deployed, and `live`."""
    made = pipelines.create(world, owner, "shop")
    for name, stage in (("staging", Stage.STAGING), ("live", Stage.PRODUCTION)):
        apps.create(world, owner, name=name)
        pipelines.couple(world, owner, "shop", name, stage)
    deploy(world, owner)
    return made.id


def deploy(world: Context, owner: Actor, *more: str) -> None:
    build = builds.create(world, owner, "staging", commit="0123456789abcdef")
    compiled = Compiled(
        slug_id=str(uuid.uuid4()),
        process_types=dict.fromkeys(("web", *more), "run"),
        language="Python",
        checksum="SHA256:00",
        size=1,
        config_vars={},
    )
    made = builds.succeed(world, build.id, compiled)
    assert made is not None
    releases.finish(world, made.id, succeeded=True)


def copied(world: Context, target: Target) -> Slug:
    """The slug of a target, as if it had been copied."""
    copy = promotions.begin(world, target)
    assert copy is not None
    return copy.present or promotions.copied(copy, str(uuid.uuid4()), "SHA256:01")


def test_one_app_is_coupled_once_however_many_try(world: Context, owner: Actor, shop: str) -> None:
    apps.create(world, owner, name="third")
    outcomes: list[str] = []

    def couple() -> None:
        try:
            outcomes.append(pipelines.couple(world, owner, shop, "third", Stage.STAGING)[0].id)
        except InvalidParams:
            outcomes.append("refused")

    threads = [threading.Thread(target=couple) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("refused") == 5
    with world.database.read() as tx:
        assert len(stored.couplings_of(tx, shop)) == 3


def test_a_pipeline_goes_with_its_couplings_and_leaves_its_apps(world: Context, owner: Actor, shop: str) -> None:
    pipelines.destroy(world, owner, shop)
    assert pipelines.couplings(world, owner) == []
    assert [app.name for app, *_ in apps.list_visible(world, owner)] == ["live", "staging"]


def test_a_destroyed_app_takes_no_place_in_its_pipeline(world: Context, owner: Actor, shop: str) -> None:
    apps.destroy(world, owner, "live")
    with world.database.read() as tx:
        assert len(stored.couplings_of(tx, shop)) == 1


@pytest.mark.parametrize("more", [(), ("release",)])
def test_a_target_is_released_once_however_often_it_is_tried(
    world: Context, owner: Actor, shop: str, more: tuple[str, ...]
) -> None:
    """Also while its release phase runs."""
    deploy(world, owner, *more)
    promotions.create(world, owner, shop, "staging", ["live"])
    (target,) = promotions.unreleased(world)
    slug = copied(world, target)
    made = []
    threads = [
        threading.Thread(target=lambda: made.append(promotions.release(world, target.id, slug))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(release is not None for release in made) == 1
    assert promotions.unreleased(world) == []
    _, found, current = releases.list_of(world, owner, "live")
    assert [release.description for release in found[2:]] == ["Promote staging v4 0123456"]
    assert (current == found[-1]) is not bool(more)


def test_the_release_phase_ends_its_target_and_no_other(world: Context, owner: Actor, shop: str) -> None:
    deploy(world, owner, "release")
    made = []
    for _ in range(2):
        promotion, _ = promotions.create(world, owner, shop, "staging", ["live"])
        (target,) = promotions.unreleased(world)
        made.append((promotion, promotions.release(world, target.id, copied(world, target))))
    (first, failed), (second, waiting) = made
    assert failed and waiting and failed.slug_id == waiting.slug_id
    releases.finish(world, failed.id, succeeded=False)
    with world.database.read() as tx:
        (ended,) = stored_promotions.targets_of(tx, first.id)
        (pending,) = stored_promotions.targets_of(tx, second.id)
    assert (ended.status, ended.error_message) == (TargetStatus.FAILED, "Release command failed")
    assert pending.status is TargetStatus.PENDING


def test_a_copy_that_is_no_longer_kept_is_made_anew(world: Context, owner: Actor, shop: str) -> None:
    def promote() -> Slug:
        promotions.create(world, owner, shop, "staging", ["live"])
        (target,) = promotions.unreleased(world)
        slug = copied(world, target)
        promotions.release(world, target.id, slug)
        return slug

    first = promote()
    assert promote() == first
    _, _, old = releases.list_of(world, owner, "staging")
    for _ in range(41):
        deploy(world, owner)
        promote()
    # The old slug is kept, as it is deployed again; its copy is too old to be.
    assert old is not None and old.slug_id is not None
    releases.create_from_slug(world, owner, "staging", old.slug_id)
    assert promote().id != first.id
