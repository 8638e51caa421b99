"""What servers are at, every few minutes: a line for each database with a server of its own, as Heroku writes it.

Wakes on: time. Reads: the servers. Writes: lines. Survives: a SIGKILL; a line more or less is all.
"""

import logging
import time
from typing import Any

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.model import postgres_log as rules
from celadon.model.postgres_log import Sample
from celadon.postgres import logs
from celadon.postgres.pairs import Pairs
from celadon.store.lines import Lines

log = logging.getLogger(__name__)

# Seconds between two lines of a database.
INTERVAL = 120.0

_CLIENTS = "datname = current_database() and backend_type = 'client backend' and usename <> 'postgres'"
_QUERY = f"""
select case when pg_is_in_recovery() then 0 else txid_snapshot_xmax(txid_current_snapshot()) end,
  pg_database_size(current_database()),
  (select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'),
  (select count(*) from pg_stat_activity where {_CLIENTS}),
  (select count(*) from pg_stat_activity where {_CLIENTS} and wait_event_type = 'Lock'),
  (select sum(idx_blks_hit)::float / nullif(sum(idx_blks_hit + idx_blks_read), 0) from pg_statio_user_indexes),
  (select sum(heap_blks_hit)::float / nullif(sum(heap_blks_hit + heap_blks_read), 0) from pg_statio_user_tables)"""


class Samples:
    """The samples of one machine's servers. Only one thread may be in `ensure`."""

    def __init__(self, context: Context, pairs: Pairs, interval: float = INTERVAL) -> None:
        self.context = context
        self.clusters = pairs.clusters
        self.pairs = pairs
        self._lines = Lines(context.settings.home)
        self._interval = interval
        self._due = 0.0

    def ensure(self) -> int:
        """Say it of each, when it is time; returns how many lines those were."""
        if time.monotonic() < self._due:
            return 0
        self._due = time.monotonic() + self._interval
        count = 0
        found = databases.own_servers(self.context)
        routes = logs.routes(self.context) if found else {}
        for place in found:
            targets = [one for _, targets in routes.get(place.engine.id, ()) for one in targets]
            if not targets:
                continue
            try:
                sample = self._sample(place)
            except (psycopg.Error, OSError) as error:
                # A server that starts or stops now.
                log.warning("at=sample engine=%s error=%r", place.engine.name, str(error)[:200])
                continue
            for target in targets:
                self._lines.append(target.app_id, rules.SOURCE, rules.sample_line(sample, target.var, target.addon))
                count += 1
        return count

    def _sample(self, place: databases.Site) -> Sample:
        with self.clusters.connect(self.pairs.primary(place.engine), place.database.name) as connection:
            row: Any = connection.execute(_QUERY).fetchone()
        return Sample(
            transaction=int(row[0]),
            octets=int(row[1]),
            tables=int(row[2]),
            active=int(row[3]),
            waiting=int(row[4]),
            index_rate=row[5],
            table_rate=row[6],
        )
