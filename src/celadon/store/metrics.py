"""Metrics of apps: `home/metrics.db`, an SQLite file of its own, whatever the store is.

Logplex adds what it has counted, and how far in an app's log that was, in one transaction; who looks after dynos adds
samples. A span of time has one row, and goes when it is older than its length is kept for: an app has some 2,800 rows of
each kind at most.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from celadon.model import metrics
from celadon.model.metrics import SPANS, Counts, Seen, Use, Uses

log = logging.getLogger(__name__)

_SCHEMA = """
create table if not exists positions (app_id text primary key, position integer not null) without rowid;
create table if not exists counts (
  app_id text not null, span integer not null, start integer not null, content blob not null,
  primary key (app_id, span, start));
create index if not exists counts_by_age on counts (span, start);
create table if not exists samples (
  app_id text not null, span integer not null, start integer not null, content blob not null,
  primary key (app_id, span, start));
create index if not exists samples_by_age on samples (span, start);
"""
_TABLES = ("counts", "samples")
# A clock that was wrong for a while leaves nothing that stays: seconds.
_AHEAD = 86_400


class _Seen(msgspec.Struct, array_like=True):
    count: int
    last: float


class _Counts(msgspec.Struct, array_like=True):
    classes: dict[int, int]
    sent: int
    times: dict[int, int]
    codes: dict[str, _Seen]
    starts: int


class _Use(msgspec.Struct, array_like=True):
    count: int
    memory: int
    memory_peak: int
    quota: int
    load: float
    load_peak: float


_encode = msgspec.msgpack.Encoder().encode
_decode_counts = msgspec.msgpack.Decoder(_Counts).decode
_decode_uses = msgspec.msgpack.Decoder(dict[str, _Use]).decode


@dataclass(slots=True)
class Batch:
    """What was counted in an app's log from one position to another, by the beginnings of the shortest spans."""

    app_id: str
    start: int
    end: int
    counts: dict[int, Counts] = field(default_factory=dict)


class Metrics:
    """The file, made when missing. Threads may share one. Every function raises sqlite3.Error.

    What is no such file is put aside, and said: logs and dynos do not stand still for the sake of figures.
    """

    def __init__(self, home: Path) -> None:
        self._lock = threading.Lock()
        path = home / "metrics.db"
        try:
            self._connection = _opened(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            log.error("at=metrics error=%s: it is put aside as %s.broken, and begun anew", error, path)
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            path.replace(path.with_name(path.name + ".broken"))
            self._connection = _opened(path)

    def close(self) -> None:
        self._connection.close()

    def positions(self) -> dict[str, int]:
        """How far each app's log has been counted."""
        with self._lock:
            return dict(self._connection.execute("select app_id, position from positions"))

    def add(self, batches: Iterable[Batch], now: float) -> list[str]:
        """Keep what was counted; returns the apps whose log has been counted to another position than the batch begins
        at, of which nothing is kept."""
        refused = []
        with self._writing() as connection:
            for batch in batches:
                if self._move(connection, batch):
                    self._merge_counts(connection, batch, now)
                else:
                    refused.append(batch.app_id)
        return refused

    def add_samples(self, uses: Mapping[str, Uses], at: float) -> None:
        """Keep what the dynos of each app, by process type, use at a moment (seconds since the epoch)."""
        with self._writing() as connection:
            for app_id, new in uses.items():
                for span in SPANS:
                    start = int(at) - int(at) % span
                    content = _content(connection, "samples", app_id, span, start)
                    known = _uses(content) if content else {}
                    metrics.add_uses(known, new)
                    _write(connection, "samples", app_id, span, start, _encode(_packed_uses(known)))

    def counts(self, app_id: str, span: int, start: float, end: float) -> list[tuple[int, Counts]]:
        """The spans of this length that begin from `start` to before `end`, oldest first; none for those without lines."""
        return [(at, _counts(content)) for at, content in self._rows("counts", app_id, span, start, end)]

    def samples(self, app_id: str, span: int, start: float, end: float) -> list[tuple[int, Uses]]:
        """The same of what dynos used."""
        return [(at, _uses(content)) for at, content in self._rows("samples", app_id, span, start, end)]

    def prune(self, now: float) -> int:
        """Forget spans that are older than theirs are kept; returns how many rows went."""
        with self._writing() as connection:
            return sum(
                connection.execute(
                    f"delete from {table} where span = ? and (start < ? or start > ?)", (span, now - kept, now + _AHEAD)
                ).rowcount
                for table in _TABLES
                for span, kept in SPANS.items()
            )

    def forget(self, app_ids: Sequence[str]) -> None:
        """Forget apps that are gone."""
        with self._writing() as connection:
            for table in (*_TABLES, "positions"):
                connection.executemany(f"delete from {table} where app_id = ?", [(app_id,) for app_id in app_ids])

    def _rows(self, table: str, app_id: str, span: int, start: float, end: float) -> list[tuple[int, bytes]]:
        query = f"select start, content from {table} where app_id = ? and span = ? and start >= ? and start < ? order by start"
        with self._lock:
            return self._connection.execute(query, (app_id, span, start, end)).fetchall()

    @staticmethod
    def _move(connection: sqlite3.Connection, batch: Batch) -> bool:
        """Note how far the log has been counted; False when that does not follow what is noted."""
        found = connection.execute("select position from positions where app_id = ?", (batch.app_id,)).fetchone()
        if (found[0] if found else 0) != batch.start:
            return False
        connection.execute("insert or replace into positions values (?, ?)", (batch.app_id, batch.end))
        return True

    @staticmethod
    def _merge_counts(connection: sqlite3.Connection, batch: Batch, now: float) -> None:
        for span, kept in SPANS.items():
            longer: dict[int, Counts] = {}
            for at, counts in batch.counts.items():
                if at >= now - kept:
                    longer.setdefault(at - at % span, Counts()).add(counts)
            for start, counts in longer.items():
                content = _content(connection, "counts", batch.app_id, span, start)
                if content:
                    counts.add(_counts(content))
                _write(connection, "counts", batch.app_id, span, start, _encode(_packed(counts)))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _content(connection: sqlite3.Connection, table: str, app_id: str, span: int, start: int) -> bytes | None:
    query = f"select content from {table} where app_id = ? and span = ? and start = ?"
    found = connection.execute(query, (app_id, span, start)).fetchone()
    return found[0] if found else None


def _write(connection: sqlite3.Connection, table: str, app_id: str, span: int, start: int, content: bytes) -> None:
    connection.execute(
        f"insert into {table} values (?, ?, ?, ?) on conflict do update set content = excluded.content",
        (app_id, span, start, content),
    )


def _packed(counts: Counts) -> _Counts:
    codes = {code: _Seen(seen.count, seen.last) for code, seen in counts.codes.items()}
    return _Counts(counts.classes, counts.sent, counts.times, codes, counts.starts)


def _counts(content: bytes) -> Counts:
    try:
        found = _decode_counts(content)
    except msgspec.DecodeError as error:
        log.error("at=metrics error=%s: a span counts as empty", error)
        return Counts()
    codes = {code: Seen(seen.count, seen.last) for code, seen in found.codes.items()}
    return Counts(found.classes, found.sent, found.times, codes, found.starts)


def _packed_uses(uses: Uses) -> dict[str, _Use]:
    return {
        name: _Use(use.count, use.memory, use.memory_peak, use.quota, use.load, use.load_peak)
        for name, use in uses.items()
    }


def _uses(content: bytes) -> Uses:
    try:
        found = _decode_uses(content)
    except msgspec.DecodeError as error:
        log.error("at=metrics error=%s: a span counts as empty", error)
        return {}
    return {
        name: Use(use.count, use.memory, use.memory_peak, use.quota, use.load, use.load_peak)
        for name, use in found.items()
    }
