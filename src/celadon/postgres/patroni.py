"""Databases with a standby: two clusters under Patroni, which agree by etcd on who is the primary.

Each node's container runs Patroni, which starts, streams, promotes and rewinds PostgreSQL by itself; the platform only
starts containers that have died and leads the database's port to the primary. Synchronous mode: what was acknowledged
is on both, or the standby is known to be away. Failsafe mode: etcd may go without taking anybody's primary away.
"""

import http.client
import json
import logging
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

from celadon.addons.engines import ENGINE_DIRECTORY
from celadon.model.engine import PORTS, Engine, EngineKind
from celadon.postgres import authentication
from celadon.postgres.cluster import BOUNDED, DATA, SUPERUSER, Clusters

log = logging.getLogger(__name__)

REST_PORT = 8008
REPLICATOR, REWINDER = "replicator", "rewinder"
# Of its interface.
_USER = "celadon"
_NO_HEADERS: Mapping[str, str] = {}
# What the nodes of a pair agreed on, kept beside PostgreSQL's files: nothing for a copy of these.
AGREED = "patroni.dynamic.json"
_ASK_TIMEOUT = 1.0
# Seconds. The first is the shortest that Patroni takes: so long is nobody primary when a node vanishes with its lock.
_TTL, _LOOP, _RETRY = 20, 2, 4
# Of the log, that a standby keeps for the archive: the primary may end before it has archived all that it wrote.
_KEPT = "256MB"
# A standby that lacks more than this is never promoted (with synchronous mode it lacks nothing that was acknowledged).
_MOST_LAG = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Passwords:
    """Of the roles by which nodes copy each other, and of Patroni's own interface."""

    replication: str = field(repr=False)
    rewind: str = field(repr=False)
    rest: str = field(repr=False)


def etcd_argv(engine: Engine, address: str) -> tuple[str, ...]:
    """The one member on this machine: three would die with it as well."""
    client, peer = f"http://{address}:{PORTS[EngineKind.ETCD]}", f"http://{address}:2380"
    return (
        "etcd",
        *("--name", engine.name, "--data-dir", f"{ENGINE_DIRECTORY}/etcd"),
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *(
            "--listen-peer-urls",
            peer,
            "--initial-advertise-peer-urls",
            peer,
            "--initial-cluster",
            f"{engine.name}={peer}",
        ),
        *("--auto-compaction-mode", "periodic", "--auto-compaction-retention", "1h", "--log-level", "warn"),
    )


def argv() -> tuple[str, ...]:
    return (*BOUNDED, "patroni", f"{ENGINE_DIRECTORY}/conf/patroni.json")


def configuration(clusters: Clusters, engine: Engine, first: Engine, etcd: str, passwords: Passwords) -> str:
    """Patroni's file for one node of the cluster whose first node is `first`; JSON is YAML."""
    address = clusters.engines.address(engine)
    parameters = {
        "max_connections": engine.connections + 25,
        "max_worker_processes": 8,
        "max_wal_senders": 10,
        "max_replication_slots": 10,
        "wal_level": "replica",
        "wal_log_hints": True,
    }
    agreed = {
        "ttl": _TTL,
        "loop_wait": _LOOP,
        "retry_timeout": _RETRY,
        "primary_start_timeout": 0,
        "maximum_lag_on_failover": _MOST_LAG,
        "synchronous_mode": True,
        "failsafe_mode": True,
        "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": parameters},
    }
    return json.dumps(
        {
            "scope": _scope(first),
            "name": engine.name,
            "restapi": {
                "listen": f"0.0.0.0:{REST_PORT}",
                "connect_address": f"{address}:{REST_PORT}",
                "authentication": {"username": _USER, "password": passwords.rest},
            },
            "etcd3": {"hosts": [f"{etcd}:{PORTS[EngineKind.ETCD]}"]},
            # Without it a node waits for the primary; with it one without files would make a cluster of its own.
            **({"bootstrap": {"dcs": agreed}} if engine.id == first.id else {}),
            "postgresql": _postgresql(clusters, engine, address, passwords),
        },
        indent=1,
    )


def _postgresql(clusters: Clusters, engine: Engine, address: str, passwords: Passwords) -> dict[str, object]:
    return {
        "listen": "0.0.0.0:5432",
        "connect_address": f"{address}:5432",
        "bin_dir": clusters.program(engine, "").rstrip("/"),
        "data_dir": DATA,
        "pgpass": f"{ENGINE_DIRECTORY}/conf/pgpass",
        "custom_conf": f"{ENGINE_DIRECTORY}/conf/postgresql.conf",
        "use_unix_socket": True,
        "use_unix_socket_repl": True,
        "parameters": {
            "unix_socket_directories": f"{ENGINE_DIRECTORY}/run",
            "hba_file": f"{ENGINE_DIRECTORY}/conf/pg_hba.conf",
            "ident_file": authentication.IDENT_FILE,
            "wal_keep_size": _KEPT,
        },
        "authentication": {
            "superuser": {"username": SUPERUSER},
            "replication": {"username": REPLICATOR, "password": passwords.replication, "sslmode": "require"},
            "rewind": {"username": REWINDER, "password": passwords.rewind, "sslmode": "require"},
        },
        # Not when the next one is due, which may be in a quarter of an hour.
        "basebackup": {"checkpoint": "fast"},
        "remove_data_directory_on_rewind_failure": True,
        "remove_data_directory_on_diverged_timelines": True,
    }


def forget(etcd: str, first: Engine) -> None:
    """Remove a cluster's keys (etcd's JSON gateway: a range of keys in base64)."""
    prefix = f"/service/{_scope(first)}/".encode()
    end = prefix[:-1] + bytes([prefix[-1] + 1])
    body = json.dumps({"key": b64encode(prefix).decode(), "range_end": b64encode(end).decode()})
    connection = http.client.HTTPConnection(etcd, PORTS[EngineKind.ETCD], timeout=_ASK_TIMEOUT)
    try:
        connection.request("POST", "/v3/kv/deleterange", body)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        # Its keys end with nobody to renew them but for a few bytes; a pair of this number begins with another id.
        log.warning("at=forget pair=%d error=%s", first.number, type(error).__name__)
    finally:
        connection.close()


def keep_slot(address: str, password: str, slot: str, *, kept: bool) -> bool:
    """Have both nodes keep a slot of this name, whoever is the primary, or keep it no longer; whether that was agreed."""
    body = json.dumps({"slots": {slot: {"type": "physical"} if kept else None}})
    login = b64encode(f"{_USER}:{password}".encode()).decode()
    return _ask(address, "/config", "PATCH", body, {"Authorization": f"Basic {login}"}) == 200


def _scope(first: Engine) -> str:
    return f"cluster-{first.id}"


def is_primary(address: str) -> bool:
    """Whether the node at this address says that it is the primary and holds the lock."""
    return _ask(address, "/primary") == 200


def is_synchronous(address: str) -> bool:
    """Whether the node is a standby that has all that was acknowledged."""
    return _ask(address, "/sync") == 200


def _ask(
    address: str, path: str, method: str = "GET", body: str | None = None, headers: Mapping[str, str] = _NO_HEADERS
) -> int | None:
    """The status of an answer of Patroni's; None when there is none."""
    connection = http.client.HTTPConnection(address, REST_PORT, timeout=_ASK_TIMEOUT)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
