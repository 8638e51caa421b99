"""Engines: the servers that hold users' data, each in a container with an address and a user of its own."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# Of the platform's subnet, ports and users: engine number n has the n-th of each. The first is number 1.
FIRST_ADDRESS = 61_000
_FIRST_PORT = 25_000
_FIRST_UID = 900_000
_FIRST_CLIENT_UID = 910_000
# Each has a second address, for a container that works on its files beside it; the subnet ends at 65,534, and ports end
# where those begin that the kernel gives to outgoing connections (32,768).
MOST = 2_000
_SECOND = 2_200


class EngineKind(StrEnum):
    POSTGRESQL = "postgresql"
    REDIS = "redis"
    MEMCACHED = "memcached"
    ETCD = "etcd"


class EngineState(StrEnum):
    """What is wanted of it. One that is `restoring` is filled before it is started; what is `removed` goes with its files."""

    RESTORING = "restoring"
    RUNNING = "running"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """`memory` and `storage` are in bytes, `connections` are those that users may have at once.

    A `shared` one holds databases of many add-ons. `pair` is the first node of a primary and its standby, in both.
    `user_number` is the number of the engine whose user it runs as, if that is not its own: the nodes of a pair have
    one archive, and each must be able to write what the other has begun.
    """

    id: str
    number: int
    kind: EngineKind
    version: str
    shared: bool
    memory: int
    storage: int
    connections: int
    state: EngineState
    created_at: datetime
    updated_at: datetime
    pair: str | None = None
    user_number: int | None = None

    @property
    def name(self) -> str:
        """Its container's id."""
        return f"{self.kind}-{self.number}"

    @property
    def port(self) -> int:
        """The port of the host at which it is reached."""
        return _FIRST_PORT + self.number

    @property
    def uid_offset(self) -> int:
        """Its user, from the platform's first."""
        return _FIRST_UID + (self.user_number or self.number)

    @property
    def client_uid_offset(self) -> int:
        """The user of programs that only speak to it."""
        return _FIRST_CLIENT_UID + self.number

    def address(self, subnet: str) -> str:
        return str(ipaddress.IPv4Network(subnet)[FIRST_ADDRESS + self.number])

    def second_address(self, subnet: str) -> str:
        return str(ipaddress.IPv4Network(subnet)[FIRST_ADDRESS + _SECOND + self.number])


# Where each kind listens within its container.
PORTS = {EngineKind.POSTGRESQL: 5432, EngineKind.REDIS: 6379, EngineKind.MEMCACHED: 11211, EngineKind.ETCD: 2379}
