"""memcached servers: asked with a user and a password by SASL, as clients of MemCachier do.

Its clients speak without TLS, so it is reached at its own address by the dynos of this machine, and from nowhere else.
"""

import contextlib
import socket
from collections.abc import Mapping

from celadon.actions.caches import Place
from celadon.addons.engines import ENGINE_DIRECTORY, Engines
from celadon.caches.servers import wait
from celadon.model.engine import PORTS, EngineKind

_START, _END = 30.0, 5.0
_PORT = PORTS[EngineKind.MEMCACHED]
# A binary request of 24 bytes for the version, which needs no password, and how its answer begins.
_VERSION = b"\x80\x0b" + bytes(22)
_ANSWER = b"\x81\x0b"
# PLAIN takes the password from a database of the SASL library, which its own tool writes anew with each start.
_SASL = f"""\
mech_list: plain
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {ENGINE_DIRECTORY}/conf/sasldb
"""
_RUN = """\
set -eu
umask 077
rm -f conf/sasldb
saslpasswd2 -p -c -a memcached -f conf/sasldb -u "$HOSTNAME" "$1" <conf/password
shift
exec memcached "$@"
"""


class MemcachedServers:
    """The Servers port. Threads may share it; calls of one engine must not overlap."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.version = engines.installed("memcached")

    def config(self, place: Place) -> Mapping[str, str]:
        return {
            "MEMCACHIER_SERVERS": f"{self.engines.address(place.engine)}:{_PORT}",
            "MEMCACHIER_USERNAME": place.cache.username,
            "MEMCACHIER_PASSWORD": place.password,
        }

    def start(self, place: Place) -> None:
        engine, size = place.engine, place.size
        if not self.engines.running(engine):
            self.engines.prepare(engine)
            self.engines.write(engine, "conf/sasl/memcached.conf", _SASL)
            self.engines.write(engine, "conf/password", place.password)
            options = (
                *("--enable-sasl", "--protocol=binary", "--listen=0.0.0.0", f"--port={_PORT}", "--udp-port=0"),
                *(f"--memory-limit={size.memory >> 20}", f"--conn-limit={size.connections}", "--threads=2"),
                "--extended=read_buf_mem_limit=16,resp_obj_mem_limit=16",
            )
            env = {"SASL_CONF_PATH": f"{ENGINE_DIRECTORY}/conf/sasl", "HOSTNAME": engine.name}
            argv = ("sh", "-c", _RUN, "memcached", place.cache.username, *options)
            self.engines.start(engine, argv, env=env)
        wait(self.engines, place, _START, lambda: self._answers(place))

    def change(self, place: Place, *, cut_off: bool = False) -> None:
        """By a new start, which begins empty."""
        if self.engines.running(place.engine):
            self.engines.stop(place.engine, _END)
        self.start(place)

    def held(self, place: Place) -> int:
        return 0

    def _answers(self, place: Place) -> bool:
        with contextlib.suppress(OSError):
            address = (self.engines.address(place.engine), _PORT)
            with socket.create_connection(address, timeout=2) as connection:
                connection.sendall(_VERSION)
                return connection.recv(24).startswith(_ANSWER)
        return False
