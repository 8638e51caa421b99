"""The data API of databases, asked as Heroku's client asks, over real clusters: two plans, and people who may less."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from celadon.actions import accounts, addons, apps, authorizations, provisioning
from celadon.actions import postgres_databases as databases
from celadon.actions import postgres_limits as limits
from celadon.addons.provider import Provided, Wanted
from celadon.api.application import Api
from celadon.model.addon import AddOn
from celadon.model.postgres_database import SIZES, Step
from celadon.model.postgres_limits import Access, Usage
from celadon.postgres import routes
from celadon.postgres.changes import Changes
from celadon.postgres.credentials import Credentials
from celadon.postgres.databases import Databases
from tests.api.world import EMAIL, PASSWORD, World, basic
from tests.postgres.failing import wait_until_left
from tests.postgres.place import Place


@dataclass(frozen=True)
class Made:
    world: World
    place: Place
    addon: AddOn
    provided: Provided
    forgotten: list[str]

    def connect(self) -> psycopg.Connection:
        return self.place.connect(self.provided)

    @property
    def path(self) -> str:
        return f"/client/v11/databases/{self.addon.id}"

    @property
    def credentials(self) -> str:
        return f"/postgres/v0/databases/{self.addon.name}/credentials"


@pytest.fixture(scope="module", params=["mini", "standard-0"])
def made(request: pytest.FixtureRequest, place: Place) -> Iterator[Made]:
    context, plan = place.context, request.param
    accounts.create_operator(context.database, email=EMAIL, password=PASSWORD)
    actor = accounts.log_in(context, EMAIL, PASSWORD)
    _, token = authorizations.create(context, actor)
    forgotten: list[str] = []
    asked = Databases(context, place.pairs, forgotten.append)
    changes = Changes(context, place.pairs)
    table = (*routes.of_databases(asked), *routes.of_credentials(Credentials(asked, changes)))
    world = World(context=context, api=Api(context, table), actor=actor, token=token)
    apps.create(context, actor, name=f"shop-{plan}")
    addon = addons.create(context, actor, f"shop-{plan}", plan=f"heroku-postgresql:{plan}").addon
    order = Wanted(addon_id=addon.id, name=addon.name, plan=plan, region="us", app_id=addon.app_id, app_name="shop")
    provided = place.provider.provision(order)
    provisioning.provisioned(context, addon.id, provider_id=provided.provider_id, config=provided.config)
    yield Made(world=world, place=place, addon=addon, provided=provided, forgotten=forgotten)
    place.provider.deprovision(addon.id, None)


def test_its_information_is_what_the_client_prints(made: Made) -> None:
    with made.connect() as connection:
        connection.execute("create table if not exists counted ()")
        told = made.world.get(made.path).json
    rows = {row["name"]: row["values"][0] for row in told["info"]}
    assert rows["Status"] == "Available"
    assert rows["Tables"] == "1" and rows["Connections"].startswith("1/") and rows["PG Version"] == "17"
    assert rows["Data Size"].endswith(" GB (In compliance)")
    assert rows.get("Rows") == ("0/10,000 (In compliance)" if made.addon.plan == "mini" else None)
    assert made.provided.config == {"HEROKU_POSTGRESQL_URL": told["resource_url"]}


def test_its_information_says_when_it_is_at_a_limit(made: Made) -> None:
    context, size = made.place.context, SIZES[made.addon.plan]
    place = databases.find(context, made.addon.id)
    assert place is not None
    cases = (
        (Usage(octets=size.storage, rows=size.rows or 0), Access.REVOKED, "Write access revoked"),
        (Usage(octets=size.storage * 19 // 20, rows=9_999), Access.FULL, "Near limit"),
        (Usage(octets=1, rows=0), Access.FULL, "In compliance"),
    )
    for usage, access, standing in cases:
        limits.measured(context, place.database, usage, access)
        rows = {row["name"]: row["values"][0] for row in made.world.get(made.path).json["info"]}
        assert rows["Data Size"].endswith(f"GB ({standing})")
        if size.rows:
            assert rows["Rows"] == f"{usage.rows:,}/10,000 ({standing})"


def test_its_information_says_when_no_more_connections_are_to_be_had(made: Made) -> None:
    if made.addon.plan != "mini":
        pytest.skip("one plan is enough")
    found = databases.find(made.place.context, made.addon.id)
    assert found is not None
    wait_until_left(made.place.clusters, found.engine, found.database.name)
    with contextlib.ExitStack() as stack:
        for _ in range(SIZES["mini"].connections):
            stack.enter_context(made.connect())
        rows = {row["name"]: row["values"][0] for row in made.world.get(made.path).json["info"]}
    assert rows["Connections"] == "20/20 (At limit)"


def test_the_credential_opens_the_database_by_basic_authentication_too(made: Made) -> None:
    headers = {"authorization": basic("", made.world.token)}
    told = made.world.get(f"{made.credentials}/default", headers=headers, token=None).json
    (active,) = told["credentials"]
    words = {"host": told["host"], "port": told["port"], "dbname": told["database"], "sslmode": "require"}
    with psycopg.connect(user=active["user"], password=active["password"], **words) as connection:
        connection.execute("select 1")
    assert [one["name"] for one in made.world.get(made.credentials).json] == ["default"]
    assert made.world.get(f"{made.credentials}/other").status == 404


def test_a_database_that_is_being_made_is_waited_for(made: Made) -> None:
    path = f"{made.path}/wait_status"
    assert made.world.get(path).json == {"message": "available", "waiting?": False}
    databases.step(made.place.context, made.addon.id, Step.PREPARING)
    assert made.world.get(path).json == {"message": "preparing", "waiting?": True}
    assert made.world.call("PUT", f"{made.path}/reset", {}).status == 409
    databases.step(made.place.context, made.addon.id, Step.AVAILABLE)


def test_connections_of_users_are_ended_and_new_ones_come_in(made: Made) -> None:
    with made.connect() as old:
        assert made.world.call("POST", f"{made.path}/connection_reset").status == 200
        with pytest.raises(psycopg.OperationalError):
            old.execute("select 1")
    with made.connect() as connection:
        connection.execute("select 1")


def test_a_reset_leaves_nothing_but_the_extensions_asked_for(made: Made) -> None:
    with made.connect() as connection:
        connection.execute("create schema mine")
        connection.execute("create table mine.gone as select 1 as n")
        connection.execute("create table public.gone as select 1 as n")
        assert made.world.call("PUT", f"{made.path}/reset", {"extensions": ["citext"]}).status == 200
    assert made.forgotten == [made.addon.id]
    with made.connect() as connection:
        left = connection.execute("select from pg_tables where tablename = 'gone'").fetchall()
        left += connection.execute("select from pg_namespace where nspname = 'mine'").fetchall()
        assert left == []
        connection.execute("create table again (name citext)")
        connection.execute("create schema another")
        connection.execute("drop extension citext cascade")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select lo_create(0)")


@pytest.mark.parametrize("name", ["dblink", "file_fdw", "nothing", 'x"; drop schema public; --'])
def test_a_reset_makes_no_extension_that_reaches_beyond_and_keeps_all_then(made: Made, name: str) -> None:
    with made.connect() as connection:
        connection.execute("create table if not exists kept ()")
    assert made.world.call("PUT", f"{made.path}/reset", {"extensions": [name]}).status == 422
    with made.connect() as connection:
        connection.execute("select from kept")


def test_who_is_not_on_the_app_finds_no_database(made: Made) -> None:
    if made.addon.plan != "mini":
        pytest.skip("one account is enough")
    context = made.place.context
    accounts.create(context, made.world.actor, email="grace@example.com", password=PASSWORD)
    _, token = authorizations.create(context, accounts.log_in(context, "grace@example.com", PASSWORD))
    for path in (made.path, f"{made.path}/wait_status", made.credentials, f"{made.credentials}/default"):
        assert made.world.get(path, token=token).status == 404
    for method, verb in (("PUT", "reset"), ("POST", "connection_reset")):
        assert made.world.call(method, f"{made.path}/{verb}", {}, token=token).status == 404


def test_a_token_that_may_only_read_sees_no_password_and_changes_nothing(made: Made) -> None:
    token = made.world.new_token("read")
    assert made.world.get(made.path, token=token).json["resource_url"] is None
    assert made.world.get(made.credentials, token=token).status == 403
    for method, verb in (("PUT", "reset"), ("POST", "connection_reset")):
        assert made.world.call(method, f"{made.path}/{verb}", {}, token=token).status == 403


def info(made: Made, path: str) -> dict[str, list[str]]:
    return {row["name"]: row["values"] for row in made.world.get(path).json["info"]}


def test_a_follower_names_its_leader_until_it_is_let_go(made: Made) -> None:
    if made.addon.plan == "mini":
        pytest.skip("a shared database cannot be followed")
    assert made.world.get(made.path).json["following"] is None
    refused = made.world.call("PUT", f"{made.path}/unfollow", {})
    assert refused.status == 409 and "follows none" in refused.json["message"]
    context, place = made.place.context, made.place
    addon = addons.create(context, made.world.actor, "shop-standard-0", plan="heroku-postgresql:standard-0").addon
    assert made.provided.config is not None
    order = Wanted(
        addon_id=addon.id,
        name=addon.name,
        plan="standard-0",
        region="us",
        app_id=addon.app_id,
        app_name="shop",
        options={"follow": made.provided.config["HEROKU_POSTGRESQL_URL"]},
    )
    provided = place.provider.provision(order)
    provisioning.provisioned(context, addon.id, provider_id=provided.provider_id, config=provided.config)
    try:
        path = f"/client/v11/databases/{addon.id}"
        leader = databases.find(context, made.addon.id)
        assert leader is not None
        following = made.world.get(path).json["following"]
        assert following == f"postgres://{place.settings.gateway}:{leader.engine.port}/{leader.database.name}"
        mine = databases.find(context, addon.id)
        assert mine is not None
        rows = info(made, path)
        assert rows["Following"] == [following] and rows["Behind By"][0].endswith(" seconds")
        assert int(rows["Behind By"][0].split(" ")[0].replace(",", "")) < 1 << 24
        assert info(made, made.path)["Followers"] == [following.replace(str(leader.engine.port), str(mine.engine.port))]
        assert made.world.call("PUT", f"{path}/unfollow", {}).status == 200
        assert made.world.get(f"{path}/wait_status").json == {"message": "unfollowing", "waiting?": True}
        assert place.provider.finish_followers() == 1
        told = made.world.get(path).json
        assert (told["following"], told["forked_from"], told["status"]) == (None, following, "available")
    finally:
        place.provider.deprovision(addon.id, None)
