"""What a Redis server reads when it starts: its configuration, and who may do what."""

import hashlib
from collections.abc import Mapping

from celadon.actions.caches import Place
from celadon.addons.engines import ENGINE_DIRECTORY

USER = "celadon"
CERTIFICATE = f"{ENGINE_DIRECTORY}/conf/server.crt"
SOCKET = "redis.sock"
DUMP, LOG = "dump.rdb", "appendonlydir"
_MB = 1 << 20

# What is dangerous to a server that many share, or to the machine, is not for its tenant: CONFIG, DEBUG, SHUTDOWN,
# REPLICAOF, MODULE, ACL, SAVE, MIGRATE, RESTORE (whose payload is trusted) and their like. What asks after the tenant's
# own keys and clients is given back.
_TENANT = (
    "+@all -@admin -@dangerous -acl -script|debug "
    "+info +keys +flushall +flushdb +sort +sort_ro +swapdb +lastsave +role +monitor "
    "+client|list +client|kill +slowlog|get +slowlog|len +slowlog|reset +slowlog|help +latency|latest +latency|history"
)


def users(place: Place, platform_password: str) -> str:
    """users.acl: passwords as their hashes."""
    return (
        f"user {place.cache.username} on #{hashed(place.password)} ~* &* {_TENANT}\n"
        f"user {USER} on #{hashed(platform_password)} ~* &* +@all\n"
    )


def hashed(password: str) -> str:
    """As Redis keeps it; the passwords are random, so that a plain hash is enough."""
    return hashlib.sha256(password.encode()).hexdigest()


def adjustable(place: Place) -> Mapping[str, str]:
    """What is changed while it runs as well."""
    return {
        "maxmemory-policy": place.cache.policy,
        "timeout": str(place.cache.timeout),
        "notify-keyspace-events": place.cache.notifications,
    }


def configuration(place: Place) -> str:
    """redis.conf. One client's words and answers are bounded, and so are those of all together: a full server answers
    with errors, and its container is never out of memory by what it is told (a script may still waste it).
    """
    size = place.size
    buffers = max(16 * _MB, size.memory // 2)
    settings = {
        "bind": "*",
        "port": "0",
        "tls-port": "6379",
        "tls-cert-file": CERTIFICATE,
        "tls-key-file": f"{ENGINE_DIRECTORY}/conf/server.key",
        "tls-auth-clients": "no",
        "tls-protocols": '"TLSv1.2 TLSv1.3"',
        "unixsocket": f"{ENGINE_DIRECTORY}/run/{SOCKET}",
        "unixsocketperm": "700",
        "protected-mode": "no",
        "tcp-keepalive": "60",
        "daemonize": "no",
        "logfile": '""',
        "dir": f"{ENGINE_DIRECTORY}/files",
        "dbfilename": DUMP,
        "appenddirname": LOG,
        "aclfile": f"{ENGINE_DIRECTORY}/conf/users.acl",
        "maxclients": str(size.connections),
        "maxmemory": str(size.memory),
        "maxmemory-clients": str(buffers),
        "client-query-buffer-limit": str(buffers),
        "client-output-buffer-limit": f"normal {max(size.memory, buffers)} {buffers} 60",
        "proto-max-bulk-len": str(buffers),
        # Written by us alone: a snapshot is made when a server moves to another plan.
        "save": '""',
        "appendonly": "yes" if size.persistent else "no",
        "appendfsync": "everysec",
        "auto-aof-rewrite-min-size": "16mb",
        "enable-debug-command": "no",
        "enable-module-command": "no",
        "enable-protected-configs": "no",
        "crash-memcheck-enabled": "no",
        **{name: value or '""' for name, value in adjustable(place).items()},
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())
