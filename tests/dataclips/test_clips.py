"""A user's query only reads, ends, and takes no more than it may, whatever it says; on a real cluster."""

import contextlib
import json
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.dataclips.tenant import OWNER, ROLE, ROWS, Tenant

from celadon.postgres import clips
from celadon.postgres.clip_outcome import Outcome
from celadon.postgres.clips import Limits, Place

# Attack → a word of the answer.
ATTACKS = {
    "select 1; commit; begin read write; select public.evil(); commit": "multiple commands",
    "select public.evil()": "read-only transaction",
    "select public.evil_setting()": "read-write mode",
    "select public.evil_set()": "read-write mode",
    "select set_config('transaction_read_only', 'off', false), public.evil()": "read-write mode",
    "set transaction read write": "read-write mode",
    "set session characteristics as transaction read write": "none that answers rows",
    "commit": "none that answers rows",
    "with gone as (delete from public.people returning 1) select count(*) from gone": "read-only transaction",
    "delete from public.people returning id": "read-only transaction",
    "prepare p as delete from public.people": "none that answers rows",
    "declare c cursor for select public.evil()": "none that answers rows",
    "call public.evil_call()": "read-only transaction",
    "call public.evil_commit()": "invalid transaction termination",
    "do $$ begin commit; perform public.evil(); commit; end $$": "invalid transaction termination",
    "do $$ begin execute 'set transaction read write'; perform public.evil(); end $$": "read-write mode",
    "explain analyze select public.evil()": "read-only transaction",
    "select nextval('public.counter')": "permission denied",
    "select setval('public.counter', 9)": "permission denied",
    "set role d1": "permission denied",
    "set session authorization postgres": "permission denied",
    "create temp table t as select 1": "read-only transaction",
    "copy public.people to program 'true'": "must be superuser",
    "copy (select 1) to '/tmp/x'": "must be superuser",
    "copy public.people from stdin": "permission denied",
    "select pg_read_file('/etc/passwd')": "permission denied",
    "select lo_import('/etc/passwd')": "permission denied",
    "alter role clip_d1 set default_transaction_read_only = off": "read-only transaction",
    "lock table public.people in access exclusive mode": "permission denied",
    "select * from public.people for update": "read-only transaction",
    "grant d1 to clip_d1": "read-only transaction",
}


def told(outcome: Outcome) -> str:
    """Everything that a user is shown of it."""
    failure = outcome.failure
    return f"{failure.message} {failure.detail} {failure.hint}" if failure else ""


def rows(outcome: Outcome) -> Any:
    assert outcome.failure is None, outcome.failure
    return json.loads(bytes(outcome.rows))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_query_changes_nothing(shared_tenant: Tenant, attack: str) -> None:
    outcome = clips.run(shared_tenant.place, attack)
    assert ATTACKS[attack] in told(outcome)
    assert shared_tenant.count() == ROWS


def test_the_attacks_are_real_where_a_connection_is_not_safe(shared_tenant: Tenant) -> None:
    """As the same role, by the protocol that takes several statements: what the tests above hold off does happen."""
    with psycopg.connect(host=str(shared_tenant.directory), dbname=OWNER, user=ROLE, autocommit=True) as connection:
        connection.execute("begin read only; select 1; commit; begin read write; select public.evil()")
        assert connection.execute("select count(*) from public.people").fetchone() == (0,)
        connection.execute("rollback")
    assert shared_tenant.count() == ROWS


def test_what_a_query_has_set_is_gone_with_it(shared_tenant: Tenant) -> None:
    for change in ("set statement_timeout = 0", "set default_transaction_read_only = off", "commit"):
        clips.run(shared_tenant.place, change)
    outcome = clips.run(shared_tenant.place, "select current_setting('transaction_read_only')")
    assert rows(outcome) == [["on"]]


def test_large_objects_are_not_kept(shared_tenant: Tenant) -> None:
    clips.run(shared_tenant.place, "select lo_from_bytea(4711, 'x')")
    found = shared_tenant.super.execute("select count(*) from pg_largeobject_metadata").fetchone()
    assert found == (0,)


@pytest.mark.parametrize(
    "query",
    [
        "select pg_sleep(60)",
        "select set_config('statement_timeout', '0', false), pg_sleep(60)",
        "select public.slow_setting()",
        "with recursive r as (select 1 as n union all select n + 1 from r) select count(*) from r",
    ],
)
def test_a_query_that_does_not_end_is_ended(shared_tenant: Tenant, query: str) -> None:
    limits = Limits(seconds=1.0)
    began = time.monotonic()
    assert "no result within 1 seconds" in told(clips.run(shared_tenant.place, query, limits))
    assert time.monotonic() - began < limits.deadline + 5
    _wait_for_no_clip(shared_tenant)


def _wait_for_no_clip(tenant: Tenant) -> None:
    deadline = time.monotonic() + 60
    query = "select count(*) from pg_stat_activity where usename = %s"
    while tenant.super.execute(query, (ROLE,)).fetchone() != (0,):
        assert time.monotonic() < deadline, "the server still runs what nobody waits for"


@contextlib.contextmanager
def stopped(tenant: Tenant) -> Iterator[None]:
    """The server takes connections, which the kernel does for it, and says nothing."""
    server = int((tenant.directory / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(server, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server, signal.SIGCONT)


def test_a_server_that_hangs_is_not_waited_for(shared_tenant: Tenant) -> None:
    # The start of the program is within its deadline, and may take seconds: that is not what ends it here.
    limits = Limits(seconds=30.0, connect=2)
    began = time.monotonic()
    with stopped(shared_tenant):
        outcome = clips.run(shared_tenant.place, "select 1", limits)
    assert time.monotonic() - began < limits.deadline + 5
    assert told(outcome).strip() == "cannot run the query: the database does not answer; try again in a moment"


def test_a_server_that_stops_in_the_middle_is_not_waited_for(shared_tenant: Tenant) -> None:
    """What does not come to an end by itself is killed: here the program that waits for a stopped backend."""
    limits = Limits(seconds=5)
    stop = "select pid from pg_stat_activity where usename = %s and query like '%%pg_sleep(61)%%'"
    pids: list[int] = []
    reader = _in_thread(lambda: clips.run(shared_tenant.place, "select pg_sleep(61)", limits))
    deadline = time.monotonic() + 60
    while not pids and time.monotonic() < deadline:
        pids = [int(str(pid)) for (pid,) in shared_tenant.super.execute(stop, (ROLE,)).fetchall()]
    os.kill(pids[0], signal.SIGSTOP)
    try:
        assert "no result within 5 seconds" in told(reader())
    finally:
        os.kill(pids[0], signal.SIGCONT)
    _wait_for_no_clip(shared_tenant)


def _in_thread(call: Callable[[], Outcome]) -> Callable[[], Outcome]:
    pool = ThreadPoolExecutor(1)
    future = pool.submit(call)
    pool.shutdown(wait=False)
    return future.result


def test_only_so_many_rows_are_read(shared_tenant: Tenant) -> None:
    # The other rows would take hours.
    outcome = clips.run(shared_tenant.place, "select n from (select generate_series(1, 10000000000) as n) s")
    assert (outcome.count, outcome.cut, rows(outcome)[-1]) == (10_000, True, [10_000])


def test_only_so_many_bytes_are_kept(shared_tenant: Tenant) -> None:
    query = "select n, repeat('x', 1000000) from generate_series(1, 100) as n"
    outcome = clips.run(shared_tenant.place, query)
    assert (outcome.count, outcome.cut) == (4, True)
    assert len(outcome.rows) <= 4 << 20


def _measured(place: Place, octets: int) -> tuple[Outcome, int]:
    """What came of the query, and the KiB of the largest program that this process has ever waited for."""
    outcome = clips.run(place, f"select repeat('x', {octets})", Limits(seconds=60))
    return outcome, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss


@pytest.mark.parametrize("octets", [100_000_000, 1_000_000_000])
def test_a_row_larger_than_memory_is_refused(shared_tenant: Tenant, octets: int) -> None:
    # In a process of its own: the test's has waited for others, and is large itself, which a program that it starts
    # is for a moment as well.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
        outcome, most = apart.submit(_measured, shared_tenant.place, octets).result()
    assert "takes more than 128 MB" in told(outcome)
    assert most < 256 << 10


def test_many_columns_are_shown(shared_tenant: Tenant) -> None:
    outcome = clips.run(shared_tenant.place, f"select {', '.join(['1'] * 1600)}")
    assert len(outcome.columns) == 1600 and rows(outcome) == [[1] * 1600]
    assert "at most 1664" in told(clips.run(shared_tenant.place, f"select {', '.join(['1'] * 2000)}"))


def test_values_are_what_they_are_in_json(shared_tenant: Tenant) -> None:
    cases: dict[str, object] = {
        "null": None,
        "true": True,
        "9223372036854775807::bigint": 9223372036854775807,
        "123456789012345678901234567890.5::numeric": "raw:123456789012345678901234567890.5",
        "0.1::float8": 0.1,
        "1e300::float8": 1e300,
        "'NaN'::float8": "NaN",
        "'-Infinity'::float8": "-Infinity",
        "date '2020-02-03'": "2020-02-03",
        "timestamp '2020-02-03 04:05:06.7'": "2020-02-03T04:05:06.7",
        "timestamptz '2020-02-03 04:05:06+02'": "2020-02-03T02:05:06+00:00",
        "'infinity'::date": "infinity",
        "date '0044-03-15 BC'": "0044-03-15 BC",
        "interval '1 day 2 hours'": "P1DT2H",
        "'\\xdeadbeef'::bytea": "\\xdeadbeef",
        """'{"a": [1, null]}'::jsonb""": {"a": [1, None]},
        "array[[1, null], [3, 4]]": [[1, None], [3, 4]],
        "array['a,b', null, '\"']": ["a,b", None, '"'],
        "array[timestamp '2020-02-03 04:05:06']": ["2020-02-03T04:05:06"],
        "'[1,3)'::int4range": "[1,3)",
        "'{}'::int[]": [],
        "E'tab\\tand \\u2028 <b>'": "tab\tand \u2028 <b>",
        "row(1, 'x')": "(1,x)",
        "'12.50'::money": "$12.50",
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    }
    outcome = clips.run(shared_tenant.place, f"select {', '.join(cases)}")
    found = rows(outcome)[0]
    for (expression, expected), value in zip(cases.items(), found, strict=True):
        if isinstance(expected, str) and expected.startswith("raw:"):
            assert expected[4:].encode() in bytes(outcome.rows)
        else:
            assert value == expected, expression


def test_types_that_the_database_has_defined_are_text(shared_tenant: Tenant) -> None:
    shared_tenant.own.execute("create type public.mood as enum ('happy', 'sad')")
    outcome = clips.run(shared_tenant.place, "select 'sad'::public.mood, array['sad'::public.mood]")
    assert rows(outcome) == [["sad", "{sad}"]]
    assert [column.type for column in outcome.columns] == ["unknown", "unknown"]


@pytest.mark.parametrize("query", ["select chr(0)", "select '\0'", "select E'\\xff'", "select '\\x00'::bytea::text"])
def test_bytes_that_are_no_text_do_no_harm(shared_tenant: Tenant, query: str) -> None:
    outcome = clips.run(shared_tenant.place, query)
    assert outcome.failure or rows(outcome) == [["\\x00"]]


def test_deeply_nested_json_is_shown(shared_tenant: Tenant) -> None:
    outcome = clips.run(shared_tenant.place, "select (repeat('[', 3000) || repeat(']', 3000))::json")
    assert outcome.count == 1


def test_bytes_that_a_database_without_encoding_has_are_an_error_and_the_rest_is_read(shared_tenant: Tenant) -> None:
    admin = shared_tenant.admin
    admin.execute("create database odd encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'")
    with psycopg.connect(
        host=str(shared_tenant.directory), dbname="odd", user="postgres", autocommit=True
    ) as connection:
        clips.prepare(connection, database="odd", owners=[OWNER], role="clip_odd")
    place = replace(shared_tenant.place, database="odd", role="clip_odd")
    assert "invalid byte sequence" in told(clips.run(place, "select convert_from('\\xff41'::bytea, 'SQL_ASCII')"))
    assert rows(clips.run(place, "select 'é'")) == [["é"]]


def test_errors_tell_of_the_query_and_not_of_the_platform(shared_tenant: Tenant) -> None:
    outcome = clips.run(shared_tenant.place, "select nme from public.people")
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.position) == ("42703", 8)
    assert 'column "nme" does not exist' in told(outcome) and "people.name" in told(outcome)
    nowhere = clips.run(replace(shared_tenant.place, directory=Path("/nowhere/secret")), "select 1")
    nobody = clips.run(replace(shared_tenant.place, role="nobody_of_ours"), "select 1")
    for found in (outcome, nowhere, nobody):
        for secret in ("/nowhere", "postgres", str(shared_tenant.directory), ROLE):
            assert secret not in told(found)


def test_tables_and_schemas_of_later_can_be_read(shared_tenant: Tenant) -> None:
    own = shared_tenant.own
    own.execute(
        "create table public.later as select 1 as n; create schema more; create table more.later as select 2 as n"
    )
    own.execute(
        "create view more.seen as select n from more.later; create materialized view more.kept as select 3 as n"
    )
    query = "select n from public.later union select n from more.seen union select n from more.kept order by 1"
    assert rows(clips.run(shared_tenant.place, query)) == [[1], [2], [3]]


def test_preparing_again_changes_nothing_and_takes_back_what_was_given(shared_tenant: Tenant) -> None:
    admin = shared_tenant.super
    admin.execute(f"grant {OWNER} to {ROLE}; alter role {ROLE} createdb")
    for _ in range(2):
        clips.prepare(admin, database=OWNER, owners=[OWNER], role=ROLE)
    found = admin.execute(
        "select rolcreatedb, pg_has_role(rolname, %s, 'member') from pg_roles where rolname = %s", (OWNER, ROLE)
    )
    assert found.fetchone() == (False, False)
    assert rows(clips.run(shared_tenant.place, "select count(*) from public.people")) == [[ROWS]]


def test_other_databases_are_closed(shared_tenant: Tenant) -> None:
    shared_tenant.admin.execute("create database other")
    shared_tenant.admin.execute("revoke all on database other from public")
    outcome = clips.run(replace(shared_tenant.place, database="other"), "select 1")
    assert outcome.failure is not None and "does not answer" in told(outcome)


def test_the_program_is_nobody_and_knows_nothing(shared_tenant: Tenant) -> None:
    """While it waits for the server it has another user's rights and no environment."""
    deadline = time.monotonic() + 60
    seen: list[str] = []
    # It waits until it was looked at, however long that takes.
    shared_tenant.super.execute("select pg_advisory_lock(4712)")
    try:
        query, limits = "select pg_advisory_lock_shared(4712)", Limits(seconds=90.0)
        reader = _in_thread(lambda: clips.run(shared_tenant.place, query, limits))
        while not seen and time.monotonic() < deadline:
            for path in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    argv = (path / "cmdline").read_bytes().split(b"\0")
                    status = (path / "status").read_text()
                    if b"celadon.postgres.clip_program" in argv and "Uid:\t65534\t65534\t65534" in status:
                        seen.append((path / "environ").read_bytes().decode())
    finally:
        shared_tenant.super.execute("select pg_advisory_unlock(4712)")
    # Those of other tests, which run beside this one, have none either.
    assert set(seen) == {""}
    reader()
