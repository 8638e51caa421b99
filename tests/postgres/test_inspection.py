"""What an owner sees of a database, in each plan: its own, all of it, and nothing of its neighbours."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from celadon.actions import accounts, authorizations
from celadon.postgres import contents, routes, statistics
from celadon.postgres.inspection import Inspection
from celadon.postgres.statistics import OF_STATEMENTS, QUERIES
from tests.api.world import PASSWORD, World
from tests.postgres.owned import Owned, owned, soon, world_of
from tests.postgres.place import Place

ALL = sorted([*QUERIES, *OF_STATEMENTS])


@pytest.fixture(scope="module")
def world(place: Place) -> World:
    return world_of(place, routes.of_inspection(Inspection(place.pairs)))


@pytest.fixture(scope="module", params=["mini", "standard-0"])
def made(request: pytest.FixtureRequest, world: World, place: Place) -> Iterator[Owned]:
    with owned(world, place, request.param, f"shop-{request.param}") as found:
        with found.connect() as connection:
            # An autovacuum between two looks would add to its size.
            items = "create table items (id integer primary key, name text) with (autovacuum_enabled = off)"
            connection.execute(items)
            connection.execute("insert into items select n, repeat('x', 100) from generate_series(1, 5000) n")
            connection.execute("create index on items (name)")
            connection.execute("analyze items")
        yield found


@pytest.fixture(scope="module")
def neighbour(world: World, place: Place) -> Iterator[Owned]:
    with owned(world, place, "mini", "neighbour") as found:
        yield found


def rows(made: Owned, name: str, query: str = "") -> list[dict[str, str | None]]:
    told = made.world.get(f"{made.path}/statistics/{name}{query}")
    assert told.status == 200, told.json
    names = [column["name"] for column in told.json["columns"]]
    return [dict(zip(names, row, strict=True)) for row in told.json["rows"]]


@pytest.mark.parametrize("name", ALL)
def test_each_statistic_answers(made: Owned, name: str) -> None:
    rows(made, name)


def test_sizes_and_counts_are_those_of_the_table(made: Owned) -> None:
    with made.connect() as connection:
        (size,) = connection.execute("select pg_size_pretty(pg_table_size('items'))").fetchone() or ()
        (whole,) = connection.execute("select pg_size_pretty(pg_total_relation_size('items'))").fetchone() or ()
        (indexes,) = connection.execute("select pg_size_pretty(pg_indexes_size('items'))").fetchone() or ()
    assert rows(made, "table-size") == [{"name": "items", "size": size}]
    assert rows(made, "total-table-size") == [{"name": "items", "size": whole}]
    assert rows(made, "table-indexes-size") == [{"table": "items", "index_size": indexes}]
    assert {row["name"] for row in rows(made, "index-size")} == {"items_pkey", "items_name_idx"}
    assert [row["index"] for row in rows(made, "unused-indexes")] == ["items_name_idx"]
    assert [row["table"] for row in rows(made, "vacuum-stats")] == ["items"]
    assert {row["object_name"] for row in rows(made, "bloat")} == {
        "items",
        "items::items_pkey",
        "items::items_name_idx",
    }


def test_sessions_are_seen_cancelled_and_ended(made: Owned) -> None:
    with made.connect() as connection:
        pid = str(connection.info.backend_pid)
        connection.execute("begin")
        connection.execute("select 'in a transaction'")
        (seen,) = [row for row in rows(made, "ps") if row["pid"] == pid]
        assert (seen["state"], seen["query"]) == ("idle in transaction", "select 'in a transaction'")
        connection.execute("commit")
        assert pid not in {row["pid"] for row in rows(made, "ps")}
        assert pid in {row["pid"] for row in rows(made, "ps", "?verbose=true")}
        end = f"{made.path}/connections/{pid}/actions/end"
        told = made.world.call("POST", end, {}).json
        assert (told["columns"][0]["name"], told["rows"]) == ("pg_cancel_backend", [["t"]])
        connection.execute("select 1")
        assert made.world.call("POST", end, {"force": True}).json["rows"] == [["t"]]
        with pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")


def test_who_waits_for_whom_is_told(made: Owned) -> None:
    with made.connect() as holder, made.connect() as waiting:
        holder.execute("begin")
        holder.execute("lock table items in access exclusive mode")
        answered = threading.Thread(target=_count, args=(waiting,))
        answered.start()
        soon(lambda: bool(rows(made, "blocking")))
        blocked = rows(made, "blocking")
        assert blocked[0]["blocked_pid"] == str(waiting.info.backend_pid)
        assert blocked[0]["blocking_pid"] == str(holder.info.backend_pid)
        assert blocked[0]["blocked_statement"] == "select count(*) from items"
        assert str(holder.info.backend_pid) in {row["pid"] for row in rows(made, "locks")}
        # What wants that table's lock itself is given up.
        told = made.world.get(f"{made.path}/statistics/table-size")
        assert told.status == 409 and "took too long" in told.json["message"]
        holder.execute("rollback")
        answered.join()


def _count(connection: psycopg.Connection) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.execute("select count(*) from items")


def test_statements_are_counted_shown_cut_and_forgotten(made: Owned) -> None:
    statement = "select count(*) from items where name = 'some longer text than forty'"
    with made.connect() as connection:
        for _ in range(7):
            connection.execute(statement)
        (counted,) = [row for row in rows(made, "calls", "?num=100") if "where name = $1" in (row["query"] or "")]
        assert counted["ncalls"] == "7" and counted["query"] == "select count(*) from items where name = $1"
        assert counted["query"] in {row["query"] for row in rows(made, "outliers", "?num=100")}
        assert len(rows(made, "outliers", "?num=1")) == 1
        assert all(len(row["query"] or "") <= 40 for row in rows(made, "outliers", "?num=100&truncate=true"))
        assert made.world.call("POST", f"{made.path}/statistics/actions/reset", {}).status == 200
        assert not [row for row in rows(made, "calls", "?num=100") if "where name = $1" in (row["query"] or "")]


@pytest.mark.parametrize("query", ["?num=0", "?num=101", "?num=-1", "?num=x", f"?num={'9' * 5000}"])
def test_a_number_that_is_none_is_refused(made: Owned, query: str) -> None:
    assert made.world.get(f"{made.path}/statistics/outliers{query}").status in (414, 422)


def test_a_statistic_that_is_none_is_refused(made: Owned) -> None:
    told = made.world.get(f"{made.path}/statistics/secrets")
    assert told.status == 404 and "cache-hit" in told.json["message"]


@pytest.mark.parametrize("pid", ["0", "-1", "x", "99999999999999999999", "2147483648", "1%20or%201"])
def test_a_session_that_is_none_is_refused(made: Owned, pid: str) -> None:
    assert made.world.call("POST", f"{made.path}/connections/{pid}/actions/end", {}).status in (404, 422)


def test_a_neighbours_session_and_the_platforms_own_are_none(made: Owned, neighbour: Owned) -> None:
    engine, name = made.found.engine, made.found.database.name
    with neighbour.connect() as other, made.place.clusters.connect(engine, name) as superuser:
        other.execute("select 'mine alone'")
        for pid in (other.info.backend_pid, superuser.info.backend_pid):
            path = f"{made.path}/connections/{pid}/actions/end"
            assert made.world.call("POST", path, {"force": True}).status == 404
            assert str(pid) not in {row["pid"] for row in rows(made, "ps", "?verbose=true")}
        assert superuser.execute("select 1").fetchone() == (1,)
        assert other.execute("select 1").fetchone() == (1,)


def test_a_tenant_sees_no_statement_of_a_neighbour_and_resets_none(made: Owned, neighbour: Owned) -> None:
    """By the view that Heroku's client asks, by our API, and by all else there is."""
    with neighbour.connect() as other, made.connect() as connection:
        other.execute("select 1, 2, 3 as neighbours_column")
        connection.execute("select 1, 2, 3, 4, 5 as own_column")
        query = "select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements'"
        (schema,) = connection.execute(query).fetchone() or ()
        shown = connection.execute(
            f"select query from {schema}.pg_stat_statements where userid = "
            "(select usesysid from pg_user where usename = current_user limit 1)"
        ).fetchall()
        assert [text for (text,) in shown if "own_column" in text]
        assert not [text for (text,) in shown if "neighbours_column" in text]
        assert not [row for row in rows(made, "calls", "?num=100") if "neighbours_column" in (row["query"] or "")]
        if made.addon.plan == "mini":
            everybody = connection.execute(f"select count(distinct dbid) from {schema}.pg_stat_statements").fetchone()
            assert everybody == (1,)
            for statement in (
                "select * from _heroku.all_statements",
                "select * from _heroku.pg_stat_statements(true)",
                "select _heroku.reset_statements()",
                "select * from _heroku.pg_stat_statements_info",
                "drop schema _heroku cascade",
                "drop extension pg_stat_statements",
                "create view _heroku.mine as select 1",
                "alter function _heroku.own_statements() owner to current_user",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
        connection.execute(f"select {schema}.pg_stat_statements_reset()")
        assert not [row for row in rows(made, "calls", "?num=100") if "own_column" in (row["query"] or "")]
        assert [row for row in rows(neighbour, "calls", "?num=100") if "neighbours_column" in (row["query"] or "")]


def test_what_a_tenant_puts_in_the_way_is_never_called(made: Owned) -> None:
    with made.connect() as connection:
        connection.execute("create schema trap")
        connection.execute("create function trap.fall(text) returns text language sql as 'select 1 / 0 || $1'")
        for schema in ("public", "trap"):
            connection.execute(f"create view {schema}.pg_stat_activity as select trap.fall('x') as query, 1 as pid")
            connection.execute(f"create function {schema}.length(text) returns int language sql as 'select 1 / 0'")
        try:
            for name in ALL:
                rows(made, name)
        finally:
            connection.execute("drop schema trap cascade")
            connection.execute("drop function public.length(text)")


def test_who_may_not_read_config_vars_sees_no_statement_and_ends_nothing(made: Owned) -> None:
    token = made.world.new_token("read")
    assert made.world.get(f"{made.path}/statistics/ps", token=token).status == 403
    path = f"{made.path}/connections/1/actions/end"
    assert made.world.call("POST", path, {}, token=token).status == 403
    assert made.world.call("POST", f"{made.path}/statistics/actions/reset", {}, token=token).status == 403


def test_a_stranger_finds_no_database(made: Owned) -> None:
    context, email = made.place.context, f"{made.addon.plan}@example.com"
    accounts.create(context, made.world.actor, email=email, password=PASSWORD)
    _, token = authorizations.create(context, accounts.log_in(context, email, PASSWORD))
    assert made.world.get(f"{made.path}/statistics/ps", token=token).status == 404
    assert made.world.call("POST", f"{made.path}/connections/1/actions/end", {}, token=token).status == 404


def test_no_statement_is_logged(made: Owned, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with made.connect() as connection:
        connection.execute("select 'a secret of the app'")
        for name in ALL:
            rows(made, name, "?verbose=true")
    assert "a secret" not in caplog.text


def test_a_tenants_own_dump_is_restored_without_what_is_the_platforms(made: Owned, tmp_path: Path) -> None:
    listed, wanted = tmp_path / "listed", tmp_path / "wanted"
    ours = "8; 2615 16425 SCHEMA - _heroku postgres"
    theirs = ["7; 2615 2200 SCHEMA - public owner", "9; 2615 16999 SCHEMA - _heroku_of_theirs owner"]
    listed.write_text("\n".join([theirs[0], ours, "2; 3079 16426 EXTENSION - pg_stat_statements ", theirs[1]]))
    with made.place.clusters.connect(made.found.engine, made.found.database.name) as connection:
        assert contents.choose(connection, listed, wanted) == []
    assert wanted.read_text().splitlines() == theirs


def test_who_looks_cannot_write(made: Owned) -> None:
    with made.place.clusters.connect(made.found.engine, made.found.database.name) as connection:
        statistics.guard(connection)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create table public.written ()")
        assert connection.execute("show statement_timeout").fetchone() == ("10s",)


def test_of_a_pair_the_primary_is_asked(world: World, place: Place) -> None:
    with owned(world, place, "premium-0", "pair") as pair, pair.connect() as connection:
        connection.execute("create table items as select 1 as n")
        assert [row["name"] for row in rows(pair, "table-size")] == ["items"]
        for _ in range(20):
            connection.execute("select n, n, n, n from items")
        assert "select n, n, n, n from items" in {row["query"] for row in rows(pair, "calls")}
        connection.execute("begin")
        pid = connection.info.backend_pid
        assert str(pid) in {row["pid"] for row in rows(pair, "ps")}
        end = f"{pair.path}/connections/{pid}/actions/end"
        assert pair.world.call("POST", end, {}).json["rows"] == [["t"]]
