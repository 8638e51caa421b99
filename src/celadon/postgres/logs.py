"""Servers' logs: what they say of a database goes to the logs of the apps that have it, as `app[heroku-postgres]`.

Wakes on: time. Reads: the servers' own logs, databases and attachments. Writes: lines. Survives: a SIGKILL; see log_files.py.
On the shared cluster a line goes by the name of its database, and what is of none goes nowhere. A line gets the time it
is read at, for the order of a log is by time.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.model import postgres_log as rules
from celadon.model.addon import Attachment
from celadon.model.engine import Engine
from celadon.model.postgres_database import PostgresDatabase
from celadon.postgres.log_files import LogFile
from celadon.postgres.pairs import Pairs
from celadon.store import addons, attachments, postgres_databases
from celadon.store.lines import Lines

log = logging.getLogger(__name__)

# Of one database: lines that may come at once, and each second for long.
_BURST, _RATE = 1_000, 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A database's place in the log of one app, which has it by this config var and calls it by this colour."""

    app_id: str
    var: str
    colour: str
    addon: str


Route = tuple[PostgresDatabase, Sequence[Target]]


def routes(context: Context) -> dict[str, list[Route]]:
    """Engine id (of a pair: the first node's) → its databases, each with the apps it is attached to."""
    with context.database.read() as tx:
        found = postgres_databases.list_all(tx)
        names = addons.by_ids(tx, [one.addon_id for one in found])
        attached: dict[str, list[Attachment]] = {}
        for one in attachments.list_of_addons(tx, list(names)):
            attached.setdefault(one.addon_id, []).append(one)
    result: dict[str, list[Route]] = {}
    for database in found:
        addon = names.get(database.addon_id)
        own = attached.get(database.addon_id, [])
        targets = [
            _target(app_id, [one.name for one in own if one.app_id == app_id], addon.name if addon else "")
            for app_id in dict.fromkeys(one.app_id for one in own)
        ]
        result.setdefault(database.engine_id, []).append((database, targets))
    return result


def _target(app_id: str, names: Sequence[str], addon: str) -> Target:
    """The app's main database is DATABASE_URL; its colour tells it from others all the same."""
    coloured = next((name for name in names if name != "DATABASE"), names[0])
    var = "DATABASE_URL" if "DATABASE" in names else f"{coloured}_URL"
    return Target(app_id=app_id, var=var, colour=coloured.removeprefix("HEROKU_POSTGRESQL_"), addon=addon)


class Logs:
    """The logs of one machine's servers. Only one thread may be in `ensure`."""

    def __init__(self, context: Context, pairs: Pairs, clock: Callable[[], float] = time.monotonic) -> None:
        self.context = context
        self.clusters = pairs.clusters
        self.pairs = pairs
        self._lines = Lines(context.settings.home)
        self._clock = clock
        self._files: dict[str, LogFile] = {}
        self._buckets: dict[str, rules.Bucket] = {}

    def ensure(self) -> int:
        """Bring what servers have said since the last call to the apps' logs; returns how many lines those were."""
        running = databases.running(self.context)
        known: Mapping[str, Sequence[Route]] | None = None
        count = 0
        for engine in running:
            file = self._file(engine)
            try:
                if engine.pair and self.pairs.primary(engine).id != engine.id:
                    file.pass_over()
                    continue
                for line in file.lines():
                    # Only when somebody says something: most servers are silent most of the time.
                    known = routes(self.context) if known is None else known
                    count += self._take(engine, line, known.get(engine.pair or engine.id, ()))
            except (psycopg.Error, OSError) as error:
                log.warning("at=log engine=%s error=%r", engine.name, str(error)[:200])
            if file.skipped:
                log.warning("at=log engine=%s skipped_bytes=%d", engine.name, file.skipped)
                file.skipped = 0
        self._forget(running)
        count += self._tell_losses(known)
        return count

    def _file(self, engine: Engine) -> LogFile:
        if engine.id not in self._files:
            place = self.context.settings.home / "postgres-logs"
            place.mkdir(mode=0o700, exist_ok=True)
            directory = self.clusters.engines.directory(engine) / "log"
            self._files[engine.id] = LogFile(directory, place / engine.id, lambda: self._rotate(engine))
        return self._files[engine.id]

    def _rotate(self, engine: Engine) -> None:
        with self.clusters.connect(engine) as connection:
            connection.execute("select pg_rotate_logfile()")

    def _forget(self, running: Sequence[Engine]) -> None:
        """What is kept of servers that are gone."""
        gone = self._files.keys() - {engine.id for engine in running}
        for engine_id in gone:
            del self._files[engine_id]
            (self.context.settings.home / "postgres-logs" / engine_id).unlink(missing_ok=True)

    def _take(self, engine: Engine, line: bytes, known: Sequence[Route]) -> int:
        """Write a server's line to the logs it is for; returns how many lines that were."""
        name = rules.database_of(line)
        for database, targets in known:
            if targets and (database.name == name or (name is None and not engine.shared)):
                return self._write(database, targets, line)
        return 0

    def _write(self, database: PostgresDatabase, targets: Sequence[Target], line: bytes) -> int:
        bucket = self._buckets.setdefault(database.addon_id, rules.Bucket(_BURST, _RATE))
        # What is too much is not even read: it would be the most of the work.
        if bucket.lost and not bucket.room(self._clock()):
            bucket.lost += 1
            return 0
        entry = rules.entry(line)
        if entry is None:
            return 0
        said = rules.lines(entry, targets[0].colour)
        if not bucket.take(len(said), self._clock()):
            return 0
        for target in targets:
            said = rules.lines(entry, target.colour)
            self._lines.append(target.app_id, rules.SOURCE, "\n".join(said))
        return len(said) * len(targets)

    def _tell_losses(self, known: Mapping[str, Sequence[Route]] | None) -> int:
        """Say what was too much, once there is room for it again."""
        lossy = {addon_id: one for addon_id, one in self._buckets.items() if one.lost and one.room(self._clock())}
        if not lossy:
            return 0
        count = 0
        for found in (known if known is not None else routes(self.context)).values():
            for database, targets in found:
                bucket = lossy.get(database.addon_id)
                for target in targets if bucket else ():
                    assert bucket is not None
                    words = f"[{target.colour}] {bucket.lost:,} messages dropped: more than {_RATE:g} lines a second"
                    self._lines.append(target.app_id, rules.SOURCE, words)
                    count += 1
        for bucket in lossy.values():
            bucket.lost = 0
        return count
