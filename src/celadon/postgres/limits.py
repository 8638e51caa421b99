"""Keeps databases within their plans: looks at each every few seconds, ends writing at the limit and begins it again below.

Wakes on: the change feed, and a database's time. Reads: the servers. Writes: what a database takes, and who was told of it.
Survives: a SIGKILL. What is so is asked of the server, not of the store; so a copy of a database that takes no writes, or
a follower that was let go, is opened again when its own plan has room.
"""

import logging
import shutil
import time
from dataclasses import replace
from pathlib import Path

import psycopg

from celadon.actions import postgres_limits as limits
from celadon.actions.context import Context
from celadon.actions.postgres_databases import Site
from celadon.model import postgres_limits as rules
from celadon.model.engine import Engine
from celadon.model.postgres_database import SIZES
from celadon.model.postgres_limits import Access, Usage
from celadon.postgres import blocks, measures
from celadon.postgres.pairs import Pairs
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

# Seconds between two looks at a database: for so long somebody may write beyond the limit.
INTERVAL = 10.0


class Limits:
    """The limits of one machine's databases. Only one thread may be in `ensure`."""

    def __init__(self, context: Context, pairs: Pairs, interval: float = INTERVAL) -> None:
        self.context = context
        self.clusters = pairs.clusters
        self.pairs = pairs
        self._interval = interval
        self._due: dict[str, float] = {}
        # What was seen of a database of the shared cluster when its rows were counted, and how it was then.
        self._seen: dict[str, tuple[tuple[int, int], Usage, Access]] = {}
        self._disk_low = False

    def ensure(self) -> int:
        """Look at each database whose time has come; returns how many are otherwise than they were."""
        at = time.monotonic()
        due = [
            place
            for place in limits.limited(self.context)
            if place.database.measured_at is None or self._due.get(place.database.addon_id, 0.0) <= at
        ]
        if not due:
            return 0
        self._look_at_disk()
        activity: dict[str, dict[str, tuple[int, int]]] = {}
        changed = 0
        for place in due:
            self._due[place.database.addon_id] = at + self._interval
            try:
                if place.engine.shared and place.engine.id not in activity:
                    activity[place.engine.id] = self._activity(place.engine)
                changed += self.look(place, activity.get(place.engine.id, {}).get(place.database.name))
            except (psycopg.Error, RuntimeFailure, OSError) as error:
                # A server that starts or stops now; or a database that is being removed.
                log.warning("at=limit addon=%s error=%r", place.database.addon_id, str(error)[:200])
        return changed

    def look(self, place: Site, activity: tuple[int, int] | None = None) -> bool:
        """Measure a database, have it as it is to be and tell its owner; whether anything is new.

        `activity` is what was just seen of one in the shared cluster. Raises psycopg.Error, RuntimeFailure, OSError.
        """
        database = place.database
        known = self._seen.get(database.addon_id)
        unchanged = known is not None and known[0] == activity and database.measured_at is not None
        if unchanged and known and known[2] is Access.FULL:
            return False
        engine = self.pairs.primary(place.engine)
        with self.clusters.connect(engine, database.name) as connection:
            usage = known[1] if unchanged and known else self._usage(connection, place, engine)
            before = blocks.state(connection)
            wanted = rules.access(SIZES[database.plan], usage, before, disk_low=self._disk_low)
            if blocks.ensure(connection, wanted):
                log.info("at=limit addon=%s access=%s bytes=%d rows=%d", database.addon_id, wanted, *_of(usage))
        if activity is not None:
            self._seen[database.addon_id] = activity, usage, wanted
        return limits.measured(self.context, database, usage, wanted)

    def _usage(self, connection: measures.Connection, place: Site, engine: Engine) -> Usage:
        """Rows are estimated; before anything is told or done about them they are counted."""
        size, database = SIZES[place.database.plan], place.database
        usage = measures.usage(connection, self._files(engine))
        if not engine.shared:
            # What is written and deleted again fills the archive: it may be as large as all the rest, and then counts.
            archive = measures.octets_of(self.pairs.archive.directory(engine))
            usage = replace(usage, octets=usage.octets + max(0, archive - size.storage))
        new = rules.told(size, usage, database.told) > database.told
        if size.rows is not None and (new or 100 * usage.rows >= rules.LIFTED * size.rows):
            return replace(usage, rows=measures.count(connection, 2 * size.rows))
        return usage

    def _activity(self, engine: Engine) -> dict[str, tuple[int, int]]:
        with self.clusters.connect(engine) as connection:
            return measures.activity(connection)

    def _files(self, engine: Engine) -> Path | None:
        return None if engine.shared else self.clusters.engines.directory(engine)

    def _look_at_disk(self) -> None:
        """Tell the operator once when the machine's disk runs low, and when it does not any more."""
        found = shutil.disk_usage(self.clusters.engines.settings.home)
        low = 100.0 * found.free < rules.DISK_FLOOR * found.total
        if low and not self._disk_low:
            log.error("at=disk-low free_mb=%d total_mb=%d: make room, or databases fail", *_megabytes(found))
        elif self._disk_low and not low:
            log.info("at=disk-enough free_mb=%d total_mb=%d", *_megabytes(found))
        self._disk_low = low


def _of(usage: Usage) -> tuple[int, int]:
    return usage.octets, usage.rows


def _megabytes(found: "shutil._ntuple_diskusage") -> tuple[int, int]:
    return found.free >> 20, found.total >> 20
