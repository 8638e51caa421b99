"""PostgreSQL clusters: one engine each, made, configured, started, spoken to as their superuser.

The superuser's connections go by the socket, where only the platform comes in as it (authentication.py), with an empty
search path: what a user puts into a schema must never run as the superuser.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from celadon.addons.engines import ENGINE_DIRECTORY, Engines
from celadon.model import postgres_limits
from celadon.model.engine import Engine
from celadon.postgres import authentication
from celadon.runtime.protocol import ContainerSpec, ContainerState, Mount, RuntimeFailure

SUPERUSER = "postgres"
DATA = f"{ENGINE_DIRECTORY}/cluster"
_LOG = f"{ENGINE_DIRECTORY}/log"
# In the engine's directory of sockets.
SOCKET = ".s.PGSQL.5432"
_START_TIMEOUT = 60.0
_LOOK = 0.005


# No file of a server's is larger but its log, when nobody reads it (log_files.py).
BOUNDED = ("prlimit", f"--fsize={1100 << 20}", "--")
# And no process of a shared server's has more memory of its own, so that a query that wants more fails: were the
# container's used up, the kernel would end a process, and the server with it everybody's sessions. Shared memory does not
# count.
_DATA = f"--data={192 << 20}"
# The queue of NOTIFY is the whole server's: who listens in a transaction without an end would fill 8 GB with it.
_QUEUE = "max_notify_queue_pages = 16384\n"
# For each connection of a shared server, whose table of locks is everybody's: one tenant does not fill it before the
# watch sees it (watch.py).
_LOCKS = 256


class ClusterFailure(Exception):
    """A cluster cannot be made or does not start; the message says why."""


class Clusters:
    """The clusters of one machine. Threads may share it; calls of one cluster must not overlap."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        found = sorted(int(path.name) for path in (engines.root / "usr/lib/postgresql").iterdir())
        # Those of the image, the oldest first.
        self.versions = tuple(str(version) for version in found)
        self.version = self.versions[-1]

    def program(self, engine: Engine, name: str) -> str:
        return f"/usr/lib/postgresql/{engine.version}/bin/{name}"

    def files(self, engine: Engine) -> Path:
        """The cluster's own directory, as the host sees it."""
        return self.engines.directory(engine) / "cluster"

    def made(self, engine: Engine) -> bool:
        """Whether its files are complete: they are made beside and renamed."""
        return (self.files(engine) / "PG_VERSION").is_file()

    def make(self, engine: Engine) -> None:
        """Make its files unless they are there. Raises RuntimeFailure, ClusterFailure."""
        if self.made(engine):
            return
        self.engines.prepare(engine)
        if engine.version != self.version or not self._take_spare(engine):
            self.initdb(engine)

    def configure(self, engine: Engine, more: str = "", peers: Sequence[str] = ()) -> None:
        """Write its configuration: the platform's, never changed by hand. `more` are further lines of postgresql.conf.

        `peers` are the addresses of those that copy it.
        """
        self.engines.prepare(engine)
        for name in ("log", "wal"):
            path = self.engines.directory(engine) / name
            path.mkdir(mode=0o700, exist_ok=True)
            os.chown(path, self.engines.uid(engine), self.engines.uid(engine))
        self.engines.write(engine, "conf/pg_hba.conf", authentication.hba(engine, peers))
        self.engines.write(engine, "conf/pg_ident.conf", authentication.IDENT)
        self.engines.write(engine, "conf/postgresql.conf", _configuration(engine) + more)
        self.engines.certify(engine)

    def start(self, engine: Engine, *, mounts: tuple[Mount, ...] = (), group: str | None = None) -> None:
        """Start it unless it runs, and wait until it answers. Raises RuntimeFailure, ClusterFailure."""
        if not self.engines.running(engine):
            self.engines.start(engine, self.server_argv(engine), mounts=mounts, group=group)
        self.wait(engine)

    def server_argv(self, engine: Engine, data: str = DATA, conf: str = f"{ENGINE_DIRECTORY}/conf") -> tuple[str, ...]:
        words = ("-D", data, "-c", f"config_file={conf}/postgresql.conf")
        bounds = (BOUNDED[0], _DATA, *BOUNDED[1:]) if engine.shared else BOUNDED
        return (*bounds, self.program(engine, "postgres"), *words)

    def outdated(self, engine: Engine) -> bool:
        """Whether it runs with an older version's way of telling who logs in, which only a restart ends.

        Raises psycopg.Error.
        """
        with self.connect(engine) as connection:
            return connection.execute("show ident_file").fetchone() != (authentication.IDENT_FILE,)

    def stop(self, engine: Engine, container_id: str, seconds: float, data: str = DATA) -> None:
        """End a server in the way that leaves nothing to recover; whoever follows it has everything then.

        Raises RuntimeFailure when it still runs after so many seconds.
        """
        argv = (self.program(engine, "pg_ctl"), "stop", "--mode=fast", "--no-wait", f"--pgdata={data}")
        self.engines.runtime.exec(container_id, argv, {})
        self._wait_for_end(container_id, seconds)

    def wait(self, engine: Engine, seconds: float = _START_TIMEOUT, container_id: str = "") -> None:
        """Wait until it answers. Raises ClusterFailure when it ends before, or takes too long.

        `container_id` is that of a server that does not run in the engine's own container.
        """
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(psycopg.OperationalError), self.connect(engine):
                return
            if not self.engines.runs(container_id or engine.name):
                raise ClusterFailure(f"cannot start {engine.name}: it ended at once, its log says why")
            if time.monotonic() > deadline:
                raise ClusterFailure(f"cannot start {engine.name}: it does not answer after {seconds:g} s")
            time.sleep(_LOOK)

    @contextlib.contextmanager
    def connect(self, engine: Engine, database: str = "postgres") -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """A connection of the superuser, each statement its own transaction. Raises psycopg.Error."""
        with self.open(engine, database) as connection:
            yield connection

    def open(self, engine: Engine, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """As `connect`, for who keeps it and closes it. Raises psycopg.Error."""
        return psycopg.connect(
            host=str(self.engines.sockets(engine)),
            user=SUPERUSER,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
            application_name="celadon",
            # What the owner has logged is not the platform's: a new password, though hashed, would be in it.
            options="-c search_path= -c statement_timeout=60s -c log_statement=none -c log_min_duration_statement=-1",
        )

    def run(self, engine: Engine, name: str, argv: tuple[str, ...], seconds: float) -> None:
        """Run a program on its files in a container of its own, while the cluster itself does not run.

        Raises RuntimeFailure, ClusterFailure with what it said.
        """
        self.run_to_end(self.engines.spec(engine, f"{engine.name}-{name}", argv, env={}), seconds)

    def run_to_end(self, spec: ContainerSpec, seconds: float) -> None:
        """Run a container until its program ends. Raises RuntimeFailure, ClusterFailure with what it said."""
        status, said = self.outcome(spec, seconds)
        if status != 0:
            raise ClusterFailure(f"cannot run {spec.id} (status {status}): {said[-500:]}")

    def outcome(self, spec: ContainerSpec, seconds: float) -> tuple[int | None, str]:
        """Run a container until its program ends: its status (None when nobody saw it) and what it said.

        Raises RuntimeFailure.
        """
        runtime, output = self.engines.runtime, spec.log_path
        runtime.remove(spec.id)
        before = output.stat().st_size if output.is_file() else 0
        try:
            runtime.start(spec)
            status = self._wait_for_end(spec.id, seconds)
        finally:
            runtime.remove(spec.id)
        return status, output.read_bytes()[before:].decode("utf-8", "replace").strip() if output.is_file() else ""

    def _wait_for_end(self, container_id: str, seconds: float) -> int | None:
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            found = self.engines.runtime.inspect(container_id)
            if found is None or found.state is ContainerState.EXITED:
                return found.exit_status if found else None
            # What takes an hour is not looked at 200 times a second.
            time.sleep(max(_LOOK, min(0.25, passed / 50)))
        raise RuntimeFailure(f"cannot wait for {container_id}: it still runs after {seconds:g} s")

    def initdb(self, engine: Engine, target: str = "cluster") -> None:
        """Make the files of an empty cluster in this directory beside. Raises RuntimeFailure, ClusterFailure."""
        new = self.engines.directory(engine) / f"{target}.new"
        shutil.rmtree(new, ignore_errors=True)
        options = (
            "--username",
            SUPERUSER,
            "--data-checksums",
            "--encoding",
            "UTF8",
            "--locale",
            "C.UTF-8",
            "--no-sync",
        )
        argv = (
            self.program(engine, "initdb"),
            "--pgdata",
            f"{ENGINE_DIRECTORY}/{new.name}",
            "--auth",
            "reject",
            *options,
        )
        self.run(engine, "initdb", argv, _START_TIMEOUT)
        # initdb syncs file by file; all at once is faster, and nothing is promised before.
        os.sync()
        new.rename(new.with_name(target))

    def _take_spare(self, engine: Engine) -> bool:
        """Files that were made ahead, given to this cluster's user; False when there are none."""
        spare = self.spare
        mine = self.engines.directory(engine) / "cluster.taken"
        shutil.rmtree(mine, ignore_errors=True)
        try:
            spare.rename(mine)
        except FileNotFoundError:
            return False
        uid = self.engines.uid(engine)
        os.chown(mine, uid, uid)
        for path in mine.rglob("*"):
            os.chown(path, uid, uid)
        mine.rename(self.files(engine))
        return True

    def reload(self, engine: Engine) -> None:
        """Have it read its configuration and certificate; sessions go on. Raises psycopg.Error."""
        with self.connect(engine) as connection:
            connection.execute("select pg_reload_conf()")

    @property
    def spare(self) -> Path:
        """The files of a cluster that nobody has yet: making them takes longer than all the rest."""
        return self.engines.settings.home / "addon-engines" / f"spare-{self.version}"

    def keep_spare(self, engine: Engine) -> None:
        """Make spare files unless there are some, as the user of `engine`, which is no cluster. Raises RuntimeFailure."""
        if self.spare.is_dir():
            return
        self.engines.prepare(engine)
        self.initdb(engine)
        self.files(engine).rename(self.spare)


def _log_megabytes(engine: Engine) -> int:
    return postgres_limits.log_bytes(engine.storage) >> 20


def _configuration(engine: Engine) -> str:
    """postgresql.conf: sized by the engine's memory; see docs/decisions/0023-a-database-and-its-tenant.md."""
    megabytes = engine.memory >> 20
    return f"""\
hba_file = '{ENGINE_DIRECTORY}/conf/pg_hba.conf'
ident_file = '{authentication.IDENT_FILE}'
listen_addresses = '*'
port = 5432
unix_socket_directories = '{ENGINE_DIRECTORY}/run'
unix_socket_permissions = 0777
max_connections = {engine.connections + 25}
superuser_reserved_connections = 5
shared_buffers = {max(16, megabytes // 4)}MB
effective_cache_size = {max(32, megabytes * 3 // 4)}MB
maintenance_work_mem = {max(16, megabytes // 16)}MB
work_mem = {max(2, megabytes // 128)}MB
huge_pages = off
dynamic_shared_memory_type = mmap
max_locks_per_transaction = {_LOCKS if engine.shared else 64}
max_worker_processes = 8
max_parallel_workers = 2
jit = off
wal_level = replica
max_wal_senders = 10
max_replication_slots = 10
max_slot_wal_keep_size = {4096 if engine.shared else _log_megabytes(engine)}MB
min_wal_size = 32MB
max_wal_size = {max(128, min(4096 if engine.shared else _log_megabytes(engine), megabytes))}MB
wal_buffers = 4MB
checkpoint_timeout = 15min
ssl = on
ssl_cert_file = '{ENGINE_DIRECTORY}/conf/server.crt'
ssl_key_file = '{ENGINE_DIRECTORY}/conf/server.key'
ssl_min_protocol_version = 'TLSv1.2'
password_encryption = 'scram-sha-256'
authentication_timeout = 20s
tcp_keepalives_idle = 60
tcp_keepalives_interval = 10
tcp_keepalives_count = 6
idle_in_transaction_session_timeout = 24h
log_destination = 'jsonlog'
logging_collector = on
log_directory = '{_LOG}'
log_filename = 'postgresql'
log_file_mode = 0600
log_rotation_age = 0
log_rotation_size = 0
log_min_duration_statement = 2s
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_lock_waits = on
log_temp_files = 10MB
log_checkpoints = off
log_connections = off
log_timezone = 'UTC'
timezone = 'UTC'
lc_messages = 'C.UTF-8'
{_QUEUE if int(engine.version) >= 17 else ""}shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track_utility = off
track_io_timing = on
"""
