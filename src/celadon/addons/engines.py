"""How an engine's container is started, found again and removed, whatever runs in it.

Its files are in `home/addon-engines/<number>`, bound to /engine; its sockets in `run/engines/<number>`, bound to
/engine/run. The command runs under `flock` on a file in that directory, which all its processes inherit: a second one
on the same files ends at once, whoever started it.
"""

import logging
import os
import re
import shutil
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from celadon.actions.context import now
from celadon.model.engine import MOST, PORTS, Engine, EngineKind
from celadon.platform import certificates, images, runtimes
from celadon.platform.settings import Settings
from celadon.runtime.protocol import (
    Bind,
    Container,
    ContainerSpec,
    ContainerState,
    Limits,
    Mount,
    Runtime,
    RuntimeFailure,
    Tmpfs,
)

log = logging.getLogger(__name__)

# Its directory, as its own processes see it.
ENGINE_DIRECTORY = "/engine"
# The directory of a program that only speaks to an engine.
WORK = "/work"
_LOCK = f"{ENGINE_DIRECTORY}/lock"
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_LOG_LIMIT = 16 << 20
# What the labels of a container say: whose it is, and how much memory it has.
_ENGINE = "engine"
_MEMORY = "memory"
# What the groups of engines that reach others begin with; its number follows.
_PEERS = "peers_"
# The ids of an engine's containers: its own, and those beside it.
_CONTAINER = re.compile(rf"((?:{'|'.join(EngineKind)})-([0-9]+))(?:-.*)?")
_LOOK = 0.01
# Of a directory that only holds what is mounted in it.
_NOTHING = 64 << 10


class Engines:
    """The engines of one machine. Threads may share it; calls of one engine must not overlap."""

    def __init__(self, settings: Settings, runtime: Runtime | None = None) -> None:
        self.settings = settings
        self.runtime: Runtime = runtime or runtimes.addons(settings)
        self.root = images.path(settings, "services")
        self._network = runtimes.network(settings)

    def directory(self, engine: Engine) -> Path:
        return self.settings.home / "addon-engines" / str(engine.number)

    def sockets(self, engine: Engine) -> Path:
        return self.settings.run / "engines" / str(engine.number)

    def uid(self, engine: Engine) -> int:
        return self.settings.uid_base + engine.uid_offset

    def client_uid(self, engine: Engine) -> int:
        """Of programs that speak to it for those whose data it holds, see `client_spec`."""
        return self.settings.uid_base + engine.client_uid_offset

    def address(self, engine: Engine) -> str:
        return engine.address(self.settings.subnet)

    def running(self, engine: Engine) -> bool:
        return self.runs(engine.name)

    def runs(self, container_id: str) -> bool:
        found = self.runtime.inspect(container_id)
        return found is not None and found.state in (ContainerState.RUNNING, ContainerState.UNMONITORED)

    def fits(self, engine: Engine) -> bool:
        """Whether it runs with the memory that it is to have now."""
        found = self.runtime.inspect(engine.name)
        return self.running(engine) and found is not None and found.labels.get(_MEMORY) == str(engine.memory)

    def installed(self, package: str) -> str:
        """The version of a Debian package in the image, without Debian's own additions; "" when it is not there."""
        status = (self.root / "var/lib/dpkg/status").read_text("utf-8")
        for paragraph in status.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
            if fields.get("Package") == package:
                return fields["Version"].rpartition(":")[2].partition("-")[0]
        return ""

    def prepare(self, engine: Engine) -> None:
        """Make its directories, owned by its user. May be called again."""
        for path in (self.directory(engine), self.sockets(engine)):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.chown(path, self.uid(engine), self.uid(engine))

    def write(self, engine: Engine, name: str, content: str) -> None:
        """A file in its directory for its user's eyes, whole or not at all."""
        path = self.directory(engine) / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(path.parent, self.uid(engine), self.uid(engine))
        partial = path.with_name(f".{path.name}.partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
        os.chown(partial, self.uid(engine), self.uid(engine))
        partial.rename(path)

    def certify(self, engine: Engine) -> bool:
        """Have a key and a certificate of the platform's authority for where it is reached: conf/server.key and .crt.

        Those that are there stay until they run out soon; True for new ones.
        """
        place = self.directory(engine) / "conf"
        if certificates.lasts(self.settings, place / "server.crt", place / "server.key", now()):
            return False
        pem = certificates.for_hosts(self.settings, (self.settings.engine_host, self.address(engine)), now())
        key, end, chain = pem.partition("-----END PRIVATE KEY-----\n")
        self.write(engine, "conf/server.crt", chain)
        # Where only one of them was written they do not fit, and both are made again.
        self.write(engine, "conf/server.key", f"{key}{end}")
        return True

    def start(
        self,
        engine: Engine,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str] | None = None,
        mounts: tuple[Mount, ...] = (),
        group: str | None = None,
    ) -> None:
        """Run its command, in place of whatever is left of one that died. Raises RuntimeFailure.

        `group` names what it may reach, see `allow`.
        """
        self.runtime.remove(engine.name)
        self.prepare(engine)
        for left in self.sockets(engine).iterdir():
            # Whoever reads what a program has left here removes it as well.
            left.unlink(missing_ok=True)
        self.runtime.start(self.spec(engine, engine.name, argv, env=env or {}, mounts=mounts, group=group))

    def stop(self, engine: Engine, seconds: float) -> None:
        """Ask it to end, and end it after so many seconds; its files stay. Raises RuntimeFailure."""
        self.runtime.signal(engine.name, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self.running(engine) and time.monotonic() < deadline:
            time.sleep(_LOOK)
        self.runtime.remove(engine.name)

    def spec(
        self,
        engine: Engine,
        container_id: str,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str],
        mounts: tuple[Mount, ...] = (),
        group: str | None = None,
    ) -> ContainerSpec:
        """A container on this engine's files; its lock keeps all but the first from them."""
        subnet = self.settings.subnet
        return ContainerSpec(
            id=container_id,
            root=self.root,
            argv=("flock", "--nonblock", "--no-fork", _LOCK, *argv),
            env={"PATH": _PATH, "LANG": "C.UTF-8", "HOME": ENGINE_DIRECTORY, **env},
            cwd=ENGINE_DIRECTORY,
            uid=self.uid(engine),
            hostname=engine.name,
            limits=Limits(memory=engine.memory, swap=engine.memory, pids=512, files=10_000),
            bundle=self.settings.home / "addons" / container_id,
            log_path=self.directory(engine) / "output.log",
            # Two containers of one address would take each other's link away.
            address=self.address(engine) if container_id == engine.name else engine.second_address(subnet),
            group=group,
            mounts=(
                Bind(source=self.directory(engine), target=ENGINE_DIRECTORY, readonly=False),
                Bind(source=self.sockets(engine), target=f"{ENGINE_DIRECTORY}/run", readonly=False),
                *mounts,
            ),
            log_limit=_LOG_LIMIT,
            sheltered=True,
            labels={_ENGINE: engine.id, _MEMORY: str(engine.memory)},
        )

    def client_spec(
        self,
        engine: Engine,
        container_id: str,
        argv: tuple[str, ...],
        *,
        socket: str,
        directory: Path,
        memory: int,
        env: Mapping[str, str],
        mounts: tuple[Mount, ...] = (),
    ) -> ContainerSpec:
        """A program that speaks to this engine by this socket of its: it has no network, sees nothing else of the engine,
        and is not the engine's user. What it writes goes to `directory`, which is bound to /work.

        Raises RuntimeFailure when there is no such socket.
        """
        source = self.sockets(engine) / socket
        if not source.is_socket() or source.is_symlink():
            raise RuntimeFailure(f"cannot start {container_id}: {engine.name} does not listen")
        return ContainerSpec(
            id=container_id,
            root=self.root,
            argv=argv,
            env={"PATH": _PATH, "LANG": "C.UTF-8", "HOME": WORK, **env},
            cwd=WORK,
            uid=self.client_uid(engine),
            hostname=container_id[:60],
            limits=Limits(memory=memory, swap=memory, pids=32, files=1_000),
            bundle=self.settings.home / "addons" / container_id,
            log_path=directory / "output.log",
            address=None,
            offline=True,
            mounts=(
                Bind(source=directory, target=WORK, readonly=False),
                Tmpfs(target=ENGINE_DIRECTORY, size=_NOTHING, mode="0755"),
                # Read-only: a socket is connected to all the same.
                Bind(source=source, target=f"{ENGINE_DIRECTORY}/run/{socket}"),
                *mounts,
            ),
            log_limit=_LOG_LIMIT,
            labels={_ENGINE: engine.id},
        )

    def remove(self, engine: Engine) -> None:
        """End it and all that runs beside it, and remove its files and its group; no error when there are none.

        Raises RuntimeFailure.
        """
        for found in self.runtime.list().values():
            if found.labels.get(_ENGINE) == engine.id or found.id.startswith(f"{engine.name}-"):
                self.runtime.remove(found.id)
        self.runtime.remove(engine.name)
        # The group of a pair is that of its first node, and goes with the last one that is in it.
        for number in {engine.number, engine.user_number or engine.number}:
            self._network.forget(_group(number))
        for path in (self.sockets(engine), self.directory(engine)):
            shutil.rmtree(path, ignore_errors=True)

    def sweep(self, engines: Iterable[Engine]) -> int:
        """Remove the containers and groups of all engines but these, which somebody who was killed has left; returns how
        many. What cannot be removed is told in the log. Only before anything is started.
        """
        known = {engine.name: engine for engine in engines}
        containers = [one.id for one in self.runtime.list().values() if _is_left(one, known)]
        kept = {_group(engine.number) for engine in known.values()}
        groups = [name for name in self._network.groups(_PEERS) if name not in kept]
        for remove, names in ((self.runtime.remove, containers), (self._network.forget, groups)):
            for name in names:
                try:
                    remove(name)
                except RuntimeFailure:
                    log.exception("at=sweep-failed name=%s", name)
        return len(containers) + len(groups)

    def allow_peers(self, engine: Engine, peers: Iterable[Engine]) -> str:
        """Let it reach these engines and no others; the group to start it in. Raises RuntimeFailure."""
        # After a restart of the machine this may come before the first container has been connected.
        self._network.ensure()
        group = _group(engine.number)
        self._network.allow({group: [(self.address(peer), PORTS[peer.kind]) for peer in peers]})
        return group

    def publish(self, engines: Mapping[int, Engine]) -> None:
        """Lead these ports of the host to these engines, and no others. Raises RuntimeFailure."""
        self._network.publish({port: (self.address(one), PORTS[one.kind]) for port, one in engines.items()})

    def groups(self, prefix: str) -> list[str]:
        """The groups there are whose names begin so. Raises RuntimeFailure."""
        return self._network.groups(prefix)

    def allow(self, groups: Mapping[str, Iterable[tuple[str, int]]]) -> None:
        """What each group reaches from now on; see `Network.allow`. Raises RuntimeFailure."""
        self._network.allow(groups)


def _group(number: int) -> str:
    return f"{_PEERS}{number}"


def _is_left(container: Container, known: Mapping[str, Engine]) -> bool:
    """Whether its engine is none of these; another one may have its number by now."""
    name = _CONTAINER.fullmatch(container.id)
    # Numbers beyond belong to no engine: files are made ready there (postgres/manager.py).
    if name is None or int(name[2]) > MOST:
        return False
    engine = known.get(name[1])
    return engine is None or container.labels.get(_ENGINE, engine.id) != engine.id
