"""Sources, slugs that are awaited, caches to purge and log drains, on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest

from celadon.actions import accounts, apps, builds, context, log_drains, slugs, sources
from celadon.actions.context import Context
from celadon.model.account import Actor
from celadon.model.errors import InvalidParams
from celadon.platform.settings import Settings
from celadon.store import slugs as stored_slugs
from celadon.store import sources as stored
from celadon.store.database import Database


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Context:
    (tmp_path / "uploads").mkdir()
    return context.Context(database, Settings(home=tmp_path, source_limit=100))


@pytest.fixture
def owner(world: Context) -> Actor:
    made = Actor(account=accounts.create_operator(world.database, email="admin@localhost", password="long enough"))
    apps.create(world, made, name="hello")
    return made


def test_a_source_is_pruned_when_it_has_expired_and_nothing_waits_for_it(world: Context, owner: Actor) -> None:
    kept, built, gone = (sources.create(world, owner) for _ in range(3))
    for source in (kept, built, gone):
        part = world.blobs.upload(source.id).with_suffix(".part")
        part.touch()
        sources.written(world, source, part, 10, "SHA256:0")
    url = f"{world.settings.api_url}{sources.path(world, 'get', built.id)}"
    build = builds.create(world, owner, "hello", source_url=url)
    with world.database.transaction() as tx:
        assert stored.size_of_others(tx, kept, context.now()) == 20
        for source in (built, gone):
            stored.update(tx, source.id, expires_at=context.now())
        assert stored.prune(tx, context.now()) == {kept.id, built.id}
    builds.fail(world, build.id, "no")
    with world.database.transaction() as tx:
        assert stored.prune(tx, context.now()) == {kept.id}


def test_slugs_that_are_awaited_are_counted_until_they_are_ready(world: Context, owner: Actor) -> None:
    first, second = (slugs.create(world, owner, "hello", {"web": "x"}) for _ in range(2))
    part = world.blobs.upload(first.id).with_suffix(".part")
    part.touch()
    slugs.uploaded(world, first, part, "SHA256:0")
    with world.database.read() as tx:
        assert [slug.id for slug in stored_slugs.list_uploaded(tx)] == [first.id]
        assert stored_slugs.count_awaited(tx, first.app_id, first.created_at - slugs.LIFETIME) == 2
    slugs.packed(world, first.id, "SHA256:1", 1)
    with world.database.read() as tx:
        assert stored_slugs.list_uploaded(tx) == []
        assert stored_slugs.count_awaited(tx, second.app_id, first.created_at - slugs.LIFETIME) == 1


def test_a_purge_is_asked_for_until_it_is_done(world: Context, owner: Actor) -> None:
    app = builds.purge_cache(world, owner, "hello")
    assert [found.id for found in builds.caches_to_purge(world)] == [app.id]
    builds.cache_purged(world, app.id)
    assert builds.caches_to_purge(world) == []


def test_one_drain_of_a_url_for_each_app(world: Context, owner: Actor) -> None:
    apps.create(world, owner, name="second")
    url = "https://user:secret@logs.example.com/"
    _, drain = log_drains.add(world, owner, "hello", url)
    with pytest.raises(InvalidParams, match="of this URL already"):
        log_drains.add(world, owner, "hello", url)
    log_drains.add(world, owner, "second", url)
    assert log_drains.find(world, owner, "hello", url)[1] == drain
    assert "secret" not in repr(drain)
