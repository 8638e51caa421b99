"""What a database takes: its rows, and its files or, when it has a server of its own, all of that server's."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from celadon.model.postgres_limits import Usage

Connection = psycopg.Connection[Any]

_BLOCK = 512
# Seconds for the rows of all tables of a database.
_SECONDS = 2.0
# Nobody else may make a schema that is called so.
_SCHEMA: LiteralString = "pg_celadon_count"
# It reads a table's pages, without a plan; it is there only until the transaction is rolled back.
_COUNTER = (
    "set local allow_system_table_mods = on",
    f"create schema {_SCHEMA}",
    "set local allow_system_table_mods = off",
    f"create extension pgstattuple schema {_SCHEMA}",
)

# The statistics of a server that has crashed begin anew: until something is written to a table its planner's estimate counts.
_ROWS = """
select coalesce(sum(case when s.n_tup_ins + s.n_tup_upd + s.n_tup_del + s.n_live_tup = 0 then greatest(c.reltuples, 0)
  else s.n_live_tup end), 0)::bigint
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_stat_all_tables s on s.relid = c.oid
where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"""

_TABLES = """
select c.oid::bigint, coalesce(greatest(s.n_live_tup, 0), 0) from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_stat_all_tables s on s.relid = c.oid
where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"""

# Of all databases of a server: its size, and what changes when a row does.
_ACTIVITY = """
select d.datname, pg_database_size(d.oid), s.tup_inserted + s.tup_updated + s.tup_deleted
from pg_database d join pg_stat_database s on s.datid = d.oid where not d.datistemplate"""


def activity(connection: Connection) -> dict[str, tuple[int, int]]:
    """Name → bytes and changed rows, as long as it has been counted; of all databases of a server. Raises psycopg.Error."""
    return {str(name): (int(octets), int(changed)) for name, octets, changed in connection.execute(_ACTIVITY)}


def usage(connection: Connection, files: Path | None) -> Usage:
    """`connection` is the superuser's to the database; `files` are those of a server of its own. Raises psycopg.Error."""
    octets, rows = _row(connection, f"select pg_database_size(current_database()), ({_ROWS})")
    return Usage(octets=int(octets) if files is None else octets_of(files), rows=int(rows))


def count(connection: Connection, most: int) -> int:
    """Its rows, one by one: statistics count some twice that were analyzed at once. Beyond so many it may stop.

    What is locked, or takes too long, is estimated. No query over a table of the tenant's is planned by the superuser: even
    that runs functions of the tenant's, those in the predicates of indexes. Raises psycopg.Error.
    """
    until, found = time.monotonic() + _SECONDS, 0
    with connection.transaction(force_rollback=True):
        for statement in _COUNTER:
            connection.execute(statement)
        for table, estimated in connection.execute(_TABLES).fetchall():
            found += _count(connection, table, int(estimated), until - time.monotonic())
            if found >= most:
                break
    return found


def _count(connection: Connection, table: int, estimated: int, seconds: float) -> int:
    """The rows of one table; it is locked no longer than it is looked at."""
    if seconds <= 0:
        return estimated
    try:
        with connection.transaction(force_rollback=True):
            limits = sql.SQL("set local lock_timeout = '200ms'; set local statement_timeout = {}")
            connection.execute(limits.format(int(seconds * 1000) + 1))
            (rows,) = _row(connection, f"select tuple_count from {_SCHEMA}.pgstattuple({table:d}::oid::regclass)")
            return int(rows)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
        return estimated
    except (psycopg.errors.UndefinedTable, psycopg.errors.WrongObjectType, psycopg.errors.FeatureNotSupported):
        # It is gone.
        return 0


def octets_of(directory: Path) -> int:
    """What the files of a directory take of the disk, however long they say they are; a link is what it is itself."""
    return sum(_octets(directory))


def _octets(directory: Path) -> Iterator[int]:
    try:
        with os.scandir(directory) as entries:
            found = list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in found:
        try:
            yield entry.stat(follow_symlinks=False).st_blocks * _BLOCK
            if entry.is_dir(follow_symlinks=False):
                yield from _octets(Path(entry.path))
        except FileNotFoundError:
            # Files come and go while a server runs.
            continue


def _row(connection: Connection, query: str) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None, "a query without a table has one row"
    return tuple(row)
