"""Carries out transfers: backups, restores, copies. A row is the program counter, the program runs in a container of its own.

Who is killed leaves the container at work; whoever comes next finds it by the transfer's id and goes on watching. What was
not begun is begun anew, but nothing is loaded twice: what came of a restore that nobody can tell has failed.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions import transferring
from celadon.actions.context import Context
from celadon.actions.postgres_databases import Place
from celadon.addons.backoff import Backoff
from celadon.model.errors import InvalidParams
from celadon.model.postgres_database import SIZES, Step
from celadon.model.transfer import MAGIC, Check, Transfer, TransferKind, TransferStep
from celadon.postgres import contents, fetching, sessions
from celadon.postgres.backup_files import BackupFiles
from celadon.postgres.cluster import ClusterFailure
from celadon.postgres.pairs import Pairs
from celadon.postgres.program_words import locked_out, reason, refused, said_by_server
from celadon.postgres.programs import CONTAINER, Login, Programs, login_of, own_status, session_name
from celadon.postgres.snapshots import Snapshot
from celadon.runtime.protocol import ContainerState, RuntimeFailure

log = logging.getLogger(__name__)

# At once on this machine; each takes a processor.
_AT_ONCE = 4
# And of one owner's apps: whoever can make his own take long keeps nobody else from theirs.
_OF_OWNER = 2
# Seconds between two words about progress, and between two looks for the end of a program.
_TELL = 0.5
_LOOK = 0.02
# Seconds after which a transfer is given up.
_LONGEST = 6 * 3600.0


class TransferFailure(Exception):
    """It is over, and has failed; the message is for its owner."""


class TookTooLong(TransferFailure):
    """It was given up after the longest time that one may take."""


class Interrupted(Exception):
    """The platform is to blame; what can be done anew is."""


class Cancelled(Exception):
    """Somebody has asked for its end."""


class Transfers:
    """The transfers of this machine, each in a thread."""

    def __init__(self, context: Context, pairs: Pairs, longest: float = _LONGEST) -> None:
        self.context = context
        self.clusters = pairs.clusters
        self.backup_files = BackupFiles(context)
        self.programs = Programs(pairs.clusters)
        self.pairs = pairs
        self._longest = longest
        self._lock = threading.Lock()
        # Transfer id → the owner of its app, of those in a thread.
        self._at_work: dict[str, str] = {}
        self._backoff = Backoff()
        self._swept = False

    def ensure(self) -> int:
        """Begin what waits and go on with what nobody watches; returns how many."""
        if not self._swept:
            self.sweep()
            self._swept = True
        transferring.begin_scheduled(self.context)
        begun, waiting_ones = 0, transferring.open_ones(self.context)
        owners = transferring.owners(self.context, waiting_ones)
        for waiting in waiting_ones:
            owner = owners.get(waiting.app_id, waiting.app_id)
            if not self._backoff.due(waiting.id) or not self._take_place(waiting.id, owner):
                continue
            threading.Thread(target=self._work, args=(waiting.id,), name=waiting.id, daemon=True).start()
            begun += 1
        return begun

    def _take_place(self, transfer_id: str, owner: str) -> bool:
        """Whether it may have a thread now: its owner's others do not have their share, and there is one."""
        with self._lock:
            if transfer_id in self._at_work or len(self._at_work) >= _AT_ONCE:
                return False
            if list(self._at_work.values()).count(owner) >= _OF_OWNER:
                return False
            self._at_work[transfer_id] = owner
            return True

    def sweep(self) -> None:
        """Remove what somebody who was killed has left of transfers that are over."""
        for container_id in self.clusters.engines.runtime.list():
            transfer_id = container_id.removeprefix(CONTAINER)
            if container_id != transfer_id and _leaves_nothing(transferring.find(self.context, transfer_id)):
                self.programs.runtime.remove(container_id)
        for path in self.backup_files.all():
            found = transferring.find(self.context, path.stem)
            kept = found is not None and found.kept and path.suffix == ".dump"
            if not kept and _leaves_nothing(found):
                self.backup_files.discard(path)

    def _work(self, transfer_id: str) -> None:
        try:
            self.run(transfer_id)
        except Exception:
            # The store does not answer: a later look goes on.
            self._backoff.failed(transfer_id)
            log.exception("at=transfer transfer=%s", transfer_id)
        finally:
            with self._lock:
                del self._at_work[transfer_id]

    def run(self, transfer_id: str) -> None:
        """Carry one out from where it is to its end; it may be called again after a crash at any point."""
        transfer = transferring.begin(self.context, transfer_id)
        if transfer is None:
            return
        try:
            processed, warnings = self._carry_out(transfer)
        except Cancelled:
            self._clean(transfer)
            transferring.cancelled(self.context, transfer.id)
        except TransferFailure as failure:
            self._clean(transfer)
            transferring.failed(self.context, transfer.id, str(failure))
        except (Interrupted, RuntimeFailure, ClusterFailure, psycopg.Error, OSError) as failure:
            log.exception("at=transfer transfer=%s", transfer.id)
            self._backoff.failed(transfer.id)
            self._clean(transfer)
            why = str(failure) if isinstance(failure, Interrupted) else "The database's server did not answer."
            transferring.interrupted(self.context, transfer.id, why)
        else:
            transferring.succeeded(self.context, transfer.id, processed=processed, warnings=warnings)
            self._backoff.done(transfer.id)
            self._clean(transfer)
            if transfer.kind is TransferKind.BACKUP:
                self.expire(transfer.addon_id)
        log.info("at=transfer transfer=%s kind=%s", transfer.id, transfer.kind)

    def expire(self, addon_id: str) -> None:
        """Remove what the plan does not keep any longer."""
        for gone in transferring.expire(self.context, addon_id):
            self.backup_files.remove(gone)

    def forget(self, addon_id: str) -> None:
        """Remove everything that is kept of a database that goes."""
        transferring.forget(self.context, addon_id)
        self.backup_files.remove_all(addon_id)

    def _clean(self, transfer: Transfer) -> None:
        """End its program and its sessions, and remove what it was working on; no error when there is nothing."""
        self.programs.end(transfer)
        for addon_id in {transfer.addon_id, transfer.source_id or transfer.addon_id}:
            place = databases.find(self.context, addon_id)
            if place is not None and place.database.step is Step.AVAILABLE:
                try:
                    with self.clusters.connect(self.pairs.primary(place.engine)) as connection:
                        sessions.end(connection, place.database.name, session_name(transfer))
                except psycopg.Error:
                    # A server that is down has no sessions.
                    log.warning("at=clean transfer=%s", transfer.id)
        self.backup_files.clear(transfer)

    def _carry_out(self, transfer: Transfer) -> tuple[int, int]:
        """Bytes and warnings."""
        if transfer.kind is TransferKind.BACKUP:
            return self._back_up(transfer), 0
        if transfer.kind is TransferKind.COPY:
            return self._copy(transfer)
        return self._restore(transfer)

    def place(self, addon_id: str) -> Place:
        """Raises TransferFailure."""
        found = databases.find(self.context, addon_id)
        if found is None or found.database.step is not Step.AVAILABLE:
            raise TransferFailure("The database is not there: it was removed, or is still being made.")
        return found

    def login(self, addon_id: str) -> Login:
        """Raises TransferFailure."""
        found = self.place(addon_id)
        return login_of(found, self.pairs.primary(found.engine))

    # Backups.

    def _back_up(self, transfer: Transfer) -> int:
        kept = self.backup_files.path(transfer)
        if not kept.exists():
            self._dump(transfer, transfer.addon_id)
            self.backup_files.keep(transfer, self.backup_files.work(transfer) / "archive")
        return kept.stat().st_size

    def _dump(self, transfer: Transfer, addon_id: str) -> None:
        """Have the whole archive in its directory of work."""
        place, login = self.place(addon_id), self.login(addon_id)
        limit = min(SIZES[place.database.plan].storage, self.backup_files.room())
        archive = self.backup_files.work(transfer) / "archive"
        found = self.programs.find(transfer)
        if found is not None and transfer.step is TransferStep.DUMPING:
            self._watch_dump(transfer, archive, limit)
            return
        if not limit:
            raise TransferFailure("The platform's disk is full; its operator has to make room.")
        with self.clusters.connect(login.engine, login.database) as connection:
            (size,) = connection.execute("select pg_database_size(current_database())").fetchone() or (0,)
        work = self.backup_files.make_work(transfer, self.clusters.engines.client_uid(login.engine))
        transferring.step(self.context, transfer.id, TransferStep.DUMPING, source_bytes=size)
        if not transfer.scheduled:
            self.programs.dump(transfer, login, work, limit=limit, snapshot=None)
            self._watch_dump(transfer, archive, limit)
            return
        with Snapshot(self.clusters, login) as snapshot:
            self.programs.dump(transfer, login, work, limit=limit, snapshot=snapshot.name)
            self._watch_dump(transfer, archive, limit)
            transferring.counted(self.context, transfer.id, snapshot.counted())

    def _watch_dump(self, transfer: Transfer, archive: Path, limit: int) -> None:
        status, said = self._watch(transfer, lambda: _size(archive))
        if status is None:
            raise Interrupted(f"{_KILLED} while the backup was taken.")
        if status and _size(archive) >= limit:
            raise TransferFailure(f"The backup is larger than {limit >> 20:,} MB, for which there is room.")
        if status and refused(said):
            raise Interrupted("The database's password was changed as the backup began.")
        if status and locked_out(said):
            raise TransferFailure(_LOCKED)
        if status:
            raise TransferFailure(f"pg_dump ended with status {status}: {reason(said)}")

    # Restores and copies.

    def _restore(self, transfer: Transfer) -> tuple[int, int]:
        if transfer.step is TransferStep.LOADING:
            return self._loaded(transfer)
        login = self.login(transfer.addon_id)
        work = self.backup_files.make_work(transfer, self.clusters.engines.client_uid(login.engine))
        if transfer.source_id is None:
            archive = work / "fetched"
            self._fetch(transfer, archive)
        else:
            source = transferring.find(self.context, transfer.source_id)
            if source is None or not source.kept:
                raise TransferFailure("The backup is not there any more.")
            archive = self.backup_files.path(source)
        return self._load(transfer, login, work, archive)

    def _fetch(self, transfer: Transfer, archive: Path) -> None:
        transferring.step(self.context, transfer.id, TransferStep.FETCHING)
        plan = self.place(transfer.addon_id).database.plan
        limit = min(SIZES[plan].storage, self.backup_files.room())
        url = transferring.url(self.context, transfer.id)
        if url is None:
            raise TransferFailure("There is nothing to fetch.")
        told = _Pace(lambda received: self._tell(transfer, received))
        try:
            fetching.fetch(self.context.settings, url, archive, limit, told)
        except (fetching.FetchFailure, InvalidParams) as failure:
            raise TransferFailure(str(failure)) from None

    def _copy(self, transfer: Transfer) -> tuple[int, int]:
        if transfer.step is TransferStep.LOADING:
            return self._loaded(transfer)
        assert transfer.source_id is not None, "a copy has a source"
        self._dump(transfer, transfer.source_id)
        self.programs.end(transfer)
        login = self.login(transfer.addon_id)
        uid = self.clusters.engines.client_uid(login.engine)
        dumped = self.backup_files.work(transfer) / "archive"
        # The other server's user works in a directory of its own.
        part = self.backup_files.path(transfer)
        dumped.rename(part)
        part.chmod(0o444)
        work = self.backup_files.make_work(transfer, uid)
        part = part.rename(work / "fetched")
        return self._load(transfer, login, work, part)

    def _load(self, transfer: Transfer, login: Login, work: Path, archive: Path) -> tuple[int, int]:
        """Put an archive into a database; `loading` is written before anything of it is there."""
        with archive.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise TransferFailure(
                    "This is no archive of pg_dump's custom format: make one with `pg_dump --format=custom`."
                )
        if self.place(transfer.addon_id).database.blocked:
            raise TransferFailure(
                "The database is over the limits of its plan and takes no rows: make room (pg:reset empties it), or move "
                "to a larger plan, then restore again."
            )
        archive.chmod(0o444)
        size = archive.stat().st_size
        left_out = self._choose(transfer, login, work, archive)
        transferring.say(self.context, transfer.id, [f"Left out: {words}" for words in left_out])
        transferring.step(self.context, transfer.id, TransferStep.LOADING, source_bytes=size, warnings=len(left_out))
        self.programs.load(transfer, login, work, archive)
        return self._watch_load(transfer, size, len(left_out))

    def _choose(self, transfer: Transfer, login: Login, work: Path, archive: Path) -> list[str]:
        """Write which of an archive's contents are wanted; returns what is missing then."""
        self.programs.list_contents(transfer, login, work, archive)
        status, said = self._watch(transfer)
        if status is None:
            raise Interrupted(f"{_KILLED} while the archive was read.")
        if status:
            newer = any("unsupported version" in line for line in said)
            raise TransferFailure(_NEWER if newer else f"The archive cannot be read: {reason(said)}")
        self.programs.end(transfer)
        with self.clusters.connect(login.engine, login.database) as connection:
            return contents.choose(connection, work / "contents", work / "wanted")

    def try_out(self, transfer: Transfer, login: Login) -> None:
        """Restore a backup somewhere else, to see that it can be. Raises TransferFailure when it cannot, and Interrupted
        when that is not known.
        """
        archive = self.backup_files.path(transfer)
        if not archive.is_file():
            raise TransferFailure("The backup is not there any more.")
        work = self.backup_files.make_work(transfer, self.clusters.engines.client_uid(login.engine))
        try:
            self._choose(transfer, login, work, archive)
            self.programs.load(transfer, login, work, archive)
            status, said = self._watch(transfer)
        except TookTooLong as failure:
            raise Interrupted(str(failure)) from None
        if status is None:
            raise Interrupted(f"{_KILLED} while the archive was loaded.")
        if status and (not self.clusters.engines.running(login.engine) or said_by_server(said)):
            raise Interrupted(f"The server for it failed: {reason(said)}")
        if status:
            raise TransferFailure(reason(said))

    def _loaded(self, transfer: Transfer) -> tuple[int, int]:
        """Of a restore that nobody has watched for a while."""
        if self.programs.find(transfer) is None:
            raise TransferFailure(_UNKNOWN)
        return self._watch_load(transfer, transfer.source_bytes, transfer.warnings)

    def _watch_load(self, transfer: Transfer, size: int, warnings: int) -> tuple[int, int]:
        login = self.login(transfer.addon_id)
        status, said = self._watch(transfer, lambda: self._clear_way(transfer, login, size))
        if status is None:
            raise TransferFailure(_UNKNOWN)
        if status:
            raise TransferFailure(f"The database is as it was: {reason(said)}")
        return size, warnings

    def _clear_way(self, transfer: Transfer, login: Login, size: int) -> int:
        """End the sessions that a restore waits for; returns how far it is."""
        with self.clusters.connect(login.engine) as connection:
            if ended := sessions.end_blockers(connection, login.database, session_name(transfer)):
                words = f"Ended {ended} of the database's sessions, which held what is being replaced."
                transferring.say(self.context, transfer.id, [words])
        return self.programs.position(transfer, size) or 0

    # Watching.

    def _watch(self, transfer: Transfer, measure: Callable[[], int] | None = None) -> tuple[int | None, list[str]]:
        """Wait for the end of its program; its status and what it said. The status is None when nobody knows it, or when
        it says only that the program was killed from outside.

        With `measure`, how far it is is told twice a second, and it may be cancelled. Raises Cancelled, TookTooLong.
        """
        work, deadline, tell_at = self.backup_files.work(transfer), time.monotonic() + self._longest, 0.0
        while True:
            found = self.programs.find(transfer)
            if found is None or found.state is ContainerState.EXITED:
                said = self.programs.said(work)
                transferring.say(self.context, transfer.id, said)
                return (own_status(found) if found else None), said
            if measure is not None and time.monotonic() >= tell_at:
                tell_at = time.monotonic() + _TELL
                self._tell(transfer, measure())
            if time.monotonic() > deadline:
                raise TookTooLong(f"It took longer than {self._longest / 3600:g} hours.")
            time.sleep(_LOOK)

    def _tell(self, transfer: Transfer, processed: int) -> None:
        if transferring.progress(self.context, transfer.id, processed):
            raise Cancelled


_NEWER = "The archive was made by a newer PostgreSQL than this database is of: pg:upgrade it, or take a newer one."
_LOCKED = (
    "A table was locked for longer than a minute by another session, and could not be read: look at who holds it with "
    "pg:locks, end that with pg:kill, then try again."
)
_KILLED = "Its program was ended from outside, as when memory is short or the platform stops,"
_UNKNOWN = (
    "The platform stopped while the restore ran, and it cannot be told whether that was complete. The database is either "
    "as it was or wholly restored: look at it, and restore again if need be."
)


class _Pace:
    """Passes on a number at most twice a second."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._next = 0.0

    def __call__(self, number: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _TELL
            self._tell(number)


def _leaves_nothing(found: Transfer | None) -> bool:
    """Whether nobody is at work on it, nor will be: a check goes on when the backup is long over."""
    return found is None or (found.over and found.check is not Check.RUNNING)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
