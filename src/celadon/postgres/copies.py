"""A server's files made from another's: as it is now, as it was at a moment, or to go on as the other does.

All happens in a directory beside the new server's files, which is renamed to them when it is complete: whatever a kill
leaves is thrown away and begun again. The programs run there as the *source's* user, since nobody else may read its files;
only then are they given to the new one.
"""

import contextlib
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from psycopg import sql

from celadon.actions.postgres_databases import Place
from celadon.addons.engines import ENGINE_DIRECTORY
from celadon.model import postgres_archive as rules
from celadon.model.engine import Engine
from celadon.model.postgres_archive import STANZA
from celadon.model.postgres_database import Origin
from celadon.postgres import authentication, blocks, patroni, tenants
from celadon.postgres import credential_roles as roles
from celadon.postgres.archive import REPOSITORY, Archive
from celadon.postgres.cluster import DATA, SUPERUSER, ClusterFailure, Clusters
from celadon.postgres.followers import Followers, slot_of
from celadon.runtime.protocol import Bind, ContainerSpec

# Seconds: a day, for a terabyte and a slow disk.
_LONG = 86_400.0
_STOP = 120.0
# Where the source's socket is seen.
_SOURCE = "/source"
# Roles that are not a tenant's.
_OURS = (SUPERUSER, "celadon_clips")


class Copies:
    """Makes the files of new servers. Calls of one engine must not overlap."""

    def __init__(self, clusters: Clusters, archive: Archive, followers: Followers) -> None:
        self.clusters = clusters
        self.archive = archive
        self.followers = followers

    def make(self, place: Place, source: Place) -> None:
        """Fill the new server, unless it is already. Raises RuntimeFailure, ClusterFailure, psycopg.Error, OSError."""
        engine = place.engine
        if self.clusters.made(engine):
            return
        self.clear(engine)
        self._prepare(engine, source.engine)
        if place.database.origin is Origin.FOLLOW:
            self.followers.reserve_slot(source, engine)
            self._back_up(engine, source.engine, "--wal-method=stream", f"--slot={slot_of(engine)}")
            (self._copy(engine) / "cluster/standby.signal").touch(mode=0o600)
        else:
            self._fill(engine, source.engine, place.database.target)
            self._recover(place, source)
        self._hand_over(engine)

    def clear(self, engine: Engine) -> None:
        """Throw away what is unfinished; no error when there is nothing. Raises RuntimeFailure."""
        for name in ("copy", "recovery"):
            self.clusters.engines.runtime.remove(f"{engine.name}-{name}")
        shutil.rmtree(self._copy(engine), ignore_errors=True)

    def _copy(self, engine: Engine) -> Path:
        return self.clusters.engines.directory(engine) / "copy"

    def _prepare(self, engine: Engine, source: Engine) -> None:
        engines = self.clusters.engines
        engines.prepare(engine)
        text = rules.configuration(
            files=DATA, sockets=f"{ENGINE_DIRECTORY}/run", repository=REPOSITORY, retention_days=0, reading=True
        )
        (self._copy(engine) / "cluster").mkdir(mode=0o700, parents=True)
        files = {
            "pgbackrest.conf": text,
            "pg_hba.conf": authentication.CLOSED_HBA,
            "pg_ident.conf": authentication.IDENT,
        }
        for name, content in files.items():
            engines.write(engine, f"copy/conf/{name}", content)
        _give(self._copy(engine), engines.uid(source))
        for left in engines.sockets(engine).iterdir():
            left.unlink()
        os.chown(engines.sockets(engine), engines.uid(source), engines.uid(source))

    def _fill(self, engine: Engine, source: Engine, target: datetime | None) -> None:
        """From the archive when there is a backup in it, which loads the source least; else from the source itself."""
        if self.archive.directory(source).is_dir() and self.archive.backups(source):
            self.archive.flush(source)
            moment: tuple[str, ...] = ()
            if target is not None:
                at = f"--target={target.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00"
                moment = ("--type=time", at, "--target-action=promote")
            config = (f"--config={ENGINE_DIRECTORY}/conf/pgbackrest.conf", f"--stanza={STANZA}")
            argv = ("pgbackrest", *config, "--archive-mode=off", *moment, "restore")
            self.clusters.run_to_end(self._spec(engine, source, "copy", argv), _LONG)
            self._configure(engine)
        else:
            self._back_up(engine, source, "--wal-method=stream")
            files = self._copy(engine) / "cluster"
            # Of one that follows somebody.
            (files / "standby.signal").unlink(missing_ok=True)
            (files / "recovery.signal").touch(mode=0o600)
            _give(files / "recovery.signal", self.clusters.engines.uid(source))
            # There is nothing else: with it, the copy goes on with a history of its own.
            self._configure(engine, "restore_command = 'false'\n")

    def _back_up(self, engine: Engine, source: Engine, *options: str) -> None:
        program = self.clusters.program(engine, "pg_basebackup")
        words = ("--host", _SOURCE, "--username", SUPERUSER, "--pgdata", DATA, "--checkpoint=fast", "--no-password")
        sockets = Bind(source=self.clusters.engines.sockets(source), target=_SOURCE)
        self.clusters.run_to_end(self._spec(engine, source, "copy", (program, *words, *options), sockets), _LONG)

    def _recover(self, place: Place, source: Place) -> None:
        """Run it until it has all it is to have, as nobody's server; then it becomes its new owner's."""
        engine, name = place.engine, f"{place.engine.name}-recovery"
        spec = self._spec(engine, source.engine, "recovery", self.clusters.server_argv(engine))
        self.clusters.engines.runtime.start(spec)
        try:
            # It answers nobody before it has been promoted: hot_standby is off.
            self._wait_for_recovery(engine, spec)
            self._rename(place, source)
            self.clusters.stop(engine, name, _STOP)
        finally:
            self.clusters.engines.runtime.remove(name)

    def _wait_for_recovery(self, engine: Engine, spec: ContainerSpec) -> None:
        try:
            self.clusters.wait(engine, _LONG, spec.id)
        except ClusterFailure as error:
            said = ""
            with contextlib.suppress(OSError):
                # Nobody has spoken to it, so there is nothing of anybody's in what it said.
                said = spec.log_path.read_text("utf-8", "replace")
            raise ClusterFailure(f"{error}: {said.strip()[-500:]}") from error

    def _rename(self, place: Place, source: Place) -> None:
        """Other names and no other logins than its owner's; a copy's users are not the source's."""
        old, new = source.database, place.database
        with self.clusters.connect(place.engine) as connection:
            connection.execute("alter system reset all")
            for before, after in ((old.name, new.name), (old.role, new.role)):
                words = {"before": sql.Identifier(before), "after": sql.Identifier(after)}
                connection.execute(sql.SQL("alter role {before} rename to {after}").format(**words))
            words = {"before": sql.Identifier(old.name), "after": sql.Identifier(new.name)}
            connection.execute(sql.SQL("alter database {before} rename to {after}").format(**words))
            found = connection.execute(
                "select rolname from pg_roles where rolname !~ '^pg_' and rolname <> all(%s)",
                [[*_OURS, new.name, new.role]],
            ).fetchall()
        others = [str(row[0]) for row in found]
        with self.clusters.connect(place.engine, new.name) as connection:
            # It has limits of its own.
            blocks.lift(connection)
            for role in others:
                roles.hand_over(connection, role, new.role)
                connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(role)))
            tenants.limit(connection, new.name, 0)
        with self.clusters.connect(place.engine) as connection:
            for role in others:
                # Of a pair's own roles: they have rights outside the tenant's database.
                connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(role)))
                connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))

    def _hand_over(self, engine: Engine) -> None:
        engines = self.clusters.engines
        files = self._copy(engine) / "cluster"
        for left in ("postmaster.pid", "postmaster.opts", patroni.AGREED):
            (files / left).unlink(missing_ok=True)
        _give(files, engines.uid(engine))
        files.rename(self.clusters.files(engine))
        self.clear(engine)

    def _configure(self, engine: Engine, more: str = "") -> None:
        """Of a recovery: open to nobody, archived nowhere."""
        path = self._copy(engine) / "conf/postgresql.conf"
        owner = path.parent.stat().st_uid
        path.write_text(_RECOVERY.format(shared=max(16, engine.memory >> 22)) + more, "utf-8")
        _give(path, owner)

    def _spec(self, engine: Engine, source: Engine, name: str, argv: tuple[str, ...], *more: Bind) -> ContainerSpec:
        engines = self.clusters.engines
        spec = engines.spec(engine, f"{engine.name}-{name}", argv, env={})
        archive = self.archive.directory(source)
        mounts = (
            Bind(source=self._copy(engine), target=ENGINE_DIRECTORY, readonly=False),
            Bind(source=engines.sockets(engine), target=f"{ENGINE_DIRECTORY}/run", readonly=False),
            *((Bind(source=archive, target=REPOSITORY),) if archive.is_dir() else ()),
            *more,
        )
        return replace(spec, uid=engines.uid(source), mounts=mounts)


def _give(path: Path, uid: int) -> None:
    """All of a directory, or a file, to this user; a link is given, never what it shows."""
    for found in (path, *path.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            os.chown(found, uid, uid, follow_symlinks=False)


_RECOVERY = f"""\
hba_file = '{ENGINE_DIRECTORY}/conf/pg_hba.conf'
ident_file = '{authentication.IDENT_FILE}'
listen_addresses = ''
unix_socket_directories = '{ENGINE_DIRECTORY}/run'
unix_socket_permissions = 0700
max_connections = 20
shared_buffers = {{shared}}MB
huge_pages = off
dynamic_shared_memory_type = mmap
jit = off
wal_level = replica
max_wal_size = 1GB
hot_standby = off
archive_mode = off
autovacuum = off
lc_messages = 'C.UTF-8'
timezone = 'UTC'
log_timezone = 'UTC'
"""
