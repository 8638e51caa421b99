"""Pairs of a primary and a standby: their containers, who is the primary now, and where its port leads."""

import contextlib
import logging
import os
import time
from collections.abc import Mapping

import psycopg
from psycopg import sql

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.actions.postgres_databases import Place
from celadon.addons.locks import Locks
from celadon.model import postgres_setting as settings
from celadon.model.engine import PORTS, Engine, EngineKind
from celadon.model.postgres_database import SIZES, Step
from celadon.postgres import patroni
from celadon.postgres.archive import Archive
from celadon.postgres.cluster import ClusterFailure, Clusters
from celadon.postgres.patroni import Passwords

log = logging.getLogger(__name__)

_START_TIMEOUT = 60.0
_LOOK = 0.05
# Seconds for a pair to agree on something: as long as its nodes may need to elect a primary.
_AGREEMENT = 30.0
# What pg_rewind reads of the primary.
_REWINDS = (
    "pg_ls_dir(text, boolean, boolean)",
    "pg_stat_file(text, boolean)",
    "pg_read_binary_file(text)",
    "pg_read_binary_file(text, bigint, bigint, boolean)",
)


class Pairs:
    """The pairs of one machine: one object that all share. Who holds an engine's lock, of `locks`, may start it."""

    def __init__(self, context: Context, clusters: Clusters, locks: Locks) -> None:
        self.context = context
        self.clusters = clusters
        self.locks = locks
        self.archive = Archive(context, clusters, self.primary)
        # First node's id → the primary's, as last seen: a node that does not answer for a moment is still it.
        self._primaries: dict[str, str] = {}

    def start(self, engine: Engine) -> None:
        """Start a node under Patroni, which does the rest. Raises RuntimeFailure."""
        self._own(engine)
        group = self.configure(engine)
        place = databases.of_engine(self.context, engine.pair or engine.id)
        mount = self.archive.prepare(engine, SIZES[place.database.plan].rollback_days if place else 0)
        self.clusters.engines.start(engine, patroni.argv(), mounts=(mount,), group=group)

    def configure(self, engine: Engine) -> str:
        """Write what a node is to be; returns the group to start it in. Raises RuntimeFailure, OSError."""
        nodes, etcd, passwords = databases.pair(self.context, engine)
        first = nodes[0]
        addresses = [self.clusters.engines.address(node) for node in nodes]
        etcd_address = self.clusters.engines.address(etcd)
        group = f"peers_{first.number}"
        ports = (PORTS[EngineKind.POSTGRESQL], patroni.REST_PORT)
        targets = [(address, port) for address in addresses for port in ports]
        self.clusters.engines.allow({group: [*targets, (etcd_address, PORTS[EngineKind.ETCD])]})
        known = Passwords(**passwords)
        text = patroni.configuration(self.clusters, engine, first, etcd_address, known)
        place = databases.of_engine(self.context, first.id)
        self.admit(place, engine)
        self.clusters.engines.write(engine, "conf/patroni.json", text)
        return group

    def admit(self, place: Place | None, engine: Engine) -> None:
        """Write whom a node of this database's pair lets in: the other one, and those that follow it now."""
        nodes = databases.nodes(self.context, engine)
        following = databases.followers(self.context, place.database.addon_id) if place else []
        copying = [*nodes, *(one.engine for one in following if one.database.step is not Step.REMOVING)]
        peers = [self.clusters.engines.address(one) for one in copying]
        own = settings.lines(place.database.settings) if place else ""
        self.clusters.configure(engine, self.archive.lines(engine) + own, peers)

    def _own(self, engine: Engine) -> None:
        """A standby that was made when each node had a user of its own becomes its first node's user's."""
        directory, uid = self.clusters.engines.directory(engine), self.clusters.engines.uid(engine)
        if directory.is_dir() and directory.stat().st_uid != uid:
            for path in (*directory.rglob("*"), directory):
                os.chown(path, uid, uid, follow_symlinks=False)

    def run(self, engine: Engine) -> None:
        """Have the first node running and wait until it is the primary. Raises RuntimeFailure, ClusterFailure."""
        _, etcd, _ = databases.pair(self.context, engine)
        self.start_etcd(etcd)
        if not self.clusters.engines.running(engine):
            self.start(engine)
        deadline = time.monotonic() + _START_TIMEOUT
        while not self._writable(engine):
            if time.monotonic() > deadline:
                raise ClusterFailure(f"cannot start {engine.name}: it is no primary after {_START_TIMEOUT:g} s")
            time.sleep(_LOOK)

    def _writable(self, engine: Engine) -> bool:
        """Patroni calls a node the primary a moment before it takes writes."""
        if not patroni.is_primary(self.clusters.engines.address(engine)):
            return False
        with contextlib.suppress(psycopg.OperationalError), self.clusters.connect(engine) as connection:
            return connection.execute("select pg_catalog.pg_is_in_recovery()").fetchone() == (False,)
        return False

    def start_etcd(self, engine: Engine) -> None:
        """Start it unless it runs. Raises RuntimeFailure."""
        with self.locks.of(engine.id):
            if self.clusters.engines.running(engine):
                return
            argv = patroni.etcd_argv(engine, self.clusters.engines.address(engine))
            self.clusters.engines.start(engine, argv)

    def primary(self, engine: Engine) -> Engine:
        """The node that takes writes now, or did when one last said so; the engine itself when it is no pair."""
        if engine.pair is None:
            return engine
        nodes = databases.nodes(self.context, engine)
        for node in nodes:
            if patroni.is_primary(self.clusters.engines.address(node)):
                if self._primaries.get(engine.pair) != node.id:
                    log.info("at=primary pair=%d node=%s", nodes[0].number, node.name)
                self._primaries[engine.pair] = node.id
        known = self._primaries.get(engine.pair)
        return next((node for node in nodes if node.id == known), nodes[0])

    def has_primary(self, engine: Engine) -> bool:
        """Whether one of the nodes says now that it is the primary."""
        nodes = databases.nodes(self.context, engine)
        return any(patroni.is_primary(self.clusters.engines.address(node)) for node in nodes)

    def forget(self, engine: Engine) -> None:
        """Remove what etcd knows of a pair that is removed; no error when it knows nothing, or is away."""
        nodes, etcd, _ = databases.pair(self.context, engine)
        patroni.forget(self.clusters.engines.address(etcd), nodes[0])
        self._primaries.pop(nodes[0].id, None)

    def keep_slot(self, engine: Engine, slot: str, *, kept: bool) -> None:
        """Have the pair keep a slot for a follower, also after a failover, or no longer. Raises ClusterFailure."""
        nodes, _, passwords = databases.pair(self.context, engine)
        addresses = [self.clusters.engines.address(node) for node in nodes]
        deadline = time.monotonic() + _AGREEMENT
        while not any(patroni.keep_slot(address, passwords["rest"], slot, kept=kept) for address in addresses):
            # A pair that has just been made has not agreed on anything yet.
            if time.monotonic() > deadline:
                raise ClusterFailure(f"cannot agree on the slot {slot} of {engine.name}: none of its nodes does it")
            time.sleep(_LOOK)

    def stop(self, engine: Engine, seconds: float) -> None:
        """End a pair so that those that follow it have everything. Raises RuntimeFailure."""
        nodes = databases.nodes(self.context, engine)
        primary = self.primary(engine)
        for node in nodes:
            # Before the primary: none takes over from it.
            if node.id != primary.id:
                self.clusters.engines.runtime.remove(node.name)
        if self.clusters.engines.running(primary):
            self.clusters.engines.stop(primary, seconds)

    def available(self, engine: Engine) -> bool:
        """Whether a standby has everything that was acknowledged: then nothing is lost when the primary goes."""
        nodes = databases.nodes(self.context, engine)
        return any(patroni.is_synchronous(self.clusters.engines.address(node)) for node in nodes)

    def published(self) -> Mapping[int, Engine]:
        """Port of the host → the engine it leads to: a pair has the port of its first node."""
        running = databases.running(self.context)
        return {one.port: self.primary(one) for one in running if one.pair in (None, one.id)}

    def ensure_roles(self, connection: psycopg.Connection[tuple[object, ...]], engine: Engine) -> None:
        """The roles by which the nodes copy each other; `connection` is the superuser's to the primary."""
        _, _, passwords = databases.pair(self.context, engine)
        for role, right, name in ((patroni.REPLICATOR, "replication", "replication"), (patroni.REWINDER, "", "rewind")):
            if connection.execute("select 1 from pg_catalog.pg_roles where rolname = %s", [role]).fetchone() is None:
                connection.execute(sql.SQL("create role {} login").format(sql.Identifier(role)))
            hashed = connection.pgconn.encrypt_password(passwords[name].encode(), role.encode(), b"scram-sha-256")
            statement = sql.SQL("alter role {} with {} login password {}")
            words = (sql.Identifier(role), sql.SQL(right), sql.Literal(hashed.decode()))
            connection.execute(statement.format(*words))
        for function in _REWINDS:
            statement = sql.SQL("grant execute on function pg_catalog.{} to {}")
            connection.execute(statement.format(sql.SQL(function), sql.Identifier(patroni.REWINDER)))
