"""pg_dump and pg_restore in containers of their own: they speak to a cluster by its socket and reach nothing else.

They log in as the tenant, whose password they read from a file: what an archive makes them do, its tenant might have done.
They run as a user of their own, whom the server lets in as nobody else (authentication.py).
"""

import contextlib
import logging
import os
import signal
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from celadon.actions.postgres_databases import Place
from celadon.addons.engines import ENGINE_DIRECTORY, WORK
from celadon.model.engine import Engine
from celadon.model.transfer import Transfer
from celadon.postgres.cluster import SOCKET, Clusters
from celadon.postgres.statements import SCHEMA
from celadon.runtime.protocol import Bind, Container, ContainerState

log = logging.getLogger(__name__)

# What the ids of their containers begin with; the transfer's follows.
CONTAINER = "transfer-"
_MEMORY = 512 << 20
_ARCHIVE = f"{WORK}/archive"
_PASSWORDS = "passwords"
# Milliseconds that pg_dump waits for the lock of a table that its owner holds.
_LOCK_WAIT = 60_000
# The statuses of a program that somebody else ended, by SIGKILL or SIGTERM.
_ENDED = (128 + signal.SIGKILL, 128 + signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who logs in where."""

    engine: Engine
    database: str
    role: str
    password: str


def login_of(place: Place, engine: Engine) -> Login:
    return Login(engine=engine, database=place.database.name, role=place.database.role, password=place.password)


@contextlib.contextmanager
def login_to(clusters: Clusters, login: Login) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """A connection of the tenant's own, each statement its own transaction. Raises psycopg.Error."""
    connection = psycopg.connect(
        host=str(clusters.engines.sockets(login.engine)),
        user=login.role,
        password=login.password,
        dbname=login.database,
        autocommit=True,
        connect_timeout=10,
        application_name="celadon",
        options="-c search_path= -c statement_timeout=60s",
    )
    with connection:
        yield connection


class Programs:
    """Starts, finds and ends them; the container's id is made of the transfer's, so that it is found after a crash."""

    def __init__(self, clusters: Clusters) -> None:
        self.clusters = clusters
        self.runtime = clusters.engines.runtime

    def container_id(self, transfer: Transfer) -> str:
        return f"{CONTAINER}{transfer.id}"

    def dump(self, transfer: Transfer, login: Login, work: Path, *, limit: int, snapshot: str | None) -> None:
        """Write `work/archive`, of at most `limit` bytes."""
        words = (
            "--format=custom",
            "--compress=1",
            "--no-password",
            f"--file={_ARCHIVE}",
            f"--lock-wait-timeout={_LOCK_WAIT}",
        )
        # Older programs have no such option: what they write of it, no restore takes (contents.py).
        extensions = ("--exclude-extension=pg_stat_statements",) if int(login.engine.version) >= 17 else ()
        own = (*extensions, f"--exclude-schema={SCHEMA}")
        same = () if snapshot is None else (f"--snapshot={snapshot}",)
        argv = (self.clusters.program(login.engine, "pg_dump"), *words, *own, *same)
        self._start(transfer, login, work, ("prlimit", f"--fsize={limit}", "--", *argv), ())

    def list_contents(self, transfer: Transfer, login: Login, work: Path, archive: Path) -> None:
        """Write what an archive holds to `work/contents`."""
        words = ("--list", f"--file={WORK}/contents", _ARCHIVE)
        self._start(transfer, login, work, (self.clusters.program(login.engine, "pg_restore"), *words), _bound(archive))

    def load(self, transfer: Transfer, login: Login, work: Path, archive: Path) -> None:
        """Put what `work/wanted` lists into the database: all of it or nothing."""
        words = ("--clean", "--if-exists", "--no-owner", "--no-acl", "--single-transaction", "--exit-on-error")
        more = ("--no-password", f"--use-list={WORK}/wanted", f"--dbname={login.database}", _ARCHIVE)
        argv = (self.clusters.program(login.engine, "pg_restore"), *words, *more)
        self._start(transfer, login, work, argv, _bound(archive))

    def _start(
        self, transfer: Transfer, login: Login, work: Path, argv: tuple[str, ...], mounts: tuple[Bind, ...]
    ) -> None:
        container_id = self.container_id(transfer)
        self.runtime.remove(container_id)
        engines, uid = self.clusters.engines, self.clusters.engines.client_uid(login.engine)
        secret = work / _PASSWORDS
        secret.unlink(missing_ok=True)
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"*:*:*:*:{login.password}\n")
        os.chown(secret, uid, uid)
        env = {
            "PGHOST": f"{ENGINE_DIRECTORY}/run",
            "PGDATABASE": login.database,
            "PGUSER": login.role,
            "PGPASSFILE": f"{WORK}/{_PASSWORDS}",
            "PGAPPNAME": session_name(transfer),
            "PGCONNECT_TIMEOUT": "20",
            # A restore waits for locks until their holders have been ended; for pg_dump see _LOCK_WAIT.
            "PGOPTIONS": "-c lock_timeout=0 -c statement_timeout=0 -c idle_in_transaction_session_timeout=0",
        }
        (work / "output.log").unlink(missing_ok=True)
        spec = engines.client_spec(
            login.engine, container_id, argv, socket=SOCKET, directory=work, memory=_MEMORY, env=env, mounts=mounts
        )
        self.runtime.start(spec)

    def find(self, transfer: Transfer) -> Container | None:
        """Its container, if it was executed; what was never finished is removed."""
        found = self.runtime.inspect(self.container_id(transfer))
        if found is not None and found.state in (ContainerState.STARTING, ContainerState.UNFINISHED):
            self.runtime.remove(found.id)
            return None
        return found

    def end(self, transfer: Transfer) -> None:
        """No error when there is none."""
        self.runtime.remove(self.container_id(transfer))

    def said(self, work: Path) -> list[str]:
        """What a program wrote, line by line, without the names of roles and files that mean nothing to its reader."""
        try:
            content = (work / "output.log").read_bytes()
        except FileNotFoundError:
            return []
        lines = [line.split(b" ", 3)[-1] for line in content.splitlines()]
        return [line.decode("utf-8", "replace").replace(_ARCHIVE, "the archive") for line in lines if line.strip()]

    def position(self, transfer: Transfer, size: int) -> int | None:
        """How far pg_restore has come through an archive of this size, in bytes; None when it cannot be seen now."""
        found = self.runtime.inspect(self.container_id(transfer))
        if found is None or found.pid is None:
            return None
        with contextlib.suppress(OSError):
            for pid in _family(found.pid):
                for file in Path(f"/proc/{pid}/fd").iterdir():
                    known = file.stat()
                    if stat.S_ISREG(known.st_mode) and known.st_size == size:
                        return int(Path(f"/proc/{pid}/fdinfo/{file.name}").read_text().split()[1])
        return None


def own_status(found: Container) -> int | None:
    """The status that its program ended with of its own; None when that was not its doing, or is not known."""
    return None if found.out_of_memory or found.exit_status in _ENDED else found.exit_status


def session_name(transfer: Transfer) -> str:
    """What its sessions are called at the server."""
    return f"celadon-{transfer.id}"


def _bound(archive: Path) -> tuple[Bind, ...]:
    return (Bind(source=archive, target=_ARCHIVE),)


def _family(pid: int) -> Iterator[int]:
    yield pid
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            yield from _family(int(child))
