"""The limits of plans, attacked on real clusters: what is over its plan writes nothing more, whatever is tried, until there is room."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg
import pytest

from celadon.actions import accounts, addons, apps, mails, provisioning
from celadon.actions import postgres_databases as databases
from celadon.actions import postgres_limits as limited
from celadon.addons.provider import Provided, ProviderRefused, Wanted
from celadon.model import postgres_limits as rules
from celadon.model.account import Actor
from celadon.model.addon import AddOn
from celadon.model.postgres_database import MB, SIZES
from celadon.model.postgres_limits import Access
from celadon.postgres import blocks, limits
from celadon.postgres.limits import Limits
from celadon.store import events
from tests.api.world import EMAIL, PASSWORD
from tests.postgres.failing import wait_for
from tests.postgres.place import Place

Refused = psycopg.errors.InsufficientPrivilege


@dataclass(frozen=True)
class Made:
    place: Place
    addon: AddOn
    order: Wanted
    provided: Provided
    keeper: Limits

    def connect(self) -> psycopg.Connection:
        return self.place.connect(self.provided)

    def execute(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    @property
    def known(self) -> databases.Place:
        found = databases.find(self.place.context, self.addon.id)
        assert found is not None
        return found

    def look(self) -> Access:
        """How it is after one look."""
        self.keeper.look(self.known)
        return self.state

    @property
    def state(self) -> Access:
        with self.superuser() as connection:
            return blocks.state(connection)

    def superuser(self) -> contextlib.AbstractContextManager[psycopg.Connection]:
        return self.place.clusters.connect(self.known.engine, self.known.database.name)

    def wait(self, access: Access) -> None:
        """Statistics come a moment after what they are of."""
        wait_for(f"it is {access}", lambda: self.look() is access, 30.0)

    def lines(self) -> list[str]:
        with self.place.context.database.read() as tx:
            return [one.line or "" for one in events.list_after(tx, 0) if one.resource_id == self.addon.id and one.line]

    def letters(self) -> list[str]:
        found = mails.outbox(self.place.context, actor(self.place))
        return [one.subject for one in reversed(found) if one.subject.startswith(f"[{self.order.app_name}]")]


def actor(place: Place) -> Actor:
    return accounts.log_in(place.context, EMAIL, PASSWORD)


@contextlib.contextmanager
def made(place: Place, plan: str = "mini", **options: str) -> Iterator[Made]:
    context = place.context
    with contextlib.suppress(Exception):
        accounts.create_operator(context.database, email=EMAIL, password=PASSWORD)
    app = apps.create(context, actor(place))
    addon = addons.create(context, actor(place), app.name, plan=f"heroku-postgresql:{plan}").addon
    words = {"region": "us", "app_id": app.id, "app_name": app.name, "options": options}
    order = Wanted(addon_id=addon.id, name=addon.name, plan=plan, **words)  # type: ignore[arg-type]
    provided = place.provider.provision(order)
    provisioning.provisioned(context, addon.id, provider_id=provided.provider_id, config=provided.config)
    try:
        yield Made(place, addon, order, provided, Limits(context, place.clusters))
    finally:
        place.provider.deprovision(addon.id, None)


PREPARED = (
    "create table t (id serial primary key, v text)",
    "create table other (id int, v text)",
    "grant insert (v), update (v) on t to public",
    "grant insert on other to public",
    "create schema more",
    "create table more.parts (n int) partition by range (n)",
    "create table more.part1 partition of more.parts for values from (0) to (1000000)",
    "create table parent (id int primary key)",
    "create table child (id int, parent_id int references parent (id), optional int references parent on delete set null)",
    "create view seen as select id, v from other",
    "create materialized view counted as select count(*) from t",
    "create index by_v on t (v)",
    "create function definer() returns void language sql security definer as 'insert into public.t (v) values (1)'",
    "create function audited() returns trigger language plpgsql as "
    "$$ begin insert into public.other values (1, 'x'); return old; end $$",
    "create table watched (n int)",
    "insert into watched select generate_series(1, 10)",
    "create trigger audit after delete on watched for each row execute function audited()",
    "create rule copied as on delete to seen do instead insert into other values (2, 'rule')",
    "create function enabler() returns event_trigger language plpgsql as 'begin end'",
    "insert into parent select generate_series(1, 100)",
    "insert into child select n, n, n + 1 from generate_series(1, 50) as n",
    "insert into t (v) select 'x' from generate_series(1, 10000)",
    "analyze",
)

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
    """A database of the smallest plan that is at its limit of rows; one session has temporary tables of before."""
    with made(place) as found, found.connect() as old:
        old.execute("create temporary table kept (n int)")
        found.execute(*PREPARED)
        found.wait(Access.REVOKED)
        with pytest.raises(Refused):
            old.execute("insert into kept values (1)")
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


def block(found: Made, wanted: Access) -> None:
    with found.superuser() as connection:
        if blocks.state(connection) is not wanted:
            blocks.lift(connection)
        blocks.ensure(connection, wanted)


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
            connection.execute(f"revoke insert on public.t from {other} cascade")
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
            writing.join(20)
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
    wait_for("somebody writes", lambda: connection.execute(query).fetchone() == (2,), 20.0)


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
        with pytest.raises(ProviderRefused, match="--fork or --follow"):
            place.provider.change_plan(found.addon.id, "", "standard-0")


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


def test_temporary_files_and_connections_are_bounded_by_the_plan(place: Place) -> None:
    with made(place) as found:
        with found.connect() as connection:
            assert connection.execute("show temp_file_limit").fetchone() == ("64MB",)
            with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
                connection.execute(
                    "set work_mem = '1MB'; select count(*) from (select repeat('x', 1000) || n from "
                    "generate_series(1, 200000) n order by 1 desc) x"
                )
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
    keeper = Limits(full.place.context, full.place.clusters, interval=0.0)
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


def test_rows_that_statistics_count_twice_count_once_and_a_locked_table_is_no_way_out(place: Place) -> None:
    with made(place) as found:
        found.execute("create table t (id int)", "insert into t select generate_series(1, 6000)", "analyze t")
        with found.superuser() as connection:
            estimated = "select n_live_tup > 6000 from pg_stat_all_tables where relname = 't'"
            wait_for("they are counted twice", lambda: connection.execute(estimated).fetchone() == (True,), 20.0)
        assert found.look() is Access.FULL and found.known.database.rows_used == 6000 and found.letters() == []
        with pytest.raises(psycopg.OperationalError), found.connect() as connection:
            connection.execute("begin; lock t")
            assert found.look() is Access.REVOKED
        found.wait(Access.FULL)


def test_what_changes_nothing_is_not_counted_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with made(place) as found:
        keeper = Limits(place.context, place.clusters, interval=0.0)
        wait_for("it is known", lambda: keeper.ensure() == 0 and found.known.database.measured_at)
        looked = []
        monkeypatch.setattr(limits.measures, "usage", lambda *_: looked.append(1))
        known = keeper._seen[found.addon.id]
        wait_for("nothing changes", lambda: keeper._activity(found.known.engine)[found.known.database.name] == known[0])
        keeper.look(found.known, known[0])
        assert looked == []
        limited.remeasure(place.context, found.addon.id)
        monkeypatch.undo()
        assert keeper.ensure() == 1
