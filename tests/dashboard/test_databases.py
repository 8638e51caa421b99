"""Pages of databases: what they say to whom, and what they ask of the data API, without a server."""

from datetime import timedelta

import pytest
from tests.api.world import World
from tests.dashboard.server import Server, database, follower, redis, serve
from tests.dashboard.test_addons import as_grace, made, post
from tests.dashboard.test_apps import page
from tests.dashboard.test_logging_in import OWN, ask

from celadon.actions import addons, apps, provisioning, transferring
from celadon.actions.context import now
from celadon.model.errors import Conflict, InvalidParams
from celadon.model.transfer import TransferStatus
from celadon.store import postgres_databases, transfers

ONE = "/dashboard/databases/orders"
TABS = ("", "/now", "/credentials", "/statistics", "/diagnosis", "/backups", "/copies", "/settings")


@pytest.fixture
def server(world: World) -> Server:
    return serve(world)


def test_the_list_has_what_the_store_knows(world: World, server: Server) -> None:
    assert "No databases yet" in page(world, "/dashboard/databases")
    addon_id = database(world)
    redis(world)
    made(world, "memcachier:dev", name="other")
    made(world, "heroku-postgresql:mini", name="small")
    with world.context.database.transaction() as tx:
        postgres_databases.update(tx, addon_id, now=now(), bytes_used=5 << 20, measured_at=now(), blocked=True)
    text = page(world, "/dashboard/databases")
    assert 'href="/dashboard/databases/orders"' in text and "5.0 MB of 64 GB" in text and "over its limit" in text
    assert 'href="/dashboard/databases/cache"' in text and "Memory: 50 MB" in text
    assert "10,000" in text and "/dashboard/databases/other" not in text
    assert "small" not in page(world, "/dashboard/databases?q=standard")


def test_each_tab_is_there_and_hides_what_is_secret(world: World, server: Server) -> None:
    follower(world, database(world))
    for path in (ONE, "/dashboard/databases/reader"):
        for tab in TABS:
            assert "hidden-word" not in page(world, f"{path}{tab}")
    assert "reader" in page(world, ONE) and "Follows" in page(world, "/dashboard/databases/reader")
    assert "3/120" in page(world, f"{ONE}/now")


def test_a_password_is_shown_when_it_is_asked_for(world: World, server: Server) -> None:
    database(world)
    text = page(world, f"{ONE}/credentials?show=default")
    assert "postgres://u1:hidden-word@localhost:25001/d1" in text
    assert '"dbname=d1 host=localhost port=25001 user=u1 password=hidden-word sslmode=require"' in text
    assert "hidden-word" not in page(world, f"{ONE}/credentials?show=other")
    redis(world)
    assert "rediss://" not in page(world, "/dashboard/databases/cache/credentials")
    assert "rediss://:hidden@" in page(world, "/dashboard/databases/cache/credentials?show=default")


@pytest.mark.parametrize(
    ("tab", "form", "asked"),
    [
        ("credentials", {"step": "create", "name": "reader", "permission": "readonly"}, ("POST /postgres/v0/databases/ID/credentials", {"name": "reader", "permission": "readonly"})),
        ("credentials", {"step": "create", "name": "bare", "permission": ""}, ("POST /postgres/v0/databases/ID/credentials", {"name": "bare"})),
        ("credentials", {"step": "rotate", "credential": "default"}, ("POST /postgres/v0/databases/ID/credentials/default/credentials_rotation", {"forced": False})),
        ("credentials", {"step": "rotate-all", "forced": "yes"}, ("POST /postgres/v0/databases/ID/credentials_rotation", {"forced": True})),
        ("credentials", {"step": "destroy", "credential": "a/b", "confirm": "a/b"}, ("DELETE /postgres/v0/databases/ID/credentials/a/b", {})),
        ("credentials", {"step": "repair"}, ("POST /postgres/v0/databases/ID/repair-default", {})),
        ("statistics", {"step": "cancel", "pid": "17"}, ("POST /postgres/v0/databases/ID/connections/17/actions/end", {"force": False})),
        ("statistics", {"step": "end", "pid": "../x"}, ("POST /postgres/v0/databases/ID/connections/0/actions/end", {"force": True})),
        ("statistics", {"step": "end-all", "confirm": "orders"}, ("POST /client/v11/databases/ID/connection_reset", {})),
        ("statistics", {"step": "reset"}, ("POST /postgres/v0/databases/ID/statistics/actions/reset", {})),
        ("diagnosis", {"step": "diagnose"}, ("POST /reports", {"addon": "ID"})),
        ("copies", {"step": "unfollow", "confirm": "orders"}, ("PUT /client/v11/databases/ID/unfollow", {})),
        ("settings", {"step": "window", "day": "Sunday", "time": "03:00"}, ("POST /data/maintenances/v1/ID/window", {"day_of_week": "Sunday", "time_of_day": "03:00"})),
        ("settings", {"step": "maintain", "confirm": "orders"}, ("POST /data/maintenances/v1/ID/run", {})),
        ("settings", {"step": "upgrade-dry_run", "version": "18"}, ("POST /client/v11/databases/ID/upgrade/dry_run", {"version": "18"})),
        ("settings", {"step": "upgrade-prepare"}, ("POST /client/v11/databases/ID/upgrade/prepare", {})),
        ("settings", {"step": "upgrade-run", "confirm": "orders"}, ("POST /client/v11/databases/ID/upgrade/run", {})),
        ("settings", {"step": "upgrade-cancel"}, ("POST /client/v11/databases/ID/upgrade/cancel", {})),
        ("settings", {"step": "reset", "confirm": "RESET"}, ("PUT /client/v11/databases/ID/reset", {})),
    ],
)  # fmt: skip
def test_each_form_asks_the_data_api_once(
    world: World, server: Server, tab: str, form: dict[str, str], asked: tuple[str, dict[str, object]]
) -> None:
    addon_id = database(world)
    answered = post(world, f"{ONE}/{tab}", form)
    assert answered.status == 303, answered.content.decode()
    named = [
        (verb.replace(addon_id, "ID"), {k: "ID" if v == addon_id else v for k, v in body.items()})
        for verb, body in server.changed
    ]
    assert named == [asked]


@pytest.mark.parametrize(
    ("tab", "form"),
    [
        ("credentials", {"step": "destroy", "credential": "reader"}),
        ("statistics", {"step": "end-all", "confirm": "order"}),
        ("copies", {"step": "unfollow"}),
        ("settings", {"step": "maintain"}),
        ("settings", {"step": "upgrade-run", "confirm": "no"}),
        ("settings", {"step": "reset", "confirm": "reset"}),
        ("settings", {"step": "destroy", "confirm": "orders"}),
        ("backups", {"step": "restore", "from": "b001", "confirm": "x"}),
    ],
)
def test_what_cannot_be_undone_wants_a_word_typed(world: World, server: Server, tab: str, form: dict[str, str]) -> None:
    database(world)
    refused = post(world, f"{ONE}/{tab}", form)
    assert refused.status == 422 and b"to confirm it" in refused.content and not server.changed


def test_what_the_data_api_refuses_is_told_at_the_form(world: World, server: Server) -> None:
    addon_id = database(world)
    path = "/postgres/v0/databases/:database"
    server.refused[f"POST {path}/credentials"] = InvalidParams("cannot create credential 'X': a name begins")
    refused = post(world, f"{ONE}/credentials", {"step": "create", "name": "X"})
    assert refused.status == 422 and b"a name begins" in refused.content and b'value="X"' in refused.content
    server.refused[f"GET {path}/statistics/:statistic"] = Conflict("cannot look at the database: try again later")
    assert "try again later" in page(world, f"{ONE}/statistics?statistic=bloat")
    assert post(world, f"{ONE}/settings", {"step": "explode"}).status == 404
    assert addon_id


def test_settings_that_changed_are_sent(world: World, server: Server) -> None:
    database(world)
    form = {"step": "settings", "log_lock_waits": "yes", "log_statement": "ddl", "log_min_duration_statement": "500"}
    assert post(world, f"{ONE}/settings", form).status == 303
    assert server.changed[0][1] == {"log_statement": "ddl", "log_min_duration_statement": 500}
    wrong = post(world, f"{ONE}/settings", {**form, "log_min_duration_statement": "soon"})
    assert wrong.status == 422 and b"whole number" in wrong.content
    redis(world)
    form = {"step": "settings", "timeout": "0", "maxmemory_policy": "allkeys-lru"}
    assert post(world, "/dashboard/databases/cache/settings", form).status == 303
    assert server.changed[-1][1] == {"timeout": 0, "maxmemory_policy": "allkeys-lru"}


def test_a_database_is_promoted_and_destroyed(world: World, server: Server) -> None:
    database(world, name="first")
    database(world)
    refused = post(world, f"{ONE}/settings", {"step": "promote", "app": "nobody"})
    assert refused.status == 422 and b"choose an app" in refused.content
    assert post(world, f"{ONE}/settings", {"step": "promote", "app": "example"}).status == 303
    assert "DATABASE_URL" in addons.find(world.context, world.actor, "orders").config_vars
    assert addons.find(world.context, world.actor, "first").config_vars
    assert post(world, f"{ONE}/settings", {"step": "destroy", "confirm": "DESTROY"}).status == 303
    assert "destroying" in page(world, "/dashboard/addons")


def test_copies_are_addons_made_from_it(world: World, server: Server) -> None:
    addon_id = database(world)
    with world.context.database.transaction() as tx:
        postgres_databases.update(tx, addon_id, now=now(), created_at=now() - timedelta(hours=2))
    assert 'type="datetime-local"' in page(world, f"{ONE}/copies")
    form = {"app": "example", "plan": "standard-2", "as": "old", "step": "rollback", "to": "2026-11-28T20:00:00"}
    copied = post(world, f"{ONE}/copies", form)
    assert copied.status == 303 and copied.headers["location"].startswith("/dashboard/addons/postgresql-")
    made_id = addons.find(world.context, world.actor, copied.headers["location"].rpartition("/")[2]).addon.id
    assert provisioning.options(world.context, made_id) == {"rollback": addon_id, "to": "2026-11-28 20:00:00+00"}
    refused = post(world, f"{ONE}/copies", {"app": "example", "plan": "huge", "step": "fork"})
    assert refused.status == 422 and b"huge" in refused.content
    database(world, "mini", "small")
    assert "shares its server" in page(world, "/dashboard/databases/small/copies")


def test_backups_are_taken_read_scheduled_and_restored(world: World, server: Server) -> None:
    addon_id = database(world)
    path = f"{ONE}/backups"
    assert post(world, path, {"step": "capture", "expire": "yes"}).status == 303
    assert "b001" in page(world, path) and "Cancel" in page(world, f"{path}?transfer=b001")
    assert post(world, path, {"step": "download", "transfer": "b001"}).status == 409
    with world.context.database.transaction() as tx:
        (found,) = transfers.list_of_addon(tx, addon_id)
        transfers.update(tx, found.id, now=now(), status=TransferStatus.SUCCEEDED, processed_bytes=3 << 20)
    read = post(world, path, {"step": "download", "transfer": "b001"})
    assert read.status == 303 and read.headers["location"].startswith("/postgres-backups/")
    assert "3.0 MB" in page(world, path)
    assert post(world, path, {"step": "schedule", "hour": "04:00", "timezone": "Europe/Berlin"}).status == 303
    assert "At 04:00 Europe/Berlin" in page(world, path)
    wrong = post(world, path, {"step": "schedule", "hour": "04:00", "timezone": "Nowhere/At"})
    assert wrong.status == 422 and b"Nowhere/At" in wrong.content
    assert post(world, path, {"step": "unschedule"}).status == 303
    both = {"step": "restore", "from": "b001", "url": "https://example.com/x", "confirm": "orders"}
    assert post(world, path, both).status == 422
    assert post(world, path, {"step": "restore", "from": "b001", "confirm": "orders"}).status == 303
    assert "Restore of b001" in page(world, path)
    assert post(world, path, {"step": "delete", "transfer": "b001", "confirm": "b001"}).status == 409
    assert post(world, path, {"step": "cancel", "transfer": "r002"}).status == 303
    assert post(world, path, {"step": "delete", "transfer": "b001", "confirm": "b001"}).status == 303
    assert transferring.find(world.context, found.id)
    for transfer in ("b009", "", "x" * 500):
        assert post(world, path, {"step": "cancel", "transfer": transfer}).status == 404


def test_a_report_is_shown_with_its_colours(world: World, server: Server) -> None:
    database(world)
    answered = post(world, f"{ONE}/diagnosis", {"step": "diagnose"})
    text = page(world, answered.headers["location"])
    assert "Long Queries" in text and "badge bad" in text and "not supported on this plan" in text
    assert "Diagnose" in page(world, f"{ONE}/diagnosis?report=../x")


def test_who_may_only_look_sees_no_more_than_that(world: World, server: Server) -> None:
    """By an attachment: the app that owns it is somebody else's."""
    apps.create(world.context, world.actor, name="second")
    database(world, app="second")
    post(world, "/dashboard/addons/orders", {"step": "attach", "app": "example", "as": "shared"})
    grace = as_grace(world)
    shown = ask(world, "GET", ONE, **grace)
    text = shown.content.decode()
    assert shown.status == 200 and "data-changes" not in text and "/credentials" not in text
    for tab in TABS[2:]:
        assert ask(world, "GET", f"{ONE}{tab}", **grace).status == 403, tab
    for tab, form in (("settings", {"step": "destroy", "confirm": "DESTROY"}), ("backups", {"step": "capture"})):
        assert ask(world, "POST", f"{ONE}/{tab}", form, **grace).status in (403, 404)


def test_what_is_none_is_not_there(world: World, server: Server) -> None:
    made(world, "memcachier:dev", name="other")
    for name in ("nobody", "other"):
        for tab in TABS:
            reply = ask(world, "GET", f"/dashboard/databases/{name}{tab}", **as_grace(world))
            assert reply.status == 404, (name, tab)
    made(world, name="soon")
    assert "available" not in page(world, "/dashboard/databases/soon")
    assert ask(world, "GET", "/dashboard/databases/soon/backups", **as_grace(world)).status == 404
    assert (
        ask(world, "POST", "/dashboard/databases/soon/settings", {"step": "reset"}, **{**as_grace(world), **OWN}).status
        == 404
    )
