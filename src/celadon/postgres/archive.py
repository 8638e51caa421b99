"""The archive of each server of its own: every change of its files within a minute, and backups to begin from.

It is a pgBackRest repository in `home/postgres-archive/<engine id>`, which only that engine's user and root can reach. The
server puts its log there; `Archive.ensure` makes the backups. What pgBackRest says is the only state: a kill loses none.

A pair has one, called by its first node and bound into both. Whoever is the primary writes to it. A standby believes that
the primary has archived what it gets from it; when it is promoted, it archives what is not there (`_REQUEUE`).
"""

import json
import logging
import os
import shutil
import stat
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context, now
from celadon.addons.engines import ENGINE_DIRECTORY
from celadon.model import postgres_archive as rules
from celadon.model.engine import Engine
from celadon.model.postgres_archive import COMPRESSION, STANZA, Backup, BackupType
from celadon.model.postgres_origin import Span
from celadon.postgres.cluster import DATA, ClusterFailure, Clusters
from celadon.runtime.protocol import Bind, RuntimeFailure

log = logging.getLogger(__name__)

# Where a server sees its own.
REPOSITORY = "/archive"
_CONFIG = f"{ENGINE_DIRECTORY}/conf/pgbackrest.conf"
_SAYING = 'umask 077; to=$1; shift; exec "$@" > "$to" 2>&1'
# Bytes of what it says that are read.
_MOST_SAID = 4 << 20
# Seconds until a segment that was just finished must be there.
_ARCHIVED = 60.0
_LOOK = 0.01
_AFTER_FAILURE = timedelta(minutes=5)

# What pgBackRest has only begun to write, or left half of, has `.pgbackrest.tmp` behind this.
_WHOLE = f".{COMPRESSION}"

_PUSH = f"pgbackrest --config={_CONFIG} --stanza={STANZA} archive-push"
_SCRIPT = "conf/before-archiving.sh"

# Lines of postgresql.conf. A follower has them as well, and begins with its promotion.
_LINES = """\
archive_mode = on
archive_timeout = 60
archive_command = '{command} %p'
"""

# What a pair's nodes run before each. The history of its timeline is the first that a promoted node archives, tried until
# that succeeds: it is when it looks for segments which the primary before it had finished and not archived, and queues
# them again.
_REQUEUE = f"""\
set -e
case "$1" in
*.history)
    for done in pg_wal/archive_status/*.done; do
        name=${{done##*/}}
        name=${{name%.done}}
        [ ${{#name}} -eq 24 ] && [ -e "pg_wal/$name" ] || continue
        set -- "$1" {REPOSITORY}/archive/{STANZA}/*/"${{name%????????}}/$name"-*{_WHOLE}
        [ -e "$2" ] || mv "$done" "${{done%.done}}.ready"
    done
    ;;
esac
"""


class Archive:
    """The archives of one machine's servers. Threads may share it; only one may be in `ensure`."""

    def __init__(
        self, context: Context, clusters: Clusters, primary: Callable[[Engine], Engine] = lambda engine: engine
    ) -> None:
        self.context = context
        self.clusters = clusters
        # The node of a pair that writes now.
        self._primary = primary
        self._due: dict[str, datetime] = {}

    def directory(self, engine: Engine) -> Path:
        return self.context.settings.home / "postgres-archive" / (engine.pair or engine.id)

    def prepare(self, engine: Engine, retention_days: int) -> Bind:
        """Make its place and configuration; what its container is to be given. May be called again."""
        path, uid = self.directory(engine), self.clusters.engines.uid(engine)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        os.chown(path, uid, uid)
        text = rules.configuration(
            files=DATA, sockets=f"{ENGINE_DIRECTORY}/run", repository=REPOSITORY, retention_days=retention_days
        )
        self.clusters.engines.write(engine, "conf/pgbackrest.conf", text)
        if engine.pair:
            self.clusters.engines.write(engine, _SCRIPT, _REQUEUE)
        return Bind(source=path, target=REPOSITORY, readonly=False)

    def lines(self, engine: Engine) -> str:
        """What its postgresql.conf says of it."""
        return _LINES.format(command=f"sh {ENGINE_DIRECTORY}/{_SCRIPT} %p && {_PUSH}" if engine.pair else _PUSH)

    def remove(self, engine: Engine) -> None:
        """All of it; no error when there is none."""
        shutil.rmtree(self.directory(engine), ignore_errors=True)
        self._due.pop(engine.id, None)

    def ensure(self) -> int:
        """Make each backup that is due, one after the other; returns how many.

        Takes as long as those take: whoever calls it has a thread for it.
        """
        made = 0
        for engine in databases.archived(self.context):
            if self._due.get(engine.id, now()) <= now():
                made += self._ensure(engine)
        return made

    def _ensure(self, engine: Engine) -> int:
        try:
            writing = self._primary(engine)
            due = rules.due(self.backups(writing), now())
            if due is not None:
                self.back_up(writing, due)
            self._due[engine.id] = rules.next_look(self.backups(writing))
        except (RuntimeFailure, ClusterFailure, psycopg.Error, OSError, ValueError, IndexError):
            # A server that was stopped or removed meanwhile; or one that another backup of is under way.
            self._due[engine.id] = now() + _AFTER_FAILURE
            log.exception("at=backup-failed engine=%s", engine.name)
            return 0
        return int(due is not None)

    def back_up(self, engine: Engine, kind: BackupType) -> None:
        """Make a backup now. Raises RuntimeFailure, ClusterFailure."""
        began = time.monotonic()
        self._ensure_stanza(engine)
        self._pgbackrest(engine, f"--type={kind}", "backup")
        log.info("at=backup engine=%s type=%s seconds=%.1f", engine.name, kind, time.monotonic() - began)

    def _ensure_stanza(self, engine: Engine) -> None:
        try:
            # It only looks whether all is right when there is a stanza already.
            self._pgbackrest(engine, "stanza-create")
        except ClusterFailure:
            # One of the files before an upgrade.
            self._pgbackrest(engine, "stanza-upgrade")

    def renew(self, engine: Engine) -> None:
        """Go on after an upgrade: nothing leads back to before it, and a whole backup is due at once.

        May be called again. Raises RuntimeFailure, ClusterFailure.
        """
        self._ensure_stanza(engine)
        self._due.pop(engine.id, None)

    def backups(self, engine: Engine) -> list[Backup]:
        """What is there to begin from, the oldest first. Raises RuntimeFailure, ClusterFailure when it does not run."""
        if not any(self.directory(engine).glob("backup/*/backup.info")):
            return []
        said = self._pgbackrest(engine, "--output=json", "info")
        try:
            return rules.backups(said)
        except json.JSONDecodeError as error:
            raise ClusterFailure(f"cannot read what is in the archive of {engine.name}: {error}") from error

    def span(self, engine: Engine) -> Span | None:
        """To which moments it can be brought back; None before the first backup. Raises as `backups`."""
        return rules.span(self.backups(engine), now())

    def flush(self, engine: Engine) -> None:
        """Have all that was committed until now in the archive. Raises psycopg.Error, ClusterFailure."""
        with self.clusters.connect(engine) as connection:
            # A commit: a recovery to a moment must see one that is later, or it does not know that it has all before.
            connection.execute("select pg_current_xact_id()")
            row = connection.execute("select pg_walfile_name(pg_switch_wal())").fetchone()
        segment = str(row[0]) if row else ""
        deadline = time.monotonic() + _ARCHIVED
        while not any(self.directory(engine).glob(f"archive/{STANZA}/*/{segment[:16]}/{segment}-*{_WHOLE}")):
            if time.monotonic() > deadline:
                raise ClusterFailure(f"cannot archive {segment} of {engine.name} within {_ARCHIVED:g} s")
            time.sleep(_LOOK)

    def _pgbackrest(self, engine: Engine, *words: str) -> str:
        """Run it beside the server; what it said. Raises RuntimeFailure, ClusterFailure."""
        argv = ("pgbackrest", f"--config={_CONFIG}", f"--stanza={STANZA}", *words)
        # Beside its sockets: what a kill leaves there goes with the next start.
        name = f"said-{uuid.uuid4().hex}"
        path = self.clusters.engines.sockets(engine) / name
        saying = ("sh", "-c", _SAYING, "sh", f"{ENGINE_DIRECTORY}/run/{name}", *argv)
        try:
            status = self.clusters.engines.runtime.exec(engine.name, saying, {})
            said = read_said(path)
        finally:
            path.unlink(missing_ok=True)
        if status:
            raise ClusterFailure(
                f"cannot run pgbackrest {words[-1]} for {engine.name} (status {status}): {said.strip()[-500:]}"
            )
        return said


def read_said(path: Path) -> str:
    """What was written to a file that is the engine's: it must not be able to show us another one, to have us wait for
    what never comes, or to fill our memory. Raises OSError, ClusterFailure.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ClusterFailure("cannot read what pgbackrest said: it is no file any more")
        return file.read(_MOST_SAID).decode("utf-8", "replace")
