"""Who may log in to a server, and how: its pg_hba.conf and pg_ident.conf, static, without a line of any tenant's.

By the socket only the platform (root) and the server's own programs (Patroni, pgBackRest) come in without a password: the
kernel tells the server whose process it is. A program that works for a tenant has another uid, and so needs a password.
"""

from collections.abc import Sequence

from celadon.addons.engines import ENGINE_DIRECTORY
from celadon.model.engine import Engine

IDENT_FILE = f"{ENGINE_DIRECTORY}/conf/pg_ident.conf"

# `own`: the names are those of the container's /etc/passwd, where every container's user is `dyno` (runtime/bundle.py).
IDENT = """\
own      root postgres
own      dyno postgres
own      dyno replicator
platform root all
"""

# Who is a member of the role that is called as a database may connect to it.
_HBA = """\
{peers}local   all          postgres                 peer map=own
local   all          +celadon_clips           {clips}
local   replication  postgres,replicator      peer map=own
local   samerole     all                      scram-sha-256
hostssl all          postgres     0.0.0.0/0   reject
hostssl samerole     all          0.0.0.0/0   scram-sha-256
"""
_PEER = "hostssl {database} replicator,rewinder {address}/32 scram-sha-256\n"
# The first version whose maps know `all`. Older servers have one tenant each, so that its clips are nobody else's.
_MAPS_ALL = 16

# Of a server that only the platform speaks to.
CLOSED_HBA = "local all postgres peer map=own\n"


def hba(engine: Engine, peers: Sequence[str]) -> str:
    """pg_hba.conf; `peers` are the addresses of those that copy the server."""
    lines = [_PEER.format(database=name, address=peer) for peer in peers for name in ("replication", "postgres")]
    clips = "peer map=platform" if int(engine.version) >= _MAPS_ALL else "trust"
    return _HBA.format(peers="".join(lines), clips=clips)
