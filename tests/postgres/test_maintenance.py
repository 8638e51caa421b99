"""Restarts: when they wait, when they come, that nothing is restarted twice; each kind of server."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import psycopg
import pytest

from celadon.actions import postgres_settings
from celadon.actions.context import now
from celadon.model.engine import Engine
from celadon.postgres import maintenance_routes, routes
from celadon.postgres.databases import Databases
from celadon.postgres.maintenance import Maintenance, reasons_of
from celadon.postgres.maintenance_routes import Windows
from tests.api.world import World
from tests.postgres.owned import Owned, hold_back, owned, soon, world_of
from tests.postgres.place import Place

_WEEK = 7 * 24 * 60


@pytest.fixture(scope="module")
def maintenance(place: Place) -> Maintenance:
    return Maintenance(place.context, place.pairs)


@pytest.fixture(scope="module")
def world(place: Place) -> World:
    databases = routes.of_databases(Databases(place.context, place.pairs, lambda _: None))
    return world_of(place, (*maintenance_routes.routes(Windows(place.clusters)), *databases))


@pytest.fixture(scope="module")
def made(world: World, place: Place) -> Iterator[Owned]:
    with owned(world, place, "standard-0", "shop") as found:
        close(found)
        yield found


def path(made: Owned) -> str:
    return f"/data/maintenances/v1/{made.addon.id}"


def close(made: Owned) -> None:
    """Its window is two days from now."""
    at = now() + timedelta(days=2)
    postgres_settings.set_window(made.place.context, made.addon.id, (at.weekday() * 1440 + at.hour * 60) % _WEEK)


def open_(made: Owned) -> None:
    """Its window has been open for an hour at least."""
    at = now() - timedelta(hours=1)
    postgres_settings.set_window(made.place.context, made.addon.id, (at.weekday() * 1440 + at.hour * 60) % _WEEK)


def read_again(place: Place, engine: Engine) -> None:
    """Have it read its files, and wait until it has."""
    with place.clusters.connect(engine) as connection:
        (loaded,) = connection.execute("select pg_conf_load_time() from pg_reload_conf()").fetchone() or ()

    def newer() -> bool:
        with place.clusters.connect(engine) as connection:
            return connection.execute("select pg_conf_load_time() > %s", [loaded]).fetchone() == (True,)

    soon(newer)


def began(place: Place, engine: Engine) -> datetime:
    with place.clusters.connect(engine) as connection:
        (found,) = connection.execute("select pg_postmaster_start_time()").fetchone() or ()
    assert isinstance(found, datetime)
    return found


def test_nothing_waits_and_nothing_is_done(made: Owned, maintenance: Maintenance) -> None:
    read_again(made.place, made.found.engine)
    told = made.world.get(path(made)).json
    assert (told["status"], told["reason"], told["scheduled_for"]) == ("none", None, None)
    assert told["addon"]["name"] == made.addon.name and told["app"]["name"] == "shop"
    refused = made.world.call("POST", f"{path(made)}/run", {})
    assert refused.status == 409 and "none is pending" in refused.json["message"]
    open_(made)
    before = began(made.place, made.found.engine)
    assert Maintenance(made.place.context, made.place.pairs).ensure() == 0
    assert began(made.place, made.found.engine) == before
    close(made)


def test_what_waits_is_told_and_brought_when_asked_for(made: Owned, maintenance: Maintenance) -> None:
    engine = made.found.engine
    hold_back(made.place.clusters, engine)
    told = made.world.get(path(made)).json
    assert (told["status"], told["reason"]) == ("pending", "the setting max_prepared_transactions")
    assert now() < datetime.fromisoformat(told["scheduled_for"]) < now() + timedelta(days=3)
    rows = made.world.get(f"/client/v11/databases/{made.addon.id}").json["info"]
    assert {"name": "Maintenance", "values": ["required"]} in rows
    (listed,) = made.world.get("/data/maintenances/v1/apps/shop").json["maintenances"]
    assert listed == told
    assert maintenance.ensure() == 0
    assert made.world.call("POST", f"{path(made)}/run", {}).status == 202
    assert made.world.get(path(made)).json["status"] == "running"
    assert maintenance.ensure() == 1
    after = began(made.place, engine)
    assert maintenance.ensure() == 0 and began(made.place, engine) == after
    told = made.world.get(path(made)).json
    assert (told["status"], told["reason"]) == ("completed", None) and told["completed_at"]
    with made.connect() as connection:
        connection.execute("select 1")


def test_who_was_killed_in_between_restarts_nothing_twice(made: Owned) -> None:
    postgres_settings.ask_for_maintenance(made.place.context, made.addon.id)
    first, second = (Maintenance(made.place.context, made.place.pairs) for _ in "ab")
    assert first.ensure() == 1
    # It was killed before it said so.
    after = began(made.place, made.found.engine)
    assert second.ensure() == 0 and began(made.place, made.found.engine) == after
    assert made.found.database.maintenance_asked_at is None


def test_its_window_brings_it_once(made: Owned) -> None:
    place, engine = made.place, made.found.engine
    hold_back(place.clusters, engine)
    closed = Maintenance(place.context, place.pairs)
    assert closed.ensure() == 0 and made.found.database.maintenance_asked_at is None
    # It began within the window, so it is not its turn; a window that opens now is.
    open_(made)
    assert Maintenance(place.context, place.pairs).ensure() == 0
    assert made.found.database.maintenance_asked_at is None
    opened = Maintenance(place.context, place.pairs)
    opened._open_windows(postgres_settings.served(place.context), now() + timedelta(weeks=1))
    assert made.found.database.maintenance_asked_at is not None
    assert opened.ensure() == 1 and reasons_of(place.clusters, engine) == []
    opened.ensure()
    close(made)


def test_a_window_is_set_and_told_in_the_ways_of_all_clients(made: Owned) -> None:
    try:
        answer = made.world.call("POST", f"{path(made)}/window", {"day_of_week": "sunday", "time_of_day": "1:30PM"})
        assert answer.json == {"window": "Sundays 13:30 to 17:30 UTC"}
        assert made.world.get(f"{path(made)}/window").json == answer.json
        old = f"/client/v11/databases/{made.addon.id}/maintenance"
        assert made.world.call("PUT", f"{old}_window", {"description": "Friday 22:00"}).status == 200
        assert "Fridays 22:00 to Saturdays 02:00 UTC" in made.world.get(old).json["message"]
        for body in ({}, {"day_of_week": "sunday"}, {"day_of_week": "sunday", "time_of_day": "13:17"}):
            assert made.world.call("POST", f"{path(made)}/window", body).status == 422
        assert made.world.call("PUT", f"{old}_window", {"description": "whenever"}).status == 422
    finally:
        close(made)


def test_who_may_only_read_sees_it_and_does_nothing(made: Owned) -> None:
    token = made.world.new_token("read")
    assert made.world.get(path(made), token=token).status == 200
    body = {"day_of_week": "sunday", "time_of_day": "13:30"}
    assert made.world.call("POST", f"{path(made)}/window", body, token=token).status == 403
    assert made.world.call("POST", f"{path(made)}/run", {}, token=token).status == 403


def test_a_shared_server_is_the_platforms_to_restart(world: World, place: Place, maintenance: Maintenance) -> None:
    with owned(world, place, "mini", "small") as small:
        for method, end, body in (
            ("POST", "run", {}),
            ("POST", "window", {"day_of_week": "sunday", "time_of_day": "13:30"}),
        ):
            told = world.call(method, f"{path(small)}/{end}", body)
            assert told.status == 422 and "Sundays 03:00 to 07:00 UTC" in told.json["message"]
        hold_back(place.clusters, small.found.engine)
        assert world.get(path(small)).json["status"] == "pending"
        sunday = now() + timedelta(days=7 - now().weekday() + 6)
        at = sunday.replace(hour=4, minute=0)
        maintenance._open_windows(postgres_settings.served(place.context), at)
        assert reasons_of(place.clusters, small.found.engine) == []
        with small.connect() as connection:
            connection.execute("select 1")


def test_of_a_pair_the_standby_goes_first_and_writes_go_on(
    world: World, place: Place, maintenance: Maintenance
) -> None:
    with owned(world, place, "premium-0", "pair") as pair:
        first = pair.found.engine

        def stands_by() -> bool:
            # Again and again, as the role: a primary that is slow to say that it is one gets no standby at that look.
            place.manager.ensure()
            return maintenance.pairs.available(first)

        soon(stands_by, 180)
        nodes = [one.engine for one in postgres_settings.served(place.context) if one.engine.pair == first.id]
        asked = postgres_settings.ask_for_maintenance(place.context, pair.addon.id)
        with pair.connect() as connection:
            connection.execute("create table kept as select 1 as n")
        order: list[str] = []
        primary = maintenance.pairs.primary(first).id

        def step() -> bool:
            place.manager.ensure()
            place.manager.publish()
            order.extend(node.id for node in nodes if node.id not in order and restarted(place, node, asked))
            maintenance.ensure()
            return pair.found.database.maintenance_asked_at is None

        soon(step, 300)
        assert order[0] != primary
        # Who was the primary may begin once more, to follow the other one.
        soon(stands_by, 180)
        assert all(began(place, node) > asked for node in nodes)
        soon(lambda: writes(pair), 180)
        for node in nodes:
            read_again(place, node)
            assert reasons_of(place.clusters, node) == []


def restarted(place: Place, node: Engine, asked: datetime) -> bool:
    try:
        return began(place, node) > asked
    except psycopg.OperationalError:
        return False


def writes(pair: Owned) -> bool:
    # Its standby may have become the primary after the last look.
    pair.place.manager.publish()
    try:
        with pair.connect() as connection:
            connection.execute("insert into kept values (2)")
    except psycopg.Error:
        return False
    return True
