"""Dataclips by the API: whose database a query is of, who may keep one, what is refused."""

import pytest
from tests.api.examples_accounts import grace
from tests.api.examples_dataclips import QUERY, add, attach, database
from tests.api.world import World

from celadon.actions import accounts, apps
from celadon.model import dataclip as rules
from celadon.store import addons

_PATH = "/apps/example/dataclips"


def _make(world: World, **body: object) -> tuple[int, object]:
    reply = world.call("POST", _PATH, {"query": QUERY, **body})
    return reply.status, reply.json["addon"]["name"] if reply.status == 201 else reply.json["message"]


@pytest.mark.parametrize("named", [None, "DATABASE", "database", "DATABASE_URL", "postgresql-clear-1"])
def test_a_query_is_of_the_database_that_is_named(world: World, named: str | None) -> None:
    database(world.context)
    assert _make(world, database=named) == (201, "postgresql-clear-1")


@pytest.mark.parametrize("named", ["NONE", "", "postgresql-clear-2", "x' or '1'='1"])
def test_a_database_that_is_not_of_the_app_is_not_found(world: World, named: str) -> None:
    apps.create(world.context, world.actor, name="other")
    database(world.context, "other", "postgresql-clear-2")
    status, message = _make(world, database=named)
    assert status == 404 and "Couldn't find that database: example has no" in str(message)


def test_a_database_of_another_service_is_none(world: World) -> None:
    addon_id = database(world.context)
    with world.context.database.transaction() as tx:
        found = addons.find_by_id(tx, addon_id)
        assert found is not None
        addons.update(tx, addon_id, now=found.updated_at, service="heroku-redis")
    assert _make(world)[0] == 404


def test_who_has_a_database_attached_asks_it_if_they_may_in_the_app_that_owns_it(world: World) -> None:
    """Grace's app has Ada's database attached: a credential of it may be all that was meant for her."""
    token = grace(world)
    actor = accounts.actor_of_token(world.context, token)
    theirs = apps.create(world.context, actor, name="graces")
    apps.create(world.context, world.actor, name="adas")
    addon_id = database(world.context, "adas", "postgresql-clear-3")
    with world.context.database.transaction() as tx:
        attach(tx, addon_id, theirs.id, "SHARED")
    body = {"query": QUERY, "database": "SHARED"}
    assert world.call("POST", "/apps/graces/dataclips", body, token=token).status == 404
    made = world.call("POST", "/apps/adas/dataclips", {"query": QUERY})
    assert made.status == 201
    assert world.get("/apps/graces/dataclips", token=token).json == []
    assert world.get(f"/apps/graces/dataclips/{made.json['id']}", token=token).status == 404
    # Ada operates the platform and sees both.
    assert [one["id"] for one in world.get("/apps/graces/dataclips").json] == [made.json["id"]]


def test_a_clip_of_another_app_is_not_found_by_its_id(world: World) -> None:
    apps.create(world.context, world.actor, name="other")
    name = add(world)
    for method, ending in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/actions/share")):
        assert world.call(method, f"/apps/other/dataclips/{name}{ending}", {"title": "x"}).status == 404
    assert world.get(f"{_PATH}/{name}").status == 200


@pytest.mark.parametrize(
    "wrong",
    [{"query": " \n"}, {"query": None}, {"query": "x" * 70_000}, {"query": "select '\0'"}, {"title": "t" * 201}],
)
def test_what_cannot_be_kept_is_refused(world: World, wrong: dict[str, object]) -> None:
    database(world.context)
    status, message = _make(world, **wrong)
    assert status in (400, 422) and "cannot" in str(message)


def test_a_change_is_a_version_and_no_change_is_none(world: World) -> None:
    path = f"{_PATH}/{add(world)}"
    assert world.call("PATCH", path, {"title": "People"}).json["version"] == 1
    assert world.call("PATCH", path, {"title": " All\n people "}).json["title"] == "All people"
    changed = world.call("PATCH", path, {"query": "select 2"}).json
    assert (changed["version"], changed["title"], changed["query"]) == (3, "All people", "select 2")
    found = world.get(f"{path}/versions").json
    assert [(one["version"], one["title"]) for one in found] == [(1, "People"), (2, "All people"), (3, "All people")]


def test_a_link_stays_until_it_is_revoked(world: World) -> None:
    path = f"{_PATH}/{add(world)}"
    assert world.get(path).json["url"] is None
    shared, again = (world.call("POST", f"{path}/actions/share").json["url"] for _ in range(2))
    assert shared == again == world.get(path).json["url"]
    revoked = world.call("POST", f"{path}/actions/revoke").json
    assert revoked["url"] is None and revoked["revoked_at"]
    assert world.call("POST", f"{path}/actions/share").json["url"] != shared


def test_only_so_many_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST", 2)
    statuses = [_make(world)[0] for _ in range(3) if database(world.context)]
    assert statuses == [201, 201, 422]
