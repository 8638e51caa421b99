"""What a database takes: its rows, and its files or, when it has a server of its own, all of that server's."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from celadon.model.postgres_limits import Usage

Connection = psycopg.Connection[Any]

_BLOCK = 512

# The statistics of a server that has crashed begin anew: until something is written to a table its planner's estimate counts.
_ROWS = """
select coalesce(sum(case when s.n_tup_ins + s.n_tup_upd + s.n_tup_del + s.n_live_tup = 0 then greatest(c.reltuples, 0)
  else s.n_live_tup end), 0)::bigint
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_stat_all_tables s on s.relid = c.oid
where c.relkind in ('r', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"""

_TABLES = """
select n.nspname, c.relname, greatest(s.n_live_tup, 0) from pg_class c join pg_namespace n on n.oid = c.relnamespace
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

    A table that somebody keeps locked is estimated. The superuser runs nothing of the tenant's by it. Raises psycopg.Error.
    """
    found = 0
    for schema, table, estimated in connection.execute(_TABLES).fetchall():
        query = sql.SQL("select count(*) from (select from only {} limit {}) as counted")
        try:
            with connection.transaction():
                connection.execute("set local lock_timeout = '200ms'")
                row = connection.execute(query.format(sql.Identifier(schema, table), most - found)).fetchone()
            found += int(row[0]) if row else 0
        except (psycopg.errors.LockNotAvailable, psycopg.errors.ObjectNotInPrerequisiteState):
            found += int(estimated or 0)
        except psycopg.errors.UndefinedTable:
            continue
        if found >= most:
            break
    return found


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
