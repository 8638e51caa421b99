"""Dataclips of a database that the platform has made: read by the clusters' own socket, as a role that is gone with it."""

import json
import uuid

import psycopg
import pytest

from celadon.actions import context as contexts
from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.addons.locks import Locks
from celadon.addons.provider import Wanted
from celadon.model.errors import Conflict
from celadon.platform.settings import Settings
from celadon.postgres import clips
from celadon.postgres.clip_places import ClusterPlaces
from celadon.postgres.cluster import Clusters
from celadon.postgres.pairs import Pairs
from celadon.postgres.provider import PostgresProvider
from tests import stores


@pytest.fixture(scope="module")
def context(settings: Settings) -> Context:
    stores.make(settings)
    return contexts.connect(settings)


@pytest.fixture(scope="module")
def provider(context: Context, clusters: Clusters) -> PostgresProvider:
    return PostgresProvider(context, Pairs(context, clusters, Locks()))


@pytest.mark.parametrize("plan", ["mini", "standard-0", "premium-0"])
def test_a_clip_reads_a_database_of_a_plan_and_changes_nothing(provider: PostgresProvider, plan: str) -> None:
    addon_id = str(uuid.uuid4())
    wanted = Wanted(addon_id=addon_id, name="postgresql-clear-1", plan=plan, region="us", app_id="app", app_name="shop")
    places = ClusterPlaces(provider.context, provider.pairs)
    with pytest.raises(Conflict):
        places.of(addon_id)
    made = provider.provision(wanted)
    assert made.config is not None
    url = made.config["HEROKU_POSTGRESQL_URL"]
    with psycopg.connect(f"{url}?sslmode=require", autocommit=True) as own:
        own.execute("create table people as select 1 as id")
        own.execute(
            "create function evil() returns int language plpgsql security definer as "
            "$$ begin delete from people; return 1; end $$"
        )
        place = places.of(addon_id)
        own.execute("create schema more; create table more.later as select 2 as id")
        outcome = clips.run(place, "select id from people union select id from more.later order by 1")
        assert outcome.failure is None and json.loads(bytes(outcome.rows)) == [[1], [2]]
        for attack in (
            "select 1; commit; begin read write; select evil(); commit",
            "select evil()",
            "set role postgres",
        ):
            assert clips.run(place, attack).failure is not None
        assert own.execute("select count(*) from people").fetchone() == (1,)
    found = databases.find(provider.context, addon_id)
    assert found is not None
    provider.deprovision(addon_id, made.provider_id)
    if found.engine.shared:
        with provider.clusters.connect(found.engine) as connection:
            assert connection.execute("select from pg_roles where rolname = %s", (place.role,)).fetchone() is None
