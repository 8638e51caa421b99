"""Credentials of a real server: what each may do, what a hostile one tries, what rotating and destroying leave."""

import contextlib
import select
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import pq

from celadon.actions import accounts, authorizations
from celadon.actions import postgres_credentials as credentials
from celadon.model.postgres_database import CredentialState
from celadon.postgres import changes as module
from tests.api.world import PASSWORD
from tests.postgres import credentials_world
from tests.postgres.credentials_world import Shop
from tests.postgres.place import Place


@pytest.fixture(scope="module")
def standing(place: Place) -> Iterator[Shop]:
    with credentials_world.opened(place, "standard-0") as found:
        yield found


@pytest.fixture
def shop(standing: Shop) -> Iterator[Shop]:
    yield standing
    standing.clear()
    assert standing.states() == {"default": "active"}


@contextlib.contextmanager
def refused(connection: psycopg.Connection, statement: str) -> Iterator[None]:
    try:
        connection.execute(statement)
    except psycopg.Error:
        yield
    else:
        raise AssertionError(f"it was allowed: {statement}")


def may(connection: psycopg.Connection, statement: str) -> bool:
    try:
        connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def test_what_each_permission_allows_on_what_is_there_and_on_what_comes(shop: Shop) -> None:
    with shop.login() as owner:
        owner.execute("create table before (n serial)")
        owner.execute("create schema inner_one")
        owner.execute("create table inner_one.before (n int)")
        for name, permission in (("reader", "readonly"), ("writer", "readwrite"), ("nobody", None)):
            shop.create(name, permission)
        owner.execute("create table later (n serial)")
        owner.execute("create view seen as select n from later")
        owner.execute("create schema next_one")
        owner.execute("create table next_one.later (n int)")
        tables = ("before", "inner_one.before", "later", "next_one.later")
        for name, reads, writes in (("reader", True, False), ("writer", True, True), ("nobody", False, False)):
            with shop.login(name) as connection:
                for table in tables:
                    assert may(connection, f"select n from {table}") is reads, (name, table)
                    for statement in (
                        f"insert into {table} values (1)",
                        f"update {table} set n = 2",
                        f"delete from {table}",
                    ):
                        assert may(connection, statement) is writes, (name, statement)
                assert may(connection, "select n from seen") is reads
                assert may(connection, "select nextval('before_n_seq')") is writes
                assert not may(connection, "truncate before")
        # Its name is the role's, for who grants by hand.
        owner.execute("grant select on before to nobody")
        with shop.login("nobody") as connection:
            assert may(connection, "select n from before")


@pytest.mark.parametrize(
    "attack",
    [
        "create table public.mine ()",
        "create temporary table mine ()",
        "create schema mine",
        "create view public.mine as select 1",
        "create function public.mine() returns int language sql as 'select 1'",
        "select n into mine from kept",
        "copy kept from program 'echo 1'",
        "drop table kept",
        "alter table kept add column m int",
        "alter table kept disable row level security",
        "create trigger t before insert on kept for each row execute function suppress_redundant_updates_trigger()",
        "create index on kept (n)",
        "create rule r as on insert to kept do also notify x",
        "comment on table kept is 'x'",
        "lock table kept in exclusive mode",
        "set role {owner}",
        "set session authorization {owner}",
        "set role {marker}; create table public.mine ()",
        "grant {owner} to reader",
        "grant {owner} to {marker}",
        "grant reader to {clips}",
        "alter role {owner} password 'mine'",
        "alter role reader createrole",
        "alter role reader connection limit -1",
        "alter role reader set temp_file_limit = -1",
        "alter default privileges for role {owner} grant all on tables to reader",
        "alter database {marker} connection limit -1",
        "create role another",
        "create extension citext",
        "select lo_from_bytea(0, 'x')",
        "select pg_terminate_backend({pid})",
        "select rolpassword from pg_authid",
        "select pg_stat_statements_reset()",
        "select setval('kept_n_seq', 7)",
        "reassign owned by {owner} to reader",
        "drop owned by {owner}",
        "set session authorization postgres",
    ],
)
def test_a_hostile_reader_changes_nothing_and_becomes_nobody(shop: Shop, attack: str) -> None:
    database = shop.known.database
    with shop.login() as owner:
        owner.execute("create table kept (n serial)")
        shop.create("reader", "readonly")
        words = {
            "owner": database.role,
            "marker": database.name,
            "clips": f"c{database.name[1:]}",
            "pid": owner.info.backend_pid,
        }
        with shop.login("reader") as connection, refused(connection, attack.format(**words)):
            pass
        owner.execute("select n from kept")


def test_a_reader_reaches_no_other_database_of_the_server(shop: Shop) -> None:
    shop.create("reader", "readonly")
    told = shop.call("GET", "reader").json
    (active,) = told["credentials"]
    for name in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
            shop.open(f"postgres://{active['user']}:{active['password']}@{told['host']}:{told['port']}/{name}")


def test_an_app_gets_the_config_vars_of_the_credential_it_is_attached_with(shop: Shop) -> None:
    assert shop.attach("desk", "READER", "reader").status == 422
    shop.create("reader", "readonly")
    before = shop.release("desk")
    assert shop.attach("desk", "READER", "reader").status == 201
    assert shop.release("desk") == before + 1
    with shop.open(shop.url("desk", "READER")) as connection:
        assert connection.execute("select current_user").fetchone() == ("reader",)
    (shown,) = [one for one in shop.call("GET").json if one["name"] == "reader"]
    assert (shown["state"], shown["permission"]) == ("active", "readonly")


def test_a_rotation_keeps_all_rows_cuts_old_sessions_and_tells_every_app_once(shop: Shop) -> None:
    shop.create("reader", "readonly")
    for app, name, credential in (("desk", "DB", ""), ("desk", "SAME", ""), ("desk", "READER", "reader")):
        assert shop.attach(app, name, credential).status == 201
    before = {app: shop.release(app) for app in ("shop", "desk")}
    old, kept = shop.url(), shop.url("desk", "READER")
    session, reader = shop.open(old), shop.login("reader")
    session.execute("create table kept as select 42 as n")
    shop.rotate()
    with pytest.raises(psycopg.OperationalError):
        session.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        shop.open(old)
    assert shop.url() == shop.url("desk", "DB") == shop.url("desk", "SAME") != old
    with shop.open(shop.url()) as connection:
        assert connection.execute("select n from kept").fetchone() == (42,)
    assert shop.url("desk", "READER") == kept
    reader.execute("select n from kept")
    assert {app: shop.release(app) for app in before} == {app: version + 1 for app, version in before.items()}
    newest = shop.world.get("/apps/desk/releases", headers={"range": "version ..; order=desc, max=1"}).json[0]
    assert newest["description"] == "Update DB, SAME by heroku-postgresql"
    reader.close()


def test_all_credentials_are_rotated_with_one_release_for_each_app(shop: Shop) -> None:
    shop.create("reader", "readonly")
    shop.create("writer", "readwrite")
    for name, credential in (("DB", ""), ("READER", "reader"), ("WRITER", "writer")):
        assert shop.attach("desk", name, credential).status == 201
    before = shop.release("desk"), [shop.url("desk", name) for name in ("DB", "READER", "WRITER")]
    assert shop.call("POST", "/credentials_rotation", {"forced": True}).status == 200
    assert shop.release("desk") == before[0] + 1
    after = [shop.url("desk", name) for name in ("DB", "READER", "WRITER")]
    assert not set(after) & set(before[1])
    for url in after:
        with shop.open(url) as connection:
            connection.execute("select 1")


def test_a_login_that_began_with_the_old_password_is_cut_off_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has looked the old password up, and the client answers when the new one is there."""
    words = f"{shop.url()}?sslmode=require&connect_timeout=5"
    late = pq.PGconn.connect_start(words.encode())
    while late.status != pq.ConnStatus.AWAITING_RESPONSE:
        _wait(late, late.connect_poll())
    # The challenge is there: it was made of the old password.
    assert select.select([late.socket], [], [], 10)[0]
    shop.rotate()
    while (state := late.connect_poll()) not in (pq.PollingStatus.OK, pq.PollingStatus.FAILED):
        _wait(late, state)
    assert late.status == pq.ConnStatus.OK, late.error_message
    with shop.login() as newer:
        assert shop.changes.attempt(shop.addon_id)
        assert late.exec_(b"select 1").status == pq.ExecStatus.FATAL_ERROR
        assert shop.waiting() == [shop.addon_id]
        monkeypatch.setattr(module, "_LOGIN", -module._LOGIN)
        assert shop.changes.attempt(shop.addon_id)
        assert shop.waiting() == []
        newer.execute("select 1")
    late.finish()


def _wait(connection: pq.PGconn, state: int) -> None:
    reading = [connection.socket] if state == pq.PollingStatus.READING else []
    writing = [connection.socket] if state == pq.PollingStatus.WRITING else []
    assert any(select.select(reading, writing, [], 10)), "the server does not answer"


def test_one_that_is_attached_is_not_destroyed_and_who_has_it_is_told(shop: Shop) -> None:
    shop.create("reader", "readonly")
    for app, name in (("desk", "READER"), ("shop", "MINE"), ("shop", "MINE_TOO")):
        assert shop.attach(app, name, "reader").status == 201
    told = shop.call("DELETE", "reader")
    assert (told.status, told.json["message"]) == (
        422,
        "Credential reader must be detached from the apps desk, shop before destroying.",
    )
    assert shop.states()["reader"] == "active"
    shop.detach("shop", "MINE")
    shop.detach("shop", "MINE_TOO")
    assert shop.call("DELETE", "reader").json["message"] == (
        "Credential reader must be detached from the app desk before destroying."
    )
    session = shop.open(shop.url("desk", "READER"))
    shop.detach("desk", "READER")
    assert shop.call("DELETE", "reader").status == 200
    with pytest.raises(psycopg.OperationalError):
        session.execute("select 1")
    assert shop.call("GET", "reader").status == 404


def test_what_a_destroyed_one_owned_is_the_owners_and_gains_nothing_by_that(shop: Shop) -> None:
    with shop.login() as owner:
        owner.execute("create table secrets as select 42 as n")
        shop.create("writer", "none")
        shop.create("mate", "none")
        owner.execute("grant create on schema public to writer")
        with shop.login("writer") as writer:
            writer.execute("create table mine as select 7 as n")
            writer.execute("create table fed (n int)")
            writer.execute(
                "create function trap() returns int security definer language sql stable begin atomic select 1; end"
            )
            writer.execute(
                "create function later() returns int security definer language plpgsql as "
                "$$ begin return (select n from public.secrets); end $$"
            )
            writer.execute("create view seen as select n from mine")
            writer.execute("create rule leak as on insert to fed do also delete from mine")
            writer.execute("grant all on mine, fed, seen to public")
        with shop.login("mate") as mate:
            assert not may(mate, "select public.later()")
            assert shop.call("DELETE", "writer").status == 200
            assert not may(mate, "select public.later()")
            assert may(mate, "insert into fed values (1)")
        assert owner.execute("select n from mine").fetchone() == (7,)
        owner.execute("drop table mine cascade")
        owner.execute("drop function trap, later")
        left = owner.execute("select from pg_class where relowner not in ('postgres'::regrole, current_user::regrole)")
        assert left.fetchall() == []


def test_the_owner_saves_and_drops_what_others_have_made_and_repairs_the_rest(shop: Shop) -> None:
    with shop.login() as owner:
        shop.create("writer", "readwrite")
        owner.execute("grant create on schema public to writer")
        with shop.login("writer") as writer:
            writer.execute("create table mine as select 7 as n")
        assert owner.execute("select n from mine").fetchone() == (7,)
        assert shop.call("POST", "/repair-default").status == 200
        found = owner.execute("select relowner::regrole::text from pg_class where relname = 'mine'").fetchone()
        assert found == (shop.known.database.role,)
        with shop.login("writer") as writer:
            writer.execute("insert into mine values (8)")
            assert not may(writer, "drop table mine")


def test_a_reset_leaves_the_credentials_with_their_rights_and_nothing_else(shop: Shop) -> None:
    shop.create("reader", "readonly")
    with shop.login() as owner:
        owner.execute("create schema hers authorization reader")
        owner.execute("create table hers.gone ()")
        assert shop.world.call("PUT", f"/client/v11/databases/{shop.name}/reset", {}).status == 200
    with shop.login() as owner, shop.login("reader") as reader:
        assert owner.execute("select from pg_namespace where nspname = 'hers'").fetchall() == []
        owner.execute("create table again as select 1 as n")
        assert reader.execute("select n from again").fetchone() == (1,)
        assert not may(reader, "delete from again")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("default", "reserved"),
        ("postgres", "reserved"),
        ("replicator", "reserved"),
        ("pg_monitor", "reserved"),
        ("celadon_clips", "reserved"),
        ("{marker}", "reserved"),
        ("{owner}", "reserved"),
        ("{clips}", "reserved"),
        ("Upper", "begins with a letter"),
        ("9lives", "begins with a letter"),
        ('x"; drop role postgres; --', "begins with a letter"),
        ("x\n", "begins with a letter"),
        ("x" * 51, "begins with a letter"),
        ("", "name"),
        (None, "name"),
        (7, "name"),
    ],
)
def test_what_is_no_name_is_refused(shop: Shop, name: object, why: str) -> None:
    database = shop.known.database
    if isinstance(name, str):
        name = name.format(marker=database.name, owner=database.role, clips=f"c{database.name[1:]}")
    told = shop.call("POST", body={"name": name})
    assert told.status in (400, 422) and why in told.json["message"], told.content


def test_what_cannot_be_is_refused(shop: Shop) -> None:
    shop.create("reader", "readonly")
    again = shop.call("POST", body={"name": "reader"})
    assert again.status == 422 and "one of that name" in again.json["message"]
    for word in ("owner", "superuser", "", "READONLY"):
        assert shop.call("POST", body={"name": "other", "permission": word}).status == 422
    assert shop.call("DELETE", "default").json["message"] == "Default credential cannot be destroyed."
    for method, path in (("GET", "none"), ("DELETE", "none"), ("POST", "none/credentials_rotation")):
        assert shop.call(method, path).status == 404
    assert shop.call("POST", "default/credentials_rotation", {"forced": "yes"}).status in (400, 422)


def test_there_are_no_more_than_so_many(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials.rules, "MOST", 3)
    shop.create("one")
    shop.create("two")
    told = shop.call("POST", body={"name": "three"})
    assert told.status == 422 and "at most 3" in told.json["message"]


def test_who_may_only_read_sees_no_password_and_changes_nothing_and_strangers_find_nothing(shop: Shop) -> None:
    shop.create("reader", "readonly")
    context = shop.world.context
    accounts.create(context, shop.world.actor, email="grace@example.com", password=PASSWORD)
    _, stranger = authorizations.create(context, accounts.log_in(context, "grace@example.com", PASSWORD))
    reading = shop.world.new_token("read")
    asked = [
        ("GET", "", None),
        ("GET", "reader", None),
        ("POST", "", {"name": "mine"}),
        ("DELETE", "reader", None),
        ("POST", "reader/credentials_rotation", {}),
        ("POST", "/credentials_rotation", {}),
        ("POST", "/repair-default", None),
    ]
    for method, path, body in asked:
        assert shop.call(method, path, body, token=reading).status == 403, (method, path)
        assert shop.call(method, path, body, token=stranger).status == 404, (method, path)
    assert shop.states() == {"default": "active", "reader": "active"}


def test_one_that_is_being_changed_is_not_changed_otherwise(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.create("reader", "readonly")
    with monkeypatch.context() as patched:
        patched.setattr(shop.changes, "apply", lambda _: None)
        shop.call("POST", "reader/credentials_rotation", {})
        (pending,) = [one.pending for one in credentials.known(shop.place.context, shop.addon_id) if one.pending]
        assert shop.states()["reader"] == CredentialState.ROTATING
        shop.call("POST", "reader/credentials_rotation", {})
        assert [one.pending for one in credentials.known(shop.place.context, shop.addon_id)] == [None, pending]
        told = shop.call("DELETE", "reader")
        assert told.status == 409 and "being rotated" in told.json["message"]
    assert shop.changes.attempt(shop.addon_id)
    assert shop.states()["reader"] == "active"
