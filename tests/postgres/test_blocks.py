"""The end of writing, attacked on a real cluster: nothing gets in, whatever is tried, until there is room."""

import contextlib
import threading
from collections.abc import Iterator

import psycopg
import pytest

from celadon.model.postgres_limits import Access
from celadon.postgres import blocks, limits
from tests.postgres import limited
from tests.postgres.failing import wait_for
from tests.postgres.limited import PREPARED, Made, Refused, block, made
from tests.postgres.place import Place

ATTACKS = (
    "insert into t (v) values ('x')",
    "insert into other values (1, 'x')",
    "insert into seen values (1, 'x')",
    "insert into more.parts values (1)",
    "insert into more.part1 values (1)",
    "update t set v = 'y' where id = 1",
    "update t set id = id",
    "update other set v = repeat('x', 10000)",
    "insert into t (id, v) values (1, 'x') on conflict (id) do update set v = 'z'",
    "merge into t using (select 1 as n) s on t.id = s.n when matched then update set v = 'z'",
    "merge into t using (select -1 as n) s on t.id = s.n when not matched then insert (v) values ('z')",
    "copy t (v) from stdin",
    "with w as (insert into t (v) values ('x') returning id) select * from w",
    "select definer()",
    "delete from watched where n = 1",
    "delete from seen",
    "grant insert on t to current_user",
    "grant all on all tables in schema public to current_user",
    "grant update (v) on t to current_user",
    "do $$ begin execute 'grant insert on t to current_user'; end $$",
    "alter default privileges grant insert on tables to public",
    "revoke all on t from current_user",
    "create table new ()",
    "create table new (like t including all)",
    "create temporary table new (n int)",
    "create unlogged table new (n int)",
    "create table new as select 1 as n",
    "create temporary table new as select 1 as n",
    "select 1 as n into new",
    "do $$ begin execute 'create table new (n int)'; end $$",
    "do $$ begin create table new (n int); insert into new values (1); end $$",
    "create schema mine create table new (n int)",
    "create schema mine",
    "create table more.part2 partition of more.parts for values from (1000000) to (2000000)",
    "create materialized view new as select generate_series(1, 1000)",
    "refresh materialized view counted",
    "create view new as select 1 as n",
    "create index on t (v)",
    "create index concurrently on t (v)",
    "create sequence new",
    "create extension citext",
    "create type new as (n int)",
    "create function new() returns void language sql as ''",
    "create or replace function definer() returns void language sql as ''",
    "create trigger new before insert on t for each row execute function audited()",
    "alter table t add column w text default 'w'",
    "alter table t alter column v type varchar",
    "alter table t owner to current_user",
    "alter table t disable trigger all",
    "alter function definer() security invoker",
    "alter schema more rename to less",
    "comment on table t is 'a place to write to'",
    "import foreign schema x from server y into public",
    "create event trigger mine on ddl_command_start execute function enabler()",
    "alter event trigger celadon_limit disable",
    "drop event trigger celadon_limit",
    "drop function pg_celadon.refuse cascade",
    "drop schema pg_celadon cascade",
    "drop extension plpgsql cascade",
    "select * from pg_celadon.taken",
    "set event_triggers = off",
    "set session_replication_role = replica",
    "set session authorization postgres",
    "set role postgres",
    "set allow_system_table_mods = on",
    "alter role current_user set session_replication_role = replica",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
    "select lo_put(1, 0, 'x')",
    "select lowrite(1, 'x')",
    "select lo_import('/etc/passwd')",
    "set temp_file_limit = -1",
)


@pytest.fixture(scope="module")
def full(place: Place) -> Iterator[Made]:
    with limited.filled(place) as found:
        yield found


@pytest.mark.parametrize("statement", ATTACKS)
@pytest.mark.parametrize("sealed", [False, True], ids=["revoked", "sealed"])
def test_nothing_gets_in_at_the_limit(full: Made, statement: str, sealed: bool) -> None:
    block(full, Access.SEALED if sealed else Access.REVOKED)
    with full.superuser() as connection:
        before = held(connection)
    with full.connect() as connection:
        with pytest.raises(psycopg.Error) as refused:
            if statement.startswith("copy"):
                with connection.cursor().copy(statement) as copy:
                    copy.write_row(["x"])
            else:
                connection.execute(statement)
        assert refused.value.sqlstate in ("42501", "0LP01", "2BP01"), refused.value
    with full.superuser() as connection:
        assert held(connection) == before


def held(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    """All rows of the tables there are, and what there is in the catalogue."""
    found = connection.execute(
        "select oid, relname, relacl::text, (xpath('/row/n/text()', query_to_xml(format("
        "'select count(*) as n from %I.%I', relnamespace::regnamespace, relname), false, true, '')))[1]::text::int "
        "from pg_class where relkind in ('r', 'p', 'm') and relnamespace::regnamespace::text in ('public', 'more')"
    ).fetchall()
    found += connection.execute("select oid, proname, prosecdef from pg_proc where pronamespace >= 16384").fetchall()
    return sorted(found, key=str)


def test_the_refusal_says_why_and_what_to_do(full: Made) -> None:
    with full.connect() as connection, pytest.raises(Refused, match="over the limits of its plan") as refused:
        connection.execute("create table new ()")
    assert "Make room with DELETE" in str(refused.value.diag.message_hint)


def test_reading_goes_on_and_what_refers_to_deleted_rows_is_no_hindrance(full: Made) -> None:
    block(full, Access.REVOKED)
    full.execute(
        "select count(*) from t",
        "delete from child where id > 40",
        "delete from parent where id > 60",
        "update child set optional = null where id = 1",
    )
    block(full, Access.SEALED)
    with full.connect() as connection, pytest.raises(Refused):
        connection.execute("update child set optional = null where id = 2")
    full.execute("delete from child where id > 30")


def test_room_is_made_and_all_rights_are_as_they_were(place: Place) -> None:
    with made(place) as found:
        found.execute(*PREPARED)
        with found.superuser() as connection:
            rights = _rights(connection)
        found.wait(Access.REVOKED)
        with found.superuser() as connection:
            blocks.ensure(connection, Access.SEALED)
        found.execute("drop trigger audit on watched", "truncate more.parts", "drop table child", "reindex table t")
        found.execute("delete from t where id > 5000", "vacuum full t")
        found.wait(Access.FULL)
        with found.superuser() as connection:
            after = _rights(connection)
            assert connection.execute("select from pg_namespace where nspname = 'pg_celadon'").fetchall() == []
        assert after == {name: right for name, right in rights.items() if name != "public.child"}
        found.execute("insert into t (v) values ('again')", "update t set v = 'z'", "create table new as select 1 as n")


def test_a_right_that_was_passed_on_is_taken_and_given_back_too(place: Place) -> None:
    with made(place) as found:
        found.execute("create table t (v text)")
        other, owner = f"x{found.known.database.name}", found.known.database.role
        with found.superuser() as connection:
            connection.execute(f"create role {other}")
            connection.execute(f"set role {owner}")
            connection.execute(f"grant insert on public.t to {other} with grant option")
            connection.execute(f"set role {other}")
            connection.execute("grant insert (v) on public.t to pg_monitor")
            connection.execute("reset role")
            connection.execute(f"set role {owner}")
            connection.execute(f"revoke usage on schema public from {other}, public")
            connection.execute("reset role")
            rights = _rights(connection)
            query = "select has_column_privilege('pg_monitor', 'public.t', 'v', 'insert')"
            assert connection.execute(query).fetchone() == (True,)
            blocks.ensure(connection, Access.REVOKED)
            assert connection.execute(query).fetchone() == (False,)
            connection.execute("grant usage on schema public to public")
            blocks.lift(connection)
            assert connection.execute(query).fetchone() == (True,) and _rights(connection) == rights
            connection.execute("drop table public.t")
            connection.execute(f"drop owned by {other} cascade")
            connection.execute(f"drop role {other}")


def _rights(connection: psycopg.Connection) -> dict[str, list[str]]:
    rows = connection.execute(
        "select c.oid::regclass::text, a::text from pg_class c "
        "cross join lateral unnest(coalesce(c.relacl, acldefault('r', c.relowner))) a "
        "where c.relkind in ('r', 'p', 'm', 'v') and c.relnamespace::regnamespace::text in ('public', 'more') "
        "union all select format('%s.%s', t.attrelid::regclass, t.attname), a::text "
        "from pg_attribute t cross join lateral unnest(t.attacl) a where t.attrelid >= 16384"
    ).fetchall()
    found: dict[str, list[str]] = {}
    for name, right in sorted(rows):
        found.setdefault(str(name), []).append(str(right))
    return found


def test_who_is_in_the_middle_of_writing_is_cut_off(place: Place) -> None:
    with made(place) as found:
        found.execute("create table t (id serial, v text)")
        with found.connect() as slow, found.connect() as open_, found.connect() as reader:
            open_.execute("begin")
            open_.execute("create table hidden (n int)")
            reader.execute("begin")
            reader.execute("select count(*) from t")
            writing = threading.Thread(target=_ended, args=(slow,))
            writing.start()
            with found.superuser() as connection:
                _wait_for_writer(connection)
                blocks.ensure(connection, Access.REVOKED)
            writing.join(60)
            assert not writing.is_alive() and slow.closed
            with pytest.raises(psycopg.OperationalError):
                open_.execute("commit")
            reader.execute("select count(*) from t")
        with found.superuser() as connection:
            assert connection.execute("select count(*) from public.t").fetchone() == (0,)


def _ended(connection: psycopg.Connection) -> None:
    with pytest.raises(psycopg.OperationalError):
        connection.execute("insert into t (v) select pg_sleep(0.01)::text from generate_series(1, 100000)")


def _wait_for_writer(connection: psycopg.Connection) -> None:
    query = "select count(*) from pg_stat_activity where datname = current_database() and backend_xid is not null"
    wait_for("somebody writes", lambda: connection.execute(query).fetchone() == (2,))


class Killed(BaseException):
    """What stands for a SIGKILL."""


@pytest.mark.parametrize("at", [*range(1, 12), "told"])
def test_a_look_that_is_killed_at_any_step_is_finished_by_the_next(
    full: Made, monkeypatch: pytest.MonkeyPatch, at: int | str
) -> None:
    for wanted in (Access.FULL, Access.REVOKED):
        with full.superuser() as connection:
            if at == "told":
                with monkeypatch.context() as patched, pytest.raises(Killed):
                    patched.setattr(limits.limits, "measured", _killed)
                    full.look()
            else:
                with contextlib.suppress(Killed):
                    blocks.ensure(_Counting(connection, int(at)), wanted)  # type: ignore[arg-type]
        with full.superuser() as connection:
            blocks.ensure(connection, wanted)
            assert blocks.state(connection) is wanted
        with full.connect() as connection, contextlib.ExitStack() as stack:
            if wanted is not Access.FULL:
                stack.enter_context(pytest.raises(Refused))
            connection.execute("insert into other values (9, 'x')")
    assert full.look() is Access.REVOKED


def _killed(*_: object) -> None:
    raise Killed


class _Counting:
    """A connection that breaks at its n-th statement; its transaction is undone as that of a killed session is."""

    def __init__(self, connection: psycopg.Connection, left: int) -> None:
        self._connection = connection
        self._left = left
        self.transaction = connection.transaction

    def execute(self, *words: object) -> object:
        self._left -= 1
        if not self._left:
            raise Killed
        return self._connection.execute(*words)  # type: ignore[arg-type]
