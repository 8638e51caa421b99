"""The checks of `pg:diagnose`: each asks the server something, and grades what it is told."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import psycopg

from celadon.actions.postgres_databases import Place
from celadon.model import postgres_report as rules
from celadon.model.postgres_database import GB, MB, SIZES
from celadon.model.postgres_report import Status
from celadon.postgres import statistics
from celadon.postgres.statistics import Connection

Rows = list[dict[str, str]]

# Of one check's rows.
_MOST = 20
# Characters of a statement.
_STATEMENT = 500
_SESSIONS = f"""
select a.pid, to_char({{age}}, 'HH24:MI:SS') as duration, left(a.query, {_STATEMENT}) as query,
  {{age}} > interval '10 minutes' as bad
from pg_catalog.pg_stat_activity a
where a.datname = current_database() and a.backend_type = 'client backend' and a.usename <> 'postgres'
  and {{condition}} and {{age}} > interval '1 minute'
order by {{age}} desc limit {_MOST}"""
_INDEXES = f"""
select case when not i.indisvalid then 'Invalid' when u.idx_scan = 0 then 'Never Used' else 'Low Scans, High Writes' end
    as reason,
  u.relname || '::' || u.indexrelname as index,
  round(100.0 * u.idx_scan / nullif(t.seq_scan + t.idx_scan, 0), 2) as index_scan_pct,
  round(u.idx_scan::numeric / (t.n_tup_ins + t.n_tup_upd + t.n_tup_del + 1), 2) as scans_per_write,
  pg_size_pretty(pg_relation_size(u.indexrelid)) as index_size, pg_size_pretty(pg_table_size(u.relid)) as table_size
from pg_catalog.pg_stat_user_indexes u
join pg_catalog.pg_stat_user_tables t on t.relid = u.relid
join pg_catalog.pg_index i on i.indexrelid = u.indexrelid
where not i.indisvalid or (not i.indisunique and pg_relation_size(u.indexrelid) > {MB} and (u.idx_scan = 0 or
  (u.idx_scan < 0.01 * (t.seq_scan + t.idx_scan) and u.idx_scan < t.n_tup_ins + t.n_tup_upd + t.n_tup_del)))
order by pg_relation_size(u.indexrelid) desc limit {_MOST}"""
_BLOAT = f"""{statistics.WASTED}
select type, schemaname || '.' || object_name as object, bloat, pg_size_pretty(raw_waste) as waste,
  bloat >= 10 and raw_waste >= {GB} as bad
from wasted where schemaname <> 'pg_catalog' and bloat >= 4 and raw_waste >= {50 * MB}
order by raw_waste desc limit {_MOST}"""
# Of what has been read a few times only nothing can be told.
_HIT_RATE = """
select name, round(hit::numeric / (hit + read), 4) as ratio from (
  select 'overall index hit rate' as name, sum(idx_blks_hit) as hit, sum(idx_blks_read) as read
  from pg_catalog.pg_statio_user_indexes
  union all
  select 'overall cache hit rate', sum(heap_blks_hit), sum(heap_blks_read) from pg_catalog.pg_statio_user_tables
) rates where hit + read > 10000"""
_SEQUENCES = f"""
select schemaname || '.' || sequencename as sequence, round(100.0 * last_value / max_value, 1) as used_pct
from pg_catalog.pg_sequences where last_value > 0.75 * max_value order by last_value::numeric / max_value desc limit {_MOST}"""
_WRAPAROUND = "select age(datfrozenxid) as age from pg_catalog.pg_database where datname = current_database()"
_AT_WORK = """
select count(*) as at_work from pg_catalog.pg_stat_activity
where state = 'active' and backend_type in ('client backend', 'parallel worker') and pid <> pg_backend_pid()
  and (wait_event_type is null or wait_event_type = 'IO')"""
_CONNECTIONS = """
select count(*) as count from pg_catalog.pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and usename <> 'postgres'"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    status: Status
    results: Rows | dict[str, str]


def checks(connection: Connection, place: Place) -> Iterator[dict[str, object]]:
    """Each as Heroku's client shows it; one that the server does not answer in time is skipped."""
    for name, check in _CHECKS.items():
        try:
            graded = check(connection, place)
        except psycopg.errors.QueryCanceled:
            graded = Graded(status=Status.SKIPPED, results={"error": f"{name} check took too long"})
        yield {"name": name, "status": str(graded.status), "results": graded.results}


def _asked(connection: Connection, query: str, words: Mapping[str, object] | None = None) -> Rows:
    table = statistics.ask(connection, query, words or {})
    names = [name for name, _ in table.columns]
    return [dict(zip(names, ("" if cell is None else cell for cell in row), strict=True)) for row in table.rows]


def _connections(connection: Connection, place: Place) -> Graded:
    limit = SIZES[place.database.plan].connections
    (row,) = _asked(connection, _CONNECTIONS)
    status = rules.grade(int(row["count"]) / limit, 0.75, 0.9)
    return Graded(status=status, results=[{**row, "limit": str(limit)}])


def _sessions(condition: str, age: str) -> Callable[[Connection, Place], Graded]:
    query = _SESSIONS.format(condition=condition, age=age)
    return lambda connection, _: _marked(_asked(connection, query))


def _marked(rows: Rows) -> Graded:
    """Yellow when there are any, red when one is bad, as the query says."""
    status = rules.worst([Status.RED if row.pop("bad") == "t" else Status.YELLOW for row in rows])
    return Graded(status=status, results=rows)


def _indexes(connection: Connection, _: Place) -> Graded:
    rows = _asked(connection, _INDEXES)
    status = rules.worst([Status.RED if row["reason"] == "Invalid" else Status.YELLOW for row in rows])
    return Graded(status=status, results=rows)


def _bloat(connection: Connection, _: Place) -> Graded:
    return _marked(_asked(connection, _BLOAT))


def _hit_rate(connection: Connection, _: Place) -> Graded:
    rows = _asked(connection, _HIT_RATE)
    missed = [1 - float(row["ratio"]) for row in rows]
    return Graded(status=rules.worst([rules.grade(one, 0.01, 0.1) for one in missed]), results=rows)


def _blocking(connection: Connection, _: Place) -> Graded:
    rows = _asked(connection, statistics.QUERIES["blocking"], {"most": _STATEMENT})[:_MOST]
    return Graded(status=Status.RED if rows else Status.GREEN, results=rows)


def _sequences(connection: Connection, _: Place) -> Graded:
    rows = _asked(connection, _SEQUENCES)
    used = [float(row["used_pct"]) for row in rows]
    return Graded(status=rules.worst([rules.grade(one, 75, 90) for one in used]), results=rows)


def _wraparound(connection: Connection, _: Place) -> Graded:
    rows = _asked(connection, _WRAPAROUND)
    return Graded(status=rules.worst([rules.grade(int(row["age"]), 1e9, 1.5e9) for row in rows]), results=rows)


def _load(connection: Connection, place: Place) -> Graded:
    """Sessions that want a processor or the disk, for each processor of the machine."""
    if place.engine.shared:
        return Graded(status=Status.SKIPPED, results={"error": "Load check not supported on this plan"})
    (row,) = _asked(connection, _AT_WORK)
    processors = len(os.sched_getaffinity(0))
    status = rules.grade(int(row["at_work"]) / processors, 2, 4)
    return Graded(status=status, results=[{**row, "processors": str(processors)}])


_CHECKS: Mapping[str, Callable[[Connection, Place], Graded]] = {
    "Connection Count": _connections,
    "Long Queries": _sessions("a.state = 'active'", "now() - a.query_start"),
    "Long Transactions": _sessions("a.state <> 'idle'", "now() - a.xact_start"),
    "Idle in Transaction": _sessions("a.state like 'idle in transaction%%'", "now() - a.state_change"),
    "Indexes": _indexes,
    "Bloat": _bloat,
    "Hit Rate": _hit_rate,
    "Blocking Queries": _blocking,
    "Sequences": _sequences,
    "Transaction ID Wraparound": _wraparound,
    "Load": _load,
}
