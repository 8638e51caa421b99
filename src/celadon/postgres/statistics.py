"""What a server knows of one database, by the names of the commands that show it: `pg:cache-hit`, `pg:locks` and others.

Each query runs as the superuser within the database, so it sees all of it, and of the server only what is this
database's: sessions by their name of it, statements by its id. Nothing of a tenant's is called: it reads catalogs alone.
Columns are called as Heroku's client calls them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

Connection = psycopg.Connection[object]

# Characters of a statement that are shown: of a truncated one, and of any.
TRUNCATED, _WHOLE = 40, 100_000
MOST = 100
_TIMEOUT = "10s"
# int8, int2, int4, oid, xid, cid, float4, float8, money, numeric, xid8: psql writes them to the right.
_NUMBERS = frozenset({20, 21, 23, 26, 28, 29, 700, 701, 790, 1700, 5069})

_QUERY = "case when length(a.query) <= %(most)s then a.query else left(a.query, %(most)s - 1) || '…' end"
_USERS = "a.datname = current_database() and a.backend_type = 'client backend' and a.usename <> 'postgres'"
_OWN = "n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'"
_RELATIONS = "pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"

_STATEMENTS = f"""
select interval '1 millisecond' * a.total_exec_time as total_exec_time,
  to_char(a.total_exec_time / nullif(sum(a.total_exec_time) over (), 0) * 100, 'FM990D0') || '%%' as prop_exec_time,
  to_char(a.calls, 'FM999G999G999G990') as ncalls,
  interval '1 millisecond' * (a.shared_blk_read_time + a.shared_blk_write_time) as sync_io_time,
  {_QUERY} as query
from public.pg_stat_statements a
where a.dbid = (select oid from pg_catalog.pg_database where datname = %(database)s)
  and a.userid <> (select oid from pg_catalog.pg_roles where rolname = 'postgres')
order by {{order}} desc limit %(limit)s"""

# Those of statements are asked in `postgres`, where the extension is out of every tenant's reach.
OF_STATEMENTS: Mapping[str, str] = {
    "calls": _STATEMENTS.format(order="a.calls"),
    "outliers": _STATEMENTS.format(order="a.total_exec_time"),
}

# Ends with what is called `wasted`.
WASTED = """
with constants as (
  select current_setting('block_size')::numeric as bs, 23 as hdr, 4 as ma
), widths as (
  select s.schemaname, s.tablename, k.hdr, k.ma, k.bs, sum((1 - s.null_frac) * s.avg_width) as datawidth,
    max(s.null_frac) as maxfracsum,
    k.hdr + 1 + count(*) filter (where s.null_frac <> 0) / 8 as nullhdr
  from pg_catalog.pg_stats s, constants k group by 1, 2, 3, 4, 5
), sizes as (
  select ma, bs, schemaname, tablename,
    (datawidth + (hdr + ma - case when hdr % ma = 0 then ma else hdr % ma end))::numeric as datahdr,
    maxfracsum * (nullhdr + ma - case when nullhdr % ma = 0 then ma else nullhdr % ma end) as nullhdr2
  from widths
), tables as (
  select s.schemaname, s.tablename, c.oid, c.relpages, s.bs, s.datahdr, ceil((c.reltuples * ((s.datahdr + s.ma -
    case when s.datahdr % s.ma = 0 then s.ma else s.datahdr % s.ma end) + s.nullhdr2 + 4)) / (s.bs - 20)) as otta
  from sizes s
  join pg_catalog.pg_namespace n on n.nspname = s.schemaname and n.nspname <> 'information_schema'
  join pg_catalog.pg_class c on c.relname = s.tablename and c.relnamespace = n.oid
), indexes as (
  select t.schemaname, t.tablename, t.bs, i.relname as iname, i.relpages as ipages,
    coalesce(ceil(i.reltuples * (t.datahdr - 12) / (t.bs - 20)), 0) as iotta
  from tables t
  join pg_catalog.pg_index x on x.indrelid = t.oid
  join pg_catalog.pg_class i on i.oid = x.indexrelid
), wasted as (
  select 'table' as type, schemaname, tablename::text as object_name,
    round(case when otta = 0 then 0 else relpages / otta::numeric end, 1) as bloat,
    greatest(0, bs * (relpages - otta))::bigint as raw_waste
  from tables where relpages > 0
  union all
  select 'index', schemaname, tablename || '::' || iname,
    round(case when iotta = 0 then 0 else ipages / iotta::numeric end, 1),
    greatest(0, bs * (ipages - iotta))::bigint
  from indexes where ipages > 0
)
""".replace("%", "%%")
_BLOAT = f"""{WASTED}
select type, schemaname, object_name, bloat, pg_size_pretty(raw_waste) as waste
from wasted where schemaname <> 'pg_catalog' order by raw_waste desc, bloat desc"""

_VACUUM = """
with options as (
  select c.oid, c.reltuples, n.nspname, c.relname,
    (select option_value from pg_catalog.pg_options_to_table(c.reloptions)
      where option_name = 'autovacuum_vacuum_threshold') as threshold,
    (select option_value from pg_catalog.pg_options_to_table(c.reloptions)
      where option_name = 'autovacuum_vacuum_scale_factor') as factor
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
), limits as (
  select oid, nspname, relname, greatest(reltuples, 0) as reltuples,
    coalesce(threshold, current_setting('autovacuum_vacuum_threshold'))::numeric
      + coalesce(factor, current_setting('autovacuum_vacuum_scale_factor'))::numeric * greatest(reltuples, 0)::numeric
      as autovacuum_threshold
  from options
)
select l.nspname as schema, l.relname as table,
  to_char(s.last_vacuum, 'YYYY-MM-DD HH24:MI') as last_vacuum,
  to_char(s.last_autovacuum, 'YYYY-MM-DD HH24:MI') as last_autovacuum,
  to_char(l.reltuples, '9G999G999G999') as rowcount,
  to_char(s.n_dead_tup, '9G999G999G999') as dead_rowcount,
  to_char(l.autovacuum_threshold, '9G999G999G999') as autovacuum_threshold,
  case when l.autovacuum_threshold < s.n_dead_tup then 'yes' end as expect_autovacuum
from pg_catalog.pg_stat_user_tables s join limits l on l.oid = s.relid
order by 1, 2"""

QUERIES: Mapping[str, str] = {
    "bloat": _BLOAT,
    "blocking": f"""
select b.pid as blocked_pid, {_QUERY} as blocking_statement, now() - a.query_start as blocking_duration,
  a.pid as blocking_pid,
  case when length(b.query) <= %(most)s then b.query else left(b.query, %(most)s - 1) || '…' end as blocked_statement,
  now() - b.query_start as blocked_duration
from pg_catalog.pg_stat_activity b
cross join lateral unnest(pg_catalog.pg_blocking_pids(b.pid)) as blocking (pid)
join pg_catalog.pg_stat_activity a on a.pid = blocking.pid
where b.datname = current_database() and b.usename <> 'postgres' and b.wait_event_type = 'Lock' and {_USERS}
order by b.query_start, b.pid""",
    "cache-hit": """
select 'index hit rate' as name, sum(idx_blks_hit) / nullif(sum(idx_blks_hit + idx_blks_read), 0) as ratio
from pg_catalog.pg_statio_user_indexes
union all
select 'table hit rate', sum(heap_blks_hit) / nullif(sum(heap_blks_hit) + sum(heap_blks_read), 0)
from pg_catalog.pg_statio_user_tables""",
    "index-size": f"""
select c.relname as name, pg_size_pretty(sum(c.relpages::bigint * 8192)::bigint) as size
from {_RELATIONS} where {_OWN} and c.relkind = 'i' group by c.relname order by sum(c.relpages) desc, c.relname""",
    "index-usage": """
select relname,
  case idx_scan when 0 then 'Insufficient data' else (100 * idx_scan / (seq_scan + idx_scan))::text end
    as percent_of_times_index_used,
  n_live_tup as rows_in_table
from pg_catalog.pg_stat_user_tables order by n_live_tup desc, relname""",
    "locks": f"""
select a.pid, c.relname, l.transactionid, l.granted, {_QUERY} as query_snippet, age(now(), a.query_start) as age
from pg_catalog.pg_stat_activity a
join pg_catalog.pg_locks l on l.pid = a.pid and l.mode = 'ExclusiveLock'
left join pg_catalog.pg_class c on c.oid = l.relation
where {_USERS} order by a.query_start, a.pid""",
    "long-running-queries": f"""
select a.pid, now() - a.query_start as duration, {_QUERY} as query
from pg_catalog.pg_stat_activity a
where {_USERS} and a.query <> '' and a.state <> 'idle' and now() - a.query_start > interval '5 minutes'
order by duration desc""",
    "ps": f"""
select a.pid, a.state, a.application_name as source, a.usename as username, age(now(), a.xact_start) as running_for,
  a.xact_start as transaction_start, a.wait_event is not null as waiting, {_QUERY} as query
from pg_catalog.pg_stat_activity a
where {_USERS} and (a.state <> 'idle' or %(verbose)s) order by a.query_start desc""",
    "records-rank": """
select relname as name, n_live_tup as estimated_count
from pg_catalog.pg_stat_user_tables order by n_live_tup desc, relname""",
    "seq-scans": """
select relname as name, seq_scan as count from pg_catalog.pg_stat_user_tables order by seq_scan desc, relname""",
    "table-indexes-size": f"""
select c.relname as table, pg_size_pretty(pg_indexes_size(c.oid)) as index_size
from {_RELATIONS} where {_OWN} and c.relkind = 'r' order by pg_indexes_size(c.oid) desc, c.relname""",
    "table-size": f"""
select c.relname as name, pg_size_pretty(pg_table_size(c.oid)) as size
from {_RELATIONS} where {_OWN} and c.relkind = 'r' order by pg_table_size(c.oid) desc, c.relname""",
    "total-index-size": f"""
select pg_size_pretty(sum(c.relpages::bigint * 8192)::bigint) as size from {_RELATIONS} where {_OWN} and c.relkind = 'i'""",
    "total-table-size": f"""
select c.relname as name, pg_size_pretty(pg_total_relation_size(c.oid)) as size
from {_RELATIONS} where {_OWN} and c.relkind = 'r' order by pg_total_relation_size(c.oid) desc, c.relname""",
    "unused-indexes": """
select u.schemaname || '.' || u.relname as table, u.indexrelname as index,
  pg_size_pretty(pg_relation_size(i.indexrelid)) as index_size, u.idx_scan as index_scans
from pg_catalog.pg_stat_user_indexes u join pg_catalog.pg_index i on i.indexrelid = u.indexrelid
where not i.indisunique and u.idx_scan < 50 and pg_relation_size(u.relid) > 5 * 8192
order by pg_relation_size(i.indexrelid) / nullif(u.idx_scan, 0) desc nulls first, pg_relation_size(i.indexrelid) desc""",
    "user-connections": f"""
select a.usename as credential, count(*) as connections
from pg_catalog.pg_stat_activity a where {_USERS} and a.state = 'active' group by a.usename order by connections desc""",
    "vacuum-stats": _VACUUM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What psql would show: names of columns with whether they hold numbers, and rows of text."""

    columns: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[str | None, ...], ...]


def guard(connection: Connection) -> None:
    """Let it read alone, and not for long: what holds a table's lock holds nobody up who looks at it."""
    connection.execute("set default_transaction_read_only = on")
    connection.execute(f"set statement_timeout = '{_TIMEOUT}'")


def run(
    connection: Connection,
    name: str,
    *,
    database: str,
    truncate: bool = False,
    verbose: bool = False,
    limit: int = 10,
) -> Table:
    """Ask one by name. Raises psycopg.Error."""
    words = {"database": database, "most": TRUNCATED if truncate else _WHOLE, "verbose": verbose, "limit": limit}
    query = OF_STATEMENTS.get(name) or QUERIES[name]
    return ask(connection, query, words)


def ask(connection: Connection, query: str, words: Mapping[str, object]) -> Table:
    """A query's answer as the server writes it. Raises psycopg.Error."""
    guard(connection)
    cursor = connection.execute(query, words)
    result, described = cursor.pgresult, cursor.description or []
    assert result is not None, "it was executed"
    rows = [[result.get_value(row, at) for at in range(result.nfields)] for row in range(result.ntuples)]
    return Table(
        columns=tuple((one.name, one.type_code in _NUMBERS) for one in described),
        rows=tuple(tuple(None if cell is None else cell.decode("utf-8", "replace") for cell in row) for row in rows),
    )


def reset(connection: Connection, database: str) -> None:
    """Forget what was counted of a database's statements; `connection` is to `postgres`. Raises psycopg.Error."""
    query = "select public.pg_stat_statements_reset(0, oid, 0) from pg_catalog.pg_database where datname = %s"
    connection.execute(query, [database])


def end(connection: Connection, pid: int, *, force: bool) -> Table | None:
    """Cancel what a session of the connection's database does, or end it by force; None when there is no such session.

    Raises psycopg.Error.
    """
    function = "pg_terminate_backend" if force else "pg_cancel_backend"
    query = f"select pg_catalog.{function}(a.pid) from pg_catalog.pg_stat_activity a where {_USERS} and a.pid = %(pid)s"
    found = ask(connection, query, {"pid": pid})
    return found if found.rows else None
