"""Dataclips in the store, on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest
from tests.api import examples_dataclips

from celadon.actions import accounts, apps, context, dataclips
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.dataclip import Result
from celadon.model.errors import NotFound
from celadon.platform.settings import Settings
from celadon.store import addons, tables
from celadon.store import dataclips as stored
from celadon.store.database import Database


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Context:
    return context.Context(database, Settings(home=tmp_path))


@pytest.fixture
def owner(world: Context) -> Actor:
    actor = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    apps.create(world, actor, name="example")
    examples_dataclips.database(world)
    return actor


def test_a_clip_is_kept_changed_shared_and_gone(world: Context, owner: Actor) -> None:
    made = dataclips.create(world, owner, "example", query="select 1").dataclip
    assert dataclips.find(world, owner, "example", made.id).dataclip == made
    link = dataclips.share(world, owner, "example", made.id).dataclip.link
    assert link is not None and dataclips.find_shared(world, link).id == made.id
    changed = dataclips.update(world, owner, "example", made.id, query="select 2").dataclip
    assert dataclips.find_shared(world, link) == changed
    dataclips.remove(world, owner, "example", made.id)
    with pytest.raises(NotFound):
        dataclips.find_shared(world, link)


def test_the_last_result_of_the_present_version_is_kept(world: Context, owner: Actor) -> None:
    made = dataclips.create(world, owner, "example", query="select 1").dataclip

    def keep(version: int, content: str) -> None:
        dataclips.keep_result(world, Result(dataclip_id=made.id, version=version, content=content, ran_at=now()))

    keep(1, "one")
    keep(1, "two")
    found = dataclips.result(world, made)
    assert found is not None and found.content == "two"
    changed = dataclips.update(world, owner, "example", made.id, query="select 2").dataclip
    assert dataclips.result(world, changed) is None
    # A run of what it was before ends late.
    keep(1, "late")
    assert dataclips.result(world, changed) is None
    dataclips.remove(world, owner, "example", made.id)
    keep(2, "of what is gone")


def test_clips_go_with_their_database(world: Context, owner: Actor) -> None:
    made = dataclips.create(world, owner, "example", query="select 1").dataclip
    with world.database.transaction() as tx:
        tx.connection.execute(tables.addons.delete())
        assert stored.find(tx, made.id) is None and stored.versions(tx, made.id) == []
        assert addons.find_by_id(tx, made.addon_id) is None
