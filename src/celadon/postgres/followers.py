"""Followers: servers that repeat what another one writes, until they are let go.

A follower is reached by its own port and with its leader's credentials. It keeps a slot at its leader, so that what it has
not got yet is not thrown away; beyond `max_slot_wal_keep_size` it is, and the follower must be made anew.

A pair's follower knows both nodes and streams from whichever is the primary; both keep its slot. It may have got what the
standby had not when the primary went: that never happened, as nobody was told of it, and the follower is made anew.
"""

import contextlib
import logging
import time
from dataclasses import dataclass

import psycopg
from psycopg import sql

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.actions.postgres_databases import Place, Site
from celadon.addons.engines import ENGINE_DIRECTORY
from celadon.model.engine import Engine
from celadon.model.postgres_database import Origin, Step
from celadon.model.timeline import parted
from celadon.postgres.cluster import ClusterFailure
from celadon.postgres.pairs import Pairs
from celadon.postgres.patroni import REPLICATOR, REWINDER
from celadon.postgres.tenants import Connection

log = logging.getLogger(__name__)

_PASSWORD = "conf/replicator.pass"
_AUTHORITY = "conf/authority.crt"
# Seconds for the leader to notice that a follower is gone, and for a follower to become writable.
_RELEASE = 30.0
# Seconds for a follower that answers to be sent what its leader writes, and between two looks whether it is.
_STREAM, _STREAM_LOOK = 30.0, 0.2
# How long a leader may say nothing, which speaks every few seconds, before the connection to it is given up.
_SILENCE = 15
_PROMOTION = 60
_LOOK = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far a follower is behind: in bytes of the log, and in seconds since what it shows was the newest.

    `lost`: it will never catch up, since what it needs is gone; it must be made anew (`databases.rebuild`).
    """

    leader_id: str
    bytes: int
    seconds: float
    streaming: bool
    lost: bool


def slot_of(engine: Engine) -> str:
    """What a follower's slot at its leader is called."""
    return f"follower_{engine.number}"


class Followers:
    """The followers of one machine."""

    def __init__(self, context: Context, pairs: Pairs) -> None:
        self.context = context
        self.clusters = pairs.clusters
        self.pairs = pairs

    def leader_of(self, place: Site) -> Place | None:
        """Whom it follows, as long as that one is there."""
        if place.database.origin is not Origin.FOLLOW or place.database.source_id is None:
            return None
        leader = databases.find(self.context, place.database.source_id)
        return leader if leader and leader.database.step is not Step.REMOVING else None

    def configure(self, place: Place, leader: Place) -> tuple[str, str]:
        """Let it reach its leader: the lines of postgresql.conf that say where it is, and the group to start it in.

        Raises RuntimeFailure.
        """
        engine, engines = place.engine, self.clusters.engines
        secret, nodes = self._password(leader.engine), databases.engines_of(self.context, leader)
        engines.write(engine, _PASSWORD, f"*:*:*:{REPLICATOR}:{secret}\n")
        engines.write(engine, _AUTHORITY, self.context.settings.ca_file.read_text("utf-8"))
        words = {
            "host": ",".join(engines.address(node) for node in nodes),
            "port": "5432",
            "user": REPLICATOR,
            "passfile": f"{ENGINE_DIRECTORY}/{_PASSWORD}",
            "sslmode": "verify-full",
            "sslrootcert": f"{ENGINE_DIRECTORY}/{_AUTHORITY}",
            "application_name": slot_of(engine),
            "connect_timeout": "10",
            "keepalives_idle": "10",
            "keepalives_interval": "5",
            "keepalives_count": "3",
        }
        if leader.engine.pair:
            # Never the standby, and soon the other one when a node has vanished without a word.
            words |= {"target_session_attrs": "primary", "connect_timeout": "3"}
        connection = " ".join(f"{name}={value}" for name, value in words.items())
        # It must have room for as many connections as its leader, whose every transaction it repeats.
        room = max(engine.connections, leader.engine.connections) + 25
        lines = (
            f"primary_conninfo = '{connection}'\nprimary_slot_name = '{slot_of(engine)}'\n"
            f"max_connections = {room}\nwal_retrieve_retry_interval = 1s\nhot_standby_feedback = on\n"
            f"wal_receiver_timeout = {_SILENCE}s\n"
        )
        return lines, engines.allow_peers(engine, nodes)

    def reserve_slot(self, leader: Place, engine: Engine) -> None:
        """Keep all the leader writes from now on for this follower, and let it log in there.

        Raises psycopg.Error, ClusterFailure.
        """
        if leader.engine.pair:
            self._reserve_at_pair(leader, engine)
            return
        self.drop_slot(leader, engine)
        with self.clusters.connect(leader.engine) as connection:
            self._ensure_replicator(connection, leader.engine)
            connection.execute("select pg_create_physical_replication_slot(%s, true)", [slot_of(engine)])

    def _reserve_at_pair(self, leader: Place, engine: Engine) -> None:
        """An earlier try's slot is taken over if it is of use.

        One that Patroni is to drop and then to keep it may drop once it is there again, by what it read in between.
        """
        primary = self.pairs.primary(leader.engine)
        query = "select from pg_replication_slots where slot_name = %s and wal_status = 'lost'"
        with self.clusters.connect(primary) as connection:
            lost = connection.execute(query, [slot_of(engine)]).fetchone() is not None
        if lost:
            self.drop_slot(leader, engine)
        self.pairs.keep_slot(leader.engine, slot_of(engine), kept=True)
        self._wait_for_slot(primary, engine)

    def _wait_for_slot(self, leader: Engine, engine: Engine) -> None:
        """Until Patroni has made it (one that we made it might still drop), and an earlier try has let go of it."""
        deadline = time.monotonic() + _RELEASE
        query = "select active_pid from pg_replication_slots where slot_name = %s"
        with self.clusters.connect(leader) as connection:
            while (found := connection.execute(query, [slot_of(engine)]).fetchone()) != (None,):
                if time.monotonic() > deadline:
                    raise ClusterFailure(f"cannot make {slot_of(engine)} of {leader.name} within {_RELEASE:g} s")
                if found is not None:
                    connection.execute("select pg_terminate_backend(%s)", found)
                time.sleep(_LOOK)

    def _ensure_replicator(self, connection: Connection, leader: Engine) -> None:
        name = sql.Identifier(REPLICATOR)
        if not connection.execute("select 1 from pg_roles where rolname = %s", [REPLICATOR]).fetchone():
            connection.execute(sql.SQL("create role {} nologin").format(name))
        secret = self._password(leader).encode()
        hashed = connection.pgconn.encrypt_password(secret, REPLICATOR.encode(), b"scram-sha-256").decode()
        statement = sql.SQL("alter role {} login replication password {}").format(name, sql.Literal(hashed))
        connection.execute(statement)

    def _password(self, leader: Engine) -> str:
        if leader.pair:
            return databases.pair(self.context, leader)[2]["replication"]
        # It can be told again at any time, and of another server it is another.
        with self.context.database.read() as tx:
            return tx.secrets.sign("replicator", leader.id)

    def drop_slot(self, place: Place, engine: Engine) -> None:
        """No error when its leader, `place`, has none for it. Raises psycopg.Error, ClusterFailure."""
        deadline, names = time.monotonic() + _RELEASE, [slot_of(engine)]
        leader = self.pairs.primary(place.engine)
        if leader.pair:
            self.pairs.keep_slot(leader, slot_of(engine), kept=False)
        with self.clusters.connect(leader) as connection:
            while True:
                query = "select active_pid from pg_replication_slots where slot_name = %s"
                found = connection.execute(query, names).fetchone()
                if found is None:
                    return
                if found[0] is None:
                    # A pair's nodes, which were just told that it is kept no longer, may be dropping it at this moment.
                    with contextlib.suppress(psycopg.errors.ObjectInUse, psycopg.errors.UndefinedObject):
                        connection.execute("select pg_drop_replication_slot(%s)", names)
                        return
                if time.monotonic() > deadline:
                    raise ClusterFailure(f"cannot drop {names[0]} of {leader.name}: it is in use")
                connection.execute("select pg_terminate_backend(%s)", [found[0]])
                time.sleep(_LOOK)

    def wait_for_stream(self, place: Site) -> None:
        """Wait until the leader sends it what is written, which begins after it answers. A leader that ends gives its
        last writes only to those that it sends to. No error after 30 s, as when the leader restarts: it goes on trying.
        """
        deadline = time.monotonic() + _STREAM
        while time.monotonic() < deadline:
            # Who does not answer now is asked again.
            with contextlib.suppress(psycopg.Error):
                lag = self.lag(place)
                if lag is None or lag.streaming or lag.lost:
                    return
            time.sleep(_STREAM_LOOK)

    def lag(self, place: Site) -> Lag | None:
        """How far it is behind; None when it follows nobody. Raises psycopg.Error when a server does not answer."""
        leader = self.leader_of(place)
        if leader is None:
            return None
        with self.clusters.connect(place.engine) as connection:
            (replayed, shown) = _row(
                connection,
                "select pg_last_wal_replay_lsn()::text, "
                "extract(epoch from now() - pg_last_xact_replay_timestamp())::float",
            )
        primary = self.pairs.primary(leader.engine)
        with self.clusters.connect(primary) as connection:
            (behind, status, streaming, seconds) = _row(
                connection,
                "select greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), %(replayed)s::pg_lsn))::bigint, "
                "(select wal_status from pg_replication_slots where slot_name = %(slot)s), "
                "exists (select from pg_stat_replication where application_name = %(slot)s and state = 'streaming'), "
                "(select extract(epoch from replay_lag)::float from pg_stat_replication "
                "where application_name = %(slot)s)",
                {"replayed": replayed, "slot": slot_of(place.engine)},
            )
        if not streaming and behind:
            seconds = shown
        return Lag(
            leader_id=leader.database.addon_id,
            bytes=int(str(behind)),
            seconds=max(0.0, float(str(seconds or 0.0))),
            streaming=bool(streaming),
            # Of a pair's slots one that is missing is made again: they are agreed on.
            lost=status == "lost"
            or (status is None and primary.pair is None)
            or (not streaming and primary.pair is not None and self._parted(place.engine, primary)),
        )

    def _parted(self, engine: Engine, primary: Engine) -> bool:
        """Whether it has got what the standby had not when that became the primary."""
        with self.clusters.connect(engine) as connection:
            (timeline, at) = _row(
                connection,
                "select (select max(substr(name, 1, 8)) from pg_ls_waldir() where name ~ '^[0-9A-F]{24}$'), "
                "pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')::bigint",
            )
        with self.clusters.connect(primary) as connection:
            (newest,) = _row(connection, "select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)")
            (history,) = _row(connection, "select pg_read_file(%s, true)", f"pg_wal/{newest}.history")
        if timeline is None or at is None:
            return False
        return parted(str(history or ""), int(str(newest), 16), int(str(timeline), 16), int(str(at)))

    def promote(self, place: Place) -> None:
        """Let it follow no longer: it takes writes, and its leader keeps nothing for it any more.

        Each part may have been done before. Raises RuntimeFailure, psycopg.Error, ClusterFailure.
        """
        engine = place.engine
        leader = self.leader_of(place)
        with self.clusters.connect(engine) as connection:
            (following,) = _row(connection, "select pg_is_in_recovery()")
            if following:
                (promoted,) = _row(connection, "select pg_promote(true, %s)", _PROMOTION)
                if not promoted:
                    raise ClusterFailure(f"cannot promote {engine.name}: it is not writable after {_PROMOTION} s")
            # Until then its files say that they are its leader's, and no backup of them is taken.
            connection.execute("set statement_timeout = 0")
            connection.execute("checkpoint")
            for role in (REPLICATOR, REWINDER):
                with contextlib.suppress(psycopg.errors.UndefinedObject):
                    connection.execute(sql.SQL("alter role {} nologin").format(sql.Identifier(role)))
        self.clusters.engines.allow_peers(engine, [])
        if leader is not None:
            self.drop_slot(leader, engine)


def _row(connection: Connection, query: str, *words: object) -> tuple[object, ...]:
    parameters = words[0] if len(words) == 1 and isinstance(words[0], dict) else list(words)
    return connection.execute(query, parameters).fetchone() or ()
