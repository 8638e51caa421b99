"""Databases and their plans: who is told, what a larger plan changes, copies of a database that takes no rows."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from celadon.actions import postgres_limits as stored
from celadon.actions import transferring
from celadon.addons.provider import ProviderRefused
from celadon.model import postgres_limits as rules
from celadon.model.postgres_database import MB, SIZES
from celadon.model.postgres_limits import Access
from celadon.model.transfer import Transfer, TransferKind, TransferStatus
from celadon.postgres import limits
from celadon.postgres.limits import Limits
from celadon.postgres.transfers import Transfers
from tests.postgres import limited
from tests.postgres.failing import wait_for, wait_until_left
from tests.postgres.limited import Made, Refused, made
from tests.postgres.place import Place


@pytest.fixture(scope="module")
def full(place: Place) -> Iterator[Made]:
    with limited.filled(place) as found:
        yield found


def test_its_owner_is_told_once_at_each_step_and_pg_info_says_it(place: Place) -> None:
    with made(place) as found:
        found.execute("create table t (id int)")
        said = []
        for rows in (7_000, 600, 1_500, 1_000):
            found.execute(f"insert into t select generate_series(1, {rows})")
            before = found.known.database.rows_used
            wait_for(
                "they are counted", lambda b=before, r=rows: found.look() and found.known.database.rows_used == b + r
            )
            said.append(len(found.letters()))
        assert said == [0, 1, 2, 3] and found.known.database.blocked
        for _ in range(3):
            found.look()
        assert len(found.letters()) == 3
        assert [line.split("] ")[1].split(",")[0] for line in found.lines()] == [
            "The database is at 75 % of the limit of its plan",
            "The database is at 90 % of the limit of its plan",
            "Write access revoked: the database is over the limit of its plan",
        ]
        assert "10,100 of 10,000 rows" in found.lines()[-1]
        found.execute("delete from t where id > 10")
        found.wait(Access.FULL)
        assert found.lines()[-1].split("] ")[1].startswith("Write access is back, mini: ")
        assert len(found.letters()) == 3 and found.known.database.told == 0


def test_a_larger_plan_lifts_the_limit_and_a_smaller_one_is_refused(place: Place) -> None:
    with made(place) as found:
        found.execute("create table t (id int)", "insert into t select generate_series(1, 10000)")
        found.wait(Access.REVOKED)
        moved = place.provider.change_plan(found.addon.id, found.addon.id, "basic")
        assert moved == found.provided and found.known.database.measured_at is None
        assert found.keeper.ensure() == 1 and found.state is Access.FULL
        found.execute("insert into t values (1)")
        with pytest.raises(ProviderRefused, match=r"it has 10,00\d of 10,000 rows"):
            wait_for(
                "it is refused", lambda: found.look() and place.provider.change_plan(found.addon.id, "", "mini") is None
            )
        with pytest.raises(ProviderRefused, match="pg:copy this one into it"):
            place.provider.change_plan(found.addon.id, "", "standard-0")


def move(target: Made, kind: TransferKind, *, source: str) -> Transfer:
    """Carry out a transfer to its end."""
    context = target.place.context
    with context.database.transaction() as tx:
        words = {"app_id": target.addon.app_id, "addon_id": target.addon.id, "kind": kind, "source_id": source or None}
        made = transferring.insert(tx, from_name="ROSE", to_name="BLUE", **words)  # type: ignore[arg-type]
    Transfers(context, target.place.pairs).run(made.id)
    found = transferring.find(context, made.id)
    assert found is not None
    return found


def test_a_backup_of_it_is_whole_and_free_elsewhere_and_nothing_is_restored_into_it(place: Place) -> None:
    with made(place) as found, made(place, "basic") as larger:
        found.execute("create table t (id int)", "insert into t select generate_series(1, 10000)")
        found.wait(Access.REVOKED)
        backup = move(found, TransferKind.BACKUP, source="")
        assert backup.status is TransferStatus.SUCCEEDED, backup.error
        refused = move(found, TransferKind.RESTORE, source=backup.id)
        assert refused.status is TransferStatus.FAILED and "over the limits of its plan" in (refused.error or "")
        for kind, source in ((TransferKind.RESTORE, backup.id), (TransferKind.COPY, found.addon.id)):
            moved = move(larger, kind, source=source)
            assert (moved.status, moved.warnings) == (TransferStatus.SUCCEEDED, 0), moved.error
            assert larger.state is Access.FULL
            larger.execute("insert into t values (1)", "create table new ()", "drop table new")
            with larger.superuser() as connection:
                assert connection.execute("select from pg_event_trigger").fetchall() == []


def test_the_limit_of_octets_holds_for_a_shared_database_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "basic", replace(SIZES["basic"], storage=20 * MB))  # type: ignore[arg-type]
    with made(place, "basic") as found:
        found.execute("create table t (v text)", "alter table t alter column v set storage external")
        found.execute("insert into t select repeat('x', 1000000) from generate_series(1, 13)")
        assert found.look() is Access.REVOKED
        found.execute("truncate t")
        assert found.look() is Access.FULL
        found.execute("insert into t select repeat('x', 1000000) from generate_series(1, 20)")
        assert found.look() is Access.SEALED


def test_a_server_of_its_own_is_limited_by_all_its_files_and_a_fork_is_not_blocked(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with made(place, "standard-0") as found:
        found.look()
        taken = found.known.database.bytes_used
        assert taken > 30 * MB
        small = replace(SIZES["standard-0"], storage=taken + 40 * MB)
        monkeypatch.setitem(SIZES, "standard-0", small)  # type: ignore[arg-type]
        found.execute("create table t (v text)", "alter table t alter column v set storage external")
        assert found.look() is Access.FULL
        found.execute("insert into t select repeat('x', 1000000) from generate_series(1, 50)")
        assert found.look() is not Access.FULL and found.known.database.bytes_used > small.storage
        with found.connect() as connection, pytest.raises(Refused):
            connection.execute("insert into t values ('x')")
        monkeypatch.setitem(SIZES, "standard-0", replace(small, storage=small.storage * 100))  # type: ignore[arg-type]
        assert found.provided.config is not None
        with made(place, "standard-0", fork=found.provided.config["HEROKU_POSTGRESQL_URL"]) as fork:
            assert fork.state is Access.FULL
            fork.execute("insert into t values ('x')")
        monkeypatch.setitem(SIZES, "standard-0", small)  # type: ignore[arg-type]
        found.execute("truncate t")
        with found.superuser() as connection:
            connection.execute("checkpoint")
        assert found.look() is not Access.FULL or found.known.database.bytes_used < small.storage


def test_an_archive_that_outgrows_the_plan_counts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with made(place, "standard-0") as found:
        found.look()
        storage = found.known.database.bytes_used + 40 * MB
        monkeypatch.setitem(SIZES, "standard-0", replace(SIZES["standard-0"], storage=storage))  # type: ignore[arg-type]
        filler = place.pairs.archive.directory(found.known.engine) / "filler"
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, storage - 10 * MB)
        assert found.look() is Access.FULL
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, storage + 50 * MB)
        assert found.look() is not Access.FULL
        filler.unlink()
        assert found.look() is Access.FULL


def test_temporary_files_and_connections_are_bounded_by_the_plan(place: Place) -> None:
    with made(place) as found:
        with found.connect() as connection:
            assert connection.execute("show temp_file_limit").fetchone() == ("256MB",)
            with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
                connection.execute(
                    "set work_mem = '1MB'; select count(*) from (select repeat('x', 1000) || n from "
                    "generate_series(1, 400000) n order by 1 desc) x"
                )
        wait_until_left(place.clusters, found.known.engine, found.known.database.name)
        with contextlib.ExitStack() as stack:
            for _ in range(SIZES["mini"].connections):
                stack.enter_context(found.connect())
            with pytest.raises(psycopg.OperationalError, match="too many connections for database"):
                found.connect()


def test_a_machine_without_space_is_told_once_and_who_is_over_his_plan_is_sealed(
    full: Made, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert full.look() is Access.REVOKED or full.state is Access.SEALED
    caplog.set_level("INFO")
    keeper = Limits(full.place.context, full.place.pairs, interval=0.0)
    with monkeypatch.context() as patched:
        patched.setattr(rules, "DISK_FLOOR", 100.0)
        for _ in range(2):
            keeper.ensure()
    assert full.state is Access.SEALED
    assert [one.getMessage().split()[0] for one in caplog.records if "at=disk" in one.getMessage()] == ["at=disk-low"]
    keeper.ensure()
    assert [one.getMessage().split()[0] for one in caplog.records if "at=disk" in one.getMessage()][
        -1
    ] == "at=disk-enough"


def test_rows_that_statistics_count_twice_count_once_and_a_locked_table_is_no_way_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What takes longer is estimated: that is for tables that are large, not for a machine that is busy.
    monkeypatch.setattr(limits.measures, "_SECONDS", 60.0)
    with made(place) as found:
        # Autovacuum would set it right.
        found.execute("create table t (id int) with (autovacuum_enabled = off)")
        # In one go: a session tells what it has written once a second, and rows told of before the analysis count once.
        found.execute("begin; insert into t select generate_series(1, 6000); commit; analyze t")
        with found.superuser() as connection:
            estimated = "select n_live_tup > 6000 from pg_stat_all_tables where relname = 't'"
            wait_for("they are counted twice", lambda: connection.execute(estimated).fetchone() == (True,))
        assert found.look() is Access.FULL and found.known.database.rows_used == 6000 and found.letters() == []
        with pytest.raises(psycopg.OperationalError), found.connect() as connection:
            connection.execute("begin; lock t")
            assert found.look() is Access.REVOKED
        found.wait(Access.FULL)


def test_what_changes_nothing_is_not_counted_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with made(place) as found:
        keeper = Limits(place.context, place.pairs, interval=0.0)
        wait_for("it is known", lambda: keeper.ensure() == 0 and found.known.database.measured_at)

        def rests() -> bool:
            # What has been done is counted a moment later: it is looked at again then.
            keeper.ensure()
            activity = keeper._activity(found.known.engine)[found.known.database.name]
            return activity == keeper._seen[found.addon.id][0]

        wait_for("nothing changes", rests)
        looked = []
        monkeypatch.setattr(limits.measures, "usage", lambda *_: looked.append(1))
        known = keeper._seen[found.addon.id]
        keeper.look(found.known, known[0])
        assert looked == []
        stored.remeasure(place.context, found.addon.id)
        monkeypatch.undo()
        assert found.known.database.measured_at is None
        keeper.ensure()
        # Others of the place may have changed as well.
        assert found.known.database.measured_at is not None


# Whoever plans a query over a table with such an index runs the function: an attacker hopes for the superuser.
_TRAP = (
    "create function public.gain() returns void language plpgsql volatile as $$ begin "
    "if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then "
    "execute 'create table public.gained ()'; execute format('alter role %I superuser', session_user); end if; end $$",
    "create function public.trap(int) returns boolean language plpgsql immutable as $$ begin "
    "if current_setting('is_superuser') = 'on' then raise warning 'trapped'; perform public.gain(); end if; return true; end $$",
    "create table x (a int)",
    "create index on x (a) where public.trap(1)",
    "insert into x select generate_series(1, 9500)",
)


def test_the_rows_of_a_table_are_counted_without_a_plan_of_the_superusers(place: Place) -> None:
    with made(place) as found:
        found.execute(*_TRAP)
        # Its rows are near the limit, and so are counted one by one.
        wait_for("they are counted", lambda: found.look() and found.known.database.rows_used == 9_500)
        with place.clusters.connect(found.known.engine, found.known.database.name) as connection:
            assert connection.execute("select from pg_catalog.pg_tables where tablename = 'gained'").fetchall() == []
            query = "select rolname from pg_catalog.pg_roles where rolsuper"
            assert connection.execute(query).fetchall() == [("postgres",)]
            # And nothing of what has counted is left.
            schemas = "select from pg_catalog.pg_namespace where nspname = 'pg_celadon_count'"
            assert connection.execute(schemas).fetchall() == []
