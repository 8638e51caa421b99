"""Settings of a server of one's own: checked, in force at once, and still so after a restart, in each kind of server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from celadon.actions import postgres_settings
from celadon.postgres import routes
from celadon.postgres.databases import Databases
from celadon.postgres.settings import Settings
from tests.api.world import World
from tests.postgres.owned import Owned, owned, soon, world_of
from tests.postgres.place import Place


@pytest.fixture(scope="module")
def settings_of(place: Place) -> Settings:
    return Settings(place.context, place.pairs)


@pytest.fixture(scope="module")
def world(place: Place, settings_of: Settings) -> World:
    databases = routes.of_databases(Databases(place.context, place.pairs, lambda _: None))
    return world_of(place, (*routes.of_settings(settings_of), *databases))


@pytest.fixture(scope="module")
def made(world: World, place: Place) -> Iterator[Owned]:
    with owned(world, place, "standard-0", "shop") as found:
        yield found


def change(made: Owned, **values: object) -> Any:
    return made.world.call("PATCH", f"{made.path}/config", values)


def in_force(made: Owned, name: str) -> str:
    """What the server says to a session that begins now."""
    with made.connect() as connection:
        (found,) = connection.execute("select current_setting(%s)", [name]).fetchone() or ()
    return str(found)


def everything(directory: Path) -> str:
    return "".join(path.read_text() for path in directory.iterdir())


def test_what_is_set_is_answered_and_soon_in_force(made: Owned) -> None:
    told = change(made, log_statement="ddl", log_min_duration_statement=250).json
    assert (told["log_statement"]["value"], told["log_min_duration_statement"]["value"]) == ("ddl", 250)
    assert told["log_statement"]["values"]["ddl"].startswith("All data definition")
    soon(lambda: in_force(made, "log_statement") == "ddl")
    assert in_force(made, "log_min_duration_statement") == "250ms"
    # One change keeps what another one said.
    assert change(made, log_lock_waits=False).json["log_statement"]["value"] == "ddl"
    assert made.world.get(f"{made.path}/config").json["log_lock_waits"]["value"] is False


def test_plans_are_logged_by_sessions_that_begin_then(made: Owned) -> None:
    assert change(made, **{"auto_explain": True, "auto_explain.log_format": "json"}).status == 200
    soon(lambda: loaded(made))
    assert in_force(made, "auto_explain.log_format") == "json"


def loaded(made: Owned) -> bool:
    with made.connect() as connection:
        found = connection.execute("select from pg_settings where name = 'auto_explain.log_format'").fetchall()
    return found != []


def test_settings_are_in_force_after_a_restart(made: Owned) -> None:
    change(made, track_functions="pl")
    engine = made.found.engine
    made.place.clusters.engines.runtime.remove(engine.name)
    assert made.place.manager.ensure() == 1
    assert in_force(made, "track_functions") == "pl"


def test_what_a_killed_role_has_not_told_its_server_the_next_one_does(made: Owned) -> None:
    postgres_settings.change(made.place.context, made.addon.id, {"track_functions": "all"})
    next_one = Settings(made.place.context, made.place.pairs)
    assert next_one.ensure() >= 1
    soon(lambda: in_force(made, "track_functions") == "all")
    assert next_one.ensure() == 0


@pytest.mark.parametrize(
    "values",
    [{}, {"log_statement": "x"}, {"log_connections": "on"}, {"ssl": False}, {"log_statement": "none'\nssl=off"}],
)
def test_anything_else_is_refused_and_changes_nothing(made: Owned, values: dict[str, object]) -> None:
    before = made.found.database.settings
    assert change(made, **values).status == 422
    assert made.found.database.settings == before


def test_who_may_only_read_sees_them_and_sets_none(made: Owned) -> None:
    token = made.world.new_token("read")
    assert made.world.get(f"{made.path}/config", token=token).status == 200
    assert made.world.call("PATCH", f"{made.path}/config", {"log_statement": "all"}, token=token).status == 403


def test_a_follower_has_its_own_and_keeps_them_when_it_is_let_go(made: Owned, world: World, place: Place) -> None:
    assert made.provided.config is not None
    leader = made.provided.config["HEROKU_POSTGRESQL_URL"]
    assert change(made, log_statement="ddl").status == 200
    with owned(world, place, "standard-0", "shop", follow=leader) as follower:
        assert change(follower, log_statement="mod").status == 200
        soon(lambda: in_force(follower, "log_statement") == "mod")
        soon(lambda: in_force(made, "log_statement") == "ddl")
        assert world.call("PUT", f"/client/v11/databases/{follower.addon.id}/unfollow", {}).status == 200
        assert place.provider.finish_followers() == 1
        assert in_force(follower, "log_statement") == "mod"


def test_a_shared_server_has_none_of_ones_own(world: World, place: Place) -> None:
    with owned(world, place, "mini", "small") as small:
        for told in (change(small, log_statement="all"), world.get(f"{small.path}/config")):
            assert told.status == 422 and "standard-0" in told.json["message"]
        assert in_force(small, "log_statement") == "none"


def test_what_the_platform_does_is_not_in_the_log(made: Owned) -> None:
    """A rotation's statement has the new password, hashed, in it."""
    change(made, log_statement="all", log_min_duration_statement=0)
    soon(lambda: in_force(made, "log_statement") == "all")
    with made.place.clusters.connect(made.found.engine) as connection:
        connection.execute("create role logged login password 'SCRAM-SHA-256$a secret'")
    log = made.place.clusters.engines.directory(made.found.engine) / "log"
    with made.connect() as connection:
        connection.execute("select 'the app itself'")
    soon(lambda: "the app itself" in everything(log))
    assert "a secret" not in everything(log)


def test_both_nodes_of_a_pair_have_them(world: World, place: Place, settings_of: Settings) -> None:
    with owned(world, place, "premium-0", "pair") as pair:
        assert change(pair, log_statement="ddl").status == 200
        soon(lambda: in_force(pair, "log_statement") == "ddl")
        for served in postgres_settings.served(place.context):
            if served.database and served.database.addon_id == pair.addon.id:
                text = place.clusters.engines.directory(served.engine) / "conf/postgresql.conf"
                assert served.engine.pair is not None
                if text.exists():
                    assert "log_statement = 'ddl'" in text.read_text()
