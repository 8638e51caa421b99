"""Credentials of databases that are not alone: followers, forks, pairs, the shared cluster, backups."""

from collections.abc import Iterator

import psycopg
import pytest

from celadon.actions import postgres_databases as databases
from celadon.actions import transferring
from celadon.model.postgres_database import Origin
from celadon.model.transfer import TransferKind, TransferStatus
from celadon.postgres import changes as module
from celadon.postgres import provider
from celadon.postgres.transfers import Transfers
from tests.postgres import credentials_world
from tests.postgres.credentials_world import Killed, Shop, killed
from tests.postgres.failing import wait_for
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


def answers(shop: Shop, url: str) -> bool:
    try:
        shop.open(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_followers_apps_and_sessions_follow_its_leaders_rotation(shop: Shop) -> None:
    shop.create("reader", "readonly")
    with shop.another(follow=shop.url()) as follower:
        assert follower.changes.attempt(follower.addon_id)
        assert follower.states() == {"default": "active", "reader": "active"}
        for one in (shop, follower):
            assert one.attach("desk", f"DB_{one is shop}".upper(), "").status == 201
            assert one.attach("desk", f"READER_{one is shop}".upper(), "reader").status == 201
        names = ("DB_TRUE", "READER_TRUE", "DB_FALSE", "READER_FALSE")
        old, before = [shop.url("desk", name) for name in names], shop.release("desk")
        sessions = [shop.open(url) for url in old]
        assert shop.call("POST", "/credentials_rotation", {}).status == 200
        new = [shop.url("desk", name) for name in names]
        assert not set(new) & set(old)
        assert shop.release("desk") == before + 1
        # The follower repeats what its leader was told.
        wait_for("the follower has it", lambda: shop.changes.attempt(shop.addon_id) and answers(shop, new[3]))
        shop.changes.attempt(shop.addon_id)
        for session in sessions:
            with pytest.raises(psycopg.OperationalError):
                session.execute("select 1")
        assert [answers(shop, url) for url in (*old, *new)] == [False] * 4 + [True] * 4
        for method, path in (("POST", ""), ("POST", "default/credentials_rotation"), ("DELETE", "reader")):
            told = follower.call(method, path, {"name": "mine"})
            assert told.status == 409 and "its leader's" in told.json["message"]
        told = shop.call("DELETE", "reader")
        assert told.status == 422 and "detached from the app desk" in told.json["message"]


def test_a_follower_that_is_behind_is_rotated_away_only_when_forced(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop.another(follow=shop.url()) as follower:
        old = follower.url("shop", _name(follower))
        session = follower.open(old)
        with shop.place.clusters.connect(follower.engine) as connection:
            connection.execute("select pg_wal_replay_pause()")
        monkeypatch.setattr(shop.changes.followers, "lag", lambda _: None)
        told = shop.call("POST", "default/credentials_rotation", {})
        assert told.status == 409 and follower.name in told.json["message"]
        assert shop.states() == {"default": "active"}
        shop.rotate(forced=True)
        new = follower.url("shop", _name(follower))
        assert (answers(follower, old), answers(follower, new)) == (True, False)
        assert follower.changes.attempt(follower.addon_id)
        late = follower.open(old)
        with shop.place.clusters.connect(follower.engine) as connection:
            connection.execute("select pg_wal_replay_resume()")
        wait_for("it has caught up", lambda: answers(follower, new))
        assert follower.changes.attempt(follower.addon_id)
        for one in (session, late):
            with pytest.raises(psycopg.OperationalError):
                one.execute("select 1")
        monkeypatch.setattr(module, "_LOGIN", -module._LOGIN)
        with follower.open(new) as kept:
            assert follower.changes.attempt(follower.addon_id)
            kept.execute("select 1")
        assert follower.addon_id not in follower.waiting()


def _name(shop: Shop) -> str:
    """What it is attached as to the app that owns it."""
    (found,) = shop.world.get(f"/addons/{shop.name}/addon-attachments").json
    return str(found["name"])


@pytest.mark.parametrize("step", ["set_password", "finish"])
def test_a_follower_that_is_let_go_in_the_middle_of_a_rotation_has_credentials_that_work(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    shop.create("reader", "readonly")
    with shop.another(follow=shop.url()) as follower:
        assert follower.changes.attempt(follower.addon_id)
        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(module.tenants if step == "set_password" else module.credentials, step, killed)
            shop.call("POST", "/credentials_rotation", {})
        with monkeypatch.context() as patched:
            patched.setattr(module.credentials, "finish", lambda *_: None)
            shop.call("POST", body={"name": "unborn", "permission": "readwrite"})
        databases.unfollow(shop.place.context, follower.addon_id)
        assert shop.place.provider.finish_followers() == 1
        assert follower.successor().attempt(follower.addon_id)
        assert follower.states() == {"default": "active", "reader": "active"}
        with follower.login() as owner, follower.login("reader") as reader:
            owner.execute("create table alone as select 1 as n")
            assert reader.execute("select n from alone").fetchone() == (1,)
        with follower.superuser() as connection:
            assert connection.execute("select from pg_roles where rolname = 'unborn'").fetchall() == []
    assert shop.successor().attempt(shop.addon_id)


def test_a_fork_has_its_owner_alone_and_nothing_runs_as_that(shop: Shop) -> None:
    with shop.login() as owner:
        shop.create("writer", "readwrite")
        owner.execute("grant create on schema public to writer")
        with shop.login("writer") as writer:
            writer.execute("create table mine as select 7 as n")
            writer.execute("create function f() returns int security definer language sql as 'select 1'")
    with shop.another(fork=shop.url()) as fork:
        assert fork.known.database.origin is Origin.FORK
        assert fork.states() == {"default": "active"}
        with fork.login() as owner:
            assert owner.execute("select n from mine").fetchone() == (7,)
            owner.execute("drop table mine")
            assert owner.execute("select prosecdef from pg_proc where proname = 'f'").fetchone() == (False,)
        with fork.superuser() as connection:
            assert connection.execute("select from pg_roles where rolname = 'writer'").fetchall() == []


def test_a_backup_holds_what_others_have_made_and_a_restore_gives_them_their_rights_again(shop: Shop) -> None:
    context, transfers = shop.place.context, Transfers(shop.place.context, shop.place.pairs)
    with shop.login() as owner:
        shop.create("writer", "readwrite")
        shop.create("reader", "readonly")
        owner.execute("grant create on schema public to writer")
        with shop.login("writer") as writer:
            writer.execute("create table mine as select 7 as n")

    def run(kind: TransferKind, of: str | None = None) -> str:
        with context.database.transaction() as tx:
            ordered = transferring.insert(
                tx,
                app_id=shop.world.get("/apps/shop").json["id"],
                addon_id=shop.addon_id,
                kind=kind,
                from_name="DATABASE",
                scheduled=False,
                source_id=of,
                url=None,
            )
        transfers.run(ordered.id)
        found = transferring.find(context, ordered.id)
        assert found is not None and found.status is TransferStatus.SUCCEEDED, found
        return ordered.id

    backup = run(TransferKind.BACKUP)
    with shop.login("writer") as writer:
        writer.execute("drop table mine")
    run(TransferKind.RESTORE, backup)
    with shop.login("reader") as reader:
        assert reader.execute("select n from mine").fetchone() == (7,)
    with shop.login("writer") as writer:
        writer.execute("insert into mine values (8)")


def test_a_place_in_the_shared_cluster_rotates_its_one_credential(shop: Shop) -> None:
    with shop.another("mini") as small, shop.another("mini") as other:
        old, beside = small.url("shop", _name(small)), other.open(other.url("shop", _name(other)))
        session = small.open(old)
        session.execute("create table kept as select 42 as n")
        small.rotate()
        with pytest.raises(psycopg.OperationalError):
            session.execute("select 1")
        assert not answers(small, old)
        with small.open(small.url("shop", _name(small))) as connection:
            assert connection.execute("select n from kept").fetchone() == (42,)
        beside.execute("select 1")
        beside.close()
        told = small.call("POST", body={"name": "reader"})
        assert (told.status, told.json["message"]) == (
            422,
            "You can't create a custom credential on Essential-tier databases.",
        )
        assert small.call("POST", "/repair-default").status == 422


def test_a_database_with_a_standby_is_changed_at_its_primary(shop: Shop, place: Place) -> None:
    with shop.another("premium-0") as pair:
        name, old = _name(pair), pair.url("shop", _name(pair))
        pair.create("reader", "readonly")
        with pair.login() as owner, pair.login("reader") as reader:
            owner.execute("create table later as select 42 as n")
            assert reader.execute("select n from later").fetchone() == (42,)
            assert pair.call("POST", "/credentials_rotation", {}).status == 200
            for connection in (owner, reader):
                with pytest.raises(psycopg.OperationalError):
                    connection.execute("select 1")
        assert not answers(pair, old) and answers(pair, pair.url("shop", name))
        assert pair.call("DELETE", "reader").status == 200


def test_a_removed_database_leaves_no_credentials(shop: Shop) -> None:
    with shop.another() as other:
        other.create("reader", "readonly")
        assert isinstance(other.place.provider, provider.PostgresProvider)
    assert databases.find(shop.place.context, other.addon_id) is None
    assert module.credentials.known(shop.place.context, other.addon_id) == []
