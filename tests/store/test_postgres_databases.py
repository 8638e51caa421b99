"""Which databases and caches the add-ons role finds at its looks, and what of theirs goes with time."""

import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from celadon.actions import caches, postgres_credentials, postgres_limits, transferring
from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context, now
from celadon.actions.postgres_databases import Names, Source
from celadon.model.engine import EngineKind, EngineState
from celadon.model.postgres_database import CredentialState, Origin, Step
from celadon.platform.settings import Settings
from celadon.store import authorizations, engines, postgres_databases, transfers
from celadon.store.database import Database


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Context:
    return Context(database, Settings(home=tmp_path))


def test_what_is_looked_for_is_found(world: Context) -> None:
    context = world

    def make(plan: str, source: Source | None = None) -> str:
        addon_id = str(uuid.uuid4())
        names = Names(name=f"d{addon_id[:8]}", role=f"u{addon_id[:8]}", password="p")
        place = databases.reserve(context, addon_id, plan, "17", names, source)
        databases.step(context, addon_id, Step.AVAILABLE)
        with context.database.transaction() as tx:
            engines.update(tx, place.engine.id, now=place.database.created_at, state=EngineState.RUNNING)
        return addon_id

    mini, own, pair = make("mini"), make("standard-0"), make("premium-0")
    follower = make("standard-0", Source(origin=Origin.FOLLOW, addon_id=own))
    engine_of = {one.database.addon_id: one.engine.id for one in databases.own_servers(context)}
    assert set(engine_of) == {own, pair, follower}
    assert [one.id for one in databases.archived(context)] == [engine_of[own], engine_of[pair]]
    assert [one.database.addon_id for one in postgres_limits.limited(context)] == [mini, own, pair]
    assert [one.database.addon_id for one in databases.following(context)] == [follower]
    assert [one.database.addon_id for one in databases.followers(context, own)] == [follower]
    assert databases.unfinished(context) == []
    databases.unfollow(context, follower)
    assert [one.database.addon_id for one in databases.unfinished(context)] == [follower]
    databases.step(context, follower, Step.AVAILABLE)
    assert databases.unfinished(context) == []
    place = databases.remove(context, own)
    assert place is not None
    assert [one.database.addon_id for one in databases.unfinished(context)] == [follower]
    databases.removed(context, place)
    assert [one.database.addon_id for one in databases.unfinished(context)] == [follower]
    assert [one.id for one in databases.archived(context)] == [engine_of[pair]]


def test_caches_come_with_their_engines(world: Context) -> None:
    made = [caches.reserve(world, str(uuid.uuid4()), EngineKind.REDIS, "mini", "8.0.2") for _ in range(2)]
    assert [(one.cache, one.engine) for one in caches.list_all(world)] == [(one.cache, one.engine) for one in made]


def test_credentials_with_work_are_those_of_databases_that_are_available(world: Context) -> None:
    ids = [str(uuid.uuid4()) for _ in range(3)]
    for addon_id, step in zip(ids, (Step.AVAILABLE, Step.PREPARING, Step.AVAILABLE), strict=True):
        databases.reserve(world, addon_id, "mini", "17", Names(name=addon_id, role=addon_id, password="p"))
        databases.step(world, addon_id, step)
    with world.database.transaction() as tx:
        for addon_id in ids[:2]:
            postgres_databases.update_credential(tx, addon_id, "default", state=CredentialState.ROTATING)
    assert postgres_credentials.unsettled(world) == [ids[0]]


def test_nothing_due_and_nothing_old_is_nothing(world: Context) -> None:
    """On each of the two stores: what they say of it is in tests of its own."""
    assert transferring.begin_scheduled(world) == 0
    assert transferring.begin(world, str(uuid.uuid4())) is None
    with world.database.transaction() as tx:
        transfers.prune(tx, now() - timedelta(days=1))
        authorizations.prune_of_partners(tx)
        authorizations.delete_of_partner(tx, "a")
