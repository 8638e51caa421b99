"""A cluster's files made anew by a newer version of PostgreSQL, by `pg_upgrade`, which copies them.

All is made beside, in `cluster.upgraded`; when a server of the new version has run on it, it is `cluster.next`, and whatever
a kill leaves before that is thrown away. The old files are `cluster` until `switch`, and then `cluster.old`. Servers that run
meanwhile are reached by nobody but us, and hold the lock of the files, so that no other one runs on them.
"""

import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from celadon.addons.engines import ENGINE_DIRECTORY
from celadon.model.engine import Engine
from celadon.postgres.cluster import DATA, SUPERUSER, ClusterFailure, Clusters

Connection = psycopg.Connection[Any]

# Seconds: a day, for a terabyte and a slow disk.
_LONG = 86_400.0
_STOP = 120.0
_UPGRADED = "cluster.upgraded"
_NEW = f"{ENGINE_DIRECTORY}/{_UPGRADED}"
_CONF = f"{ENGINE_DIRECTORY}/upgrade"
# Containers that may be left: of the servers, of pg_upgrade, of initdb.
_CONTAINERS = ("upgrade", "initdb")
# Bytes of the disk that stay free.
_RESERVE = 1 << 30
# Of a server or a program that somebody else ended.
_KILLED = (None, 128 + signal.SIGKILL, 128 + signal.SIGTERM)
# Of what pg_upgrade writes about each hindrance, and of the files it does so in.
_SHOWN, _FILES = 2000, 10


class UpgradeRefused(Exception):
    """These files cannot be upgraded; the message, for their owner, says why."""


class UpgradeFiles:
    """Upgrades the files of engines. Nothing else may be at work on an engine meanwhile."""

    def __init__(self, clusters: Clusters) -> None:
        self.clusters = clusters

    def _at(self, engine: Engine, name: str) -> Path:
        return self.clusters.engines.directory(engine) / name

    def make(self, engine: Engine, version: str) -> None:
        """Have `cluster.next`, of this version, with all that the engine's files hold; its server must not run.

        Raises UpgradeRefused, and RuntimeFailure, ClusterFailure, OSError when the platform is to blame.
        """
        if self._at(engine, "cluster.next").is_dir():
            return
        newer = replace(engine, version=version)
        self.clear(engine)
        self._check_room(engine)
        self._configure(engine)
        # Of a server within pg_upgrade that was killed with it.
        (self.clusters.files(engine) / "postmaster.pid").unlink(missing_ok=True)
        # pg_upgrade takes only what was shut down in order.
        self._run_server(engine, DATA, _check_code)
        self.clusters.initdb(newer, _UPGRADED)
        self._upgrade(engine, newer)
        self._run_server(newer, _NEW, _check_roles)
        self._at(engine, _UPGRADED).rename(self._at(engine, "cluster.next"))

    def switch(self, engine: Engine, version: str) -> None:
        """Have the new files in the place of the old ones, for good. May be called again. Raises OSError, ClusterFailure."""
        files, following = self.clusters.files(engine), self._at(engine, "cluster.next")
        if following.is_dir():
            if files.is_dir():
                shutil.rmtree(self._at(engine, "cluster.old"), ignore_errors=True)
                files.rename(self._at(engine, "cluster.old"))
            following.rename(files)
            os.sync()
        found = (files / "PG_VERSION").read_text("ascii").strip()
        if found != version:
            raise ClusterFailure(f"cannot switch {engine.name} to PostgreSQL {version}: its files are of {found}")

    def clear(self, engine: Engine) -> None:
        """Throw away what is unfinished; no error when there is nothing. Raises RuntimeFailure."""
        for name in _CONTAINERS:
            self.clusters.engines.runtime.remove(f"{engine.name}-{name}")
        for name in ("upgrade", _UPGRADED, f"{_UPGRADED}.new", "cluster.next"):
            shutil.rmtree(self._at(engine, name), ignore_errors=True)

    def clear_old(self, engine: Engine) -> None:
        """Remove the old files, and what is left of the upgrade."""
        for name in ("cluster.old", "upgrade"):
            shutil.rmtree(self._at(engine, name), ignore_errors=True)

    def _check_room(self, engine: Engine) -> None:
        size = sum(path.lstat().st_size for path in self.clusters.files(engine).rglob("*"))
        found = os.statvfs(self.clusters.engines.directory(engine))
        if found.f_bavail * found.f_frsize < size + _RESERVE:
            raise UpgradeRefused(f"The platform's disk has no room for a copy of its {size >> 20:,} MB.")

    def _configure(self, engine: Engine) -> None:
        engines = self.clusters.engines
        engines.prepare(engine)
        for left in engines.sockets(engine).iterdir():
            # Whoever reads what a program has left here removes it as well.
            left.unlink(missing_ok=True)
        engines.write(engine, "upgrade/pg_hba.conf", "local all postgres trust\n")
        text = _CONFIGURATION.format(shared=max(16, engine.memory >> 22))
        engines.write(engine, "upgrade/postgresql.conf", text)

    def _run_server(self, engine: Engine, data: str, check: Callable[[Connection], None]) -> None:
        """Run a server on these files until it answers, have all its databases looked at, and end it in order."""
        engines, name = self.clusters.engines, f"{engine.name}-upgrade"
        engines.runtime.remove(name)
        argv = self.clusters.server_argv(engine, data, _CONF)
        try:
            engines.runtime.start(replace(engines.spec(engine, name, argv, env={}), address=None, offline=True))
            self.clusters.wait(engine, _LONG, name)
            with self.clusters.connect(engine) as connection:
                names = connection.execute("select datname from pg_database where datallowconn").fetchall()
            for (database,) in names:
                with self.clusters.connect(engine, str(database)) as connection:
                    check(connection)
            self.clusters.stop(engine, name, _STOP, data)
        finally:
            engines.runtime.remove(name)

    def _upgrade(self, engine: Engine, newer: Engine) -> None:
        old, new = self.clusters.program(engine, ""), self.clusters.program(newer, "")
        options = f"-c config_file={_CONF}/postgresql.conf"
        argv = (
            *(
                self.clusters.program(newer, "pg_upgrade"),
                "--username",
                SUPERUSER,
                "--socketdir",
                f"{ENGINE_DIRECTORY}/run",
            ),
            *("--old-bindir", old, "--new-bindir", new, "--old-datadir", DATA, "--new-datadir", _NEW),
            *("--old-options", options, "--new-options", options),
        )
        spec = self.clusters.engines.spec(engine, f"{engine.name}-upgrade", argv, env={})
        status, said = self.clusters.outcome(replace(spec, address=None, offline=True), _LONG)
        if status in _KILLED:
            raise ClusterFailure(f"cannot upgrade {engine.name}: pg_upgrade was ended from outside")
        if status:
            raise UpgradeRefused(self._told(engine, said))
        # It is nobody's business any more, and would be copied with the files.
        shutil.rmtree(self._at(engine, _UPGRADED) / "pg_upgrade_output.d", ignore_errors=True)

    def _told(self, engine: Engine, said: str) -> str:
        """What pg_upgrade has against it: what it said but for what is well, and what it wrote about each hindrance."""
        lines = [line.rstrip() for line in said.splitlines() if line.strip() and not line.rstrip().endswith(" ok")]
        places = sorted(self._at(engine, _UPGRADED).glob("pg_upgrade_output.d/*/*.txt"))
        found = [_read(path) for path in places[:_FILES]]
        return "\n".join([*lines, *found]).replace(f"{ENGINE_DIRECTORY}/", "").strip()


def _check_code(connection: Connection) -> None:
    """Raises UpgradeRefused where pg_upgrade, which is the superuser, would run a tenant's code as it makes tables."""
    found = [str(name) for (name,) in connection.execute(_RUN_BY_DEFINITIONS, {"superuser": _SUPERUSER_ID})]
    if found:
        raise UpgradeRefused(
            f"It has its own {', '.join(found[:5])} in a partition key, a generated column, a CHECK or a domain, which an "
            "upgrade in place would run. Drop these before, or pg:copy it into a new database, which has the newer version."
        )


def _check_roles(connection: Connection) -> None:
    """Raises UpgradeRefused when somebody has more rights than there is to be had: these files are not used."""
    query = "select rolname from pg_roles where (rolsuper or rolbypassrls or rolcreaterole) and oid <> %s and rolname !~ '^pg_'"
    if connection.execute(query, [_SUPERUSER_ID]).fetchone() is not None:
        raise UpgradeRefused("A role came out of the upgrade with the superuser's rights: it was thrown away.")


def _read(path: Path) -> str:
    """The beginning of a file of the engine's user, who must not be able to show us another one."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            return f"{path.name}:\n{file.read(_SHOWN).decode('utf-8', 'replace')}"
    except OSError:
        return ""


# Who has made the cluster.
_SUPERUSER_ID = 10
# Functions and operators that are not the superuser's, in what is simplified, and so run, when a table is made of it.
_RUN_BY_DEFINITIONS = """
select distinct coalesce('function ' || p.proname, 'operator ' || o.oprname)
from pg_catalog.pg_depend d
left join pg_catalog.pg_proc p on d.refclassid = 'pg_catalog.pg_proc'::regclass and p.oid = d.refobjid
left join pg_catalog.pg_operator o on d.refclassid = 'pg_catalog.pg_operator'::regclass and o.oid = d.refobjid
where coalesce(p.proowner, o.oprowner) <> %(superuser)s and (
  d.classid in ('pg_catalog.pg_constraint'::regclass, 'pg_catalog.pg_type'::regclass)
  or d.classid = 'pg_catalog.pg_class'::regclass and exists (
    select from pg_catalog.pg_class c where c.oid = d.objid and c.relkind = 'p')
  or d.classid = 'pg_catalog.pg_attrdef'::regclass and exists (
    select from pg_catalog.pg_attrdef f join pg_catalog.pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
    where f.oid = d.objid and a.attgenerated <> ''))"""

_CONFIGURATION = f"""\
hba_file = '{_CONF}/pg_hba.conf'
ident_file = ''
listen_addresses = ''
unix_socket_directories = '{ENGINE_DIRECTORY}/run'
unix_socket_permissions = 0700
max_connections = 20
shared_buffers = {{shared}}MB
huge_pages = off
dynamic_shared_memory_type = mmap
jit = off
wal_level = replica
# What is to be archived stays marked so, for the case that the old server goes on.
archive_mode = on
archive_command = ''
autovacuum = off
lc_messages = 'C.UTF-8'
timezone = 'UTC'
log_timezone = 'UTC'
"""
