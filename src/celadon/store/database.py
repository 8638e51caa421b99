"""The database: all the difference between SQLite and PostgreSQL is in this file.

SQLite runs in WAL mode and begins every writing transaction with `begin immediate`, so that two writers queue instead of
failing at commit. PostgreSQL runs at read committed; actions lock the row they decide on.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from celadon.platform.settings import Settings
from celadon.store.secrets import Secrets

# Seconds after which a connection to PostgreSQL counts as idle.
_IDLE = 1.0


class StoreError(Exception):
    """The store cannot be opened or is of another version than this code."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One open transaction; store functions take it as their first argument."""

    connection: sa.Connection
    secrets: Secrets


class Database:
    """Opens transactions. Threads may share one Database."""

    def __init__(self, url: str, secrets: Secrets) -> None:
        self.url = sa.engine.make_url(url)
        self.secrets = secrets
        # SQLite's own wait for another writer is a sleep that grows: among threads a lock is faster, and fairer.
        self._turn = threading.Lock() if self.sqlite else nullcontext()
        if self.sqlite:
            self._engine = sa.create_engine(self.url, connect_args={"timeout": 30, "check_same_thread": False})
            sa.event.listen(self._engine, "connect", _configure_sqlite)
            self._reading = self._engine
        else:
            self._engine = _postgresql(self.url)
            self._reading = _postgresql(self.url, isolation_level="REPEATABLE READ")
            sa.event.listen(self._reading, "connect", _configure_reading)

    @property
    def sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Read and write: all or nothing."""
        with self._turn, self._engine.connect() as connection, connection.begin():
            if self.sqlite:
                connection.exec_driver_sql("begin immediate")
            yield Transaction(connection, self.secrets)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Read one consistent state; never waits for a writer."""
        with self._reading.connect() as connection, connection.begin():
            if self.sqlite:
                connection.exec_driver_sql("begin")
            yield Transaction(connection, self.secrets)

    def close(self) -> None:
        self._engine.dispose()
        self._reading.dispose()

    @property
    def engine(self) -> sa.Engine:
        return self._engine


def connect(settings: Settings) -> Database:
    """The platform's store, as it is; raises SecretsError."""
    return Database(settings.database_url, Secrets.load(settings.home))


def migrate(settings: Settings) -> None:
    """Bring the store to the newest schema, making it and its key when there is none. Safe to run again.

    Raises StoreError, SecretsError: a store whose key is gone gets no new one, which could not read it.
    """
    if not _filled(settings):
        Secrets.make(settings.home)
    database = connect(settings)
    try:
        upgrade(database)
    finally:
        database.close()


def _filled(settings: Settings) -> bool:
    """Whether there is a store already."""
    engine = sa.create_engine(_psycopg(sa.engine.make_url(settings.database_url)))
    try:
        return sa.inspect(engine).has_table("alembic_version")
    except sa.exc.OperationalError as error:
        raise StoreError(f"cannot reach the store: {error.orig}") from None
    finally:
        engine.dispose()


def upgrade(database: Database) -> None:
    """Run the migrations that are missing, each in a transaction of its own; raises StoreError."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["engine"] = database.engine
    config.attributes["sqlite"] = database.sqlite
    try:
        command.upgrade(config, "head")
    except (CommandError, sa.exc.SQLAlchemyError) as error:
        raise StoreError(f"cannot bring the store to this version: {error}") from None


def _postgresql(url: sa.URL, **options: Any) -> sa.Engine:
    """Reads have connections of their own: to make one read-only and back takes four calls of the driver each time."""
    engine = sa.create_engine(_psycopg(url), pool_size=5, max_overflow=25, **options)
    sa.event.listen(engine, "connect", _configure_postgresql)
    sa.event.listen(engine, "checkin", _leave)
    sa.event.listen(engine, "checkout", _look)
    return engine


def _configure_postgresql(connection: Any, _: Any) -> None:
    # Instants come in the zone they are wanted in.
    connection.execute("set time zone 'UTC'")
    connection.commit()


def _configure_reading(connection: Any, _: Any) -> None:
    connection.read_only = True


def _leave(_: Any, record: Any) -> None:
    record.info["left"] = time.monotonic()


def _look(connection: Any, record: Any, _: Any) -> None:
    """A connection that was idle is tried before it is used: the server may have been restarted meanwhile."""
    if time.monotonic() - record.info.get("left", math.inf) < _IDLE:
        return
    try:
        connection.execute("select 1")
        connection.rollback()
    except psycopg.OperationalError as error:
        raise sa.exc.DisconnectionError from error


def _configure_sqlite(connection: Any, _: Any) -> None:
    # The driver would begin transactions by itself, too late for `begin immediate`: it is told not to.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = wal", "synchronous = normal", "foreign_keys = on", "temp_store = memory"):
        cursor.execute(f"pragma {pragma}")
    cursor.close()


def _psycopg(url: sa.URL) -> sa.URL:
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url
