"""Exec sessions: what is run in a dyno beside its process, for as long as its client and the dyno are there.

They end with this role, whoever ends it: what a killed one has left behind is ended before the next client is met.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.dynos import launch
from celadon.model import exec_session as rules
from celadon.model import guest
from celadon.model.dyno import Dyno, DynoState
from celadon.model.exec_session import ExecSession
from celadon.model.exit_status import told
from celadon.model.logline import Source
from celadon.runtime.protocol import ExecSpec, Runtime, RuntimeFailure
from celadon.store import dynos, exec_sessions, releases, secrets, slugs
from celadon.store.lines import Lines

log = logging.getLogger(__name__)

# Told to a terminal by its size; in the environment they would be wrong after the first change.
_OF_THE_WINDOW = ("COLUMNS", "LINES")


class ExecSessions:
    """All sessions of one machine; its methods are called from threads."""

    def __init__(self, context: Context, runtime: Runtime) -> None:
        self.context = context
        self.runtime = runtime
        self.lines = Lines(context.settings.home)
        # Session id → rows and columns that its terminal has.
        self._sizes: dict[str, tuple[int, int]] = {}

    def sweep(self) -> None:
        """End those of a role that is no more: their clients have gone with it."""
        for exec_id in self.runtime.execs.list():
            log.info("at=sweep exec=%s", exec_id)
            try:
                self.runtime.execs.end(exec_id)
            except RuntimeFailure as error:
                # The next start of this role tries again.
                log.error("at=sweep exec=%s %s", exec_id, error)
        with self.context.database.transaction() as tx:
            exec_sessions.delete_met(tx)
            exec_sessions.delete_late(tx, rules.late(now()))

    def find(self, secret: str) -> ExecSession | None:
        """The session this secret is for; None for a stranger, and for who comes too late."""
        with self.context.database.read() as tx:
            found = exec_sessions.find_by_secret_hash(tx, secrets.hash_token(secret))
        return None if found and found.met_at is None and found.created_at <= rules.late(now()) else found

    def begin(self, session: ExecSession, before_command: Callable[[Path], None]) -> None:
        """Its client is there: run the command. Raises RuntimeFailure, in words for the client.

        `before_command` is called with the attach socket before the command runs.
        """
        with self.context.database.transaction() as tx:
            dyno = dynos.find_by_id(tx, session.dyno_id)
            there = dyno is not None and dyno.state is DynoState.UP and dyno.container_id == session.container_id
            release = releases.find_by_id(tx, dyno.release_id) if dyno else None
            slug = slugs.find(tx, release.slug_id) if release and release.slug_id else None
            if (loss := access.lost(tx, session.guest, "dyno:run")) is not None:
                raise RuntimeFailure(f"cannot run the command: {guest.why(loss, rules.RUN_COMMANDS)}")
            if slug is not None and slug.image is not None and not slug.image.shell:
                raise RuntimeFailure("cannot run the command: the dyno's image has no /bin/sh, which that needs")
            if slug is None or not there or not exec_sessions.meet(tx, session.id, now(), rules.late(now())):
                raise RuntimeFailure("cannot run the command: it has a client already, or its dyno has ended")
        env = {name: value for name, value in session.env.items() if name not in _OF_THE_WINDOW}
        spec = ExecSpec(
            id=session.id,
            container_id=session.container_id,
            argv=launch.command_argv(slug, session.command),
            env=env,
            terminal="TERM" in env,
        )

        def created(path: Path) -> None:
            if (size := launch.window(session.env)) is not None:
                self._fit(session.id, size)
            before_command(path)

        try:
            self.runtime.execs.start(spec, before_command=created)
        except RuntimeFailure as error:
            log.error("at=exec session=%s %s", session.id, error)
            self._forget(session)
            raise RuntimeFailure(
                "cannot run the command: the dyno cannot take another process now; end something in it, or restart it "
                "with `celadon ps:restart`"
            ) from error

    def fit_terminals(self) -> None:
        """Give terminals the sizes that their clients told last."""
        if not self._sizes:
            return
        with self.context.database.read() as tx:
            met = exec_sessions.list_met(tx)
        for session in met:
            size = launch.window(session.env)
            if size is not None and session.id in self._sizes and self._sizes[session.id] != size:
                self._fit(session.id, size)

    def _fit(self, session_id: str, size: tuple[int, int]) -> None:
        try:
            self.runtime.execs.resize(session_id, *size)
        except RuntimeFailure as error:
            # It has ended meanwhile.
            log.info("at=resize session=%s %s", session_id, error)
            return
        self._sizes[session_id] = size

    def end(self, session: ExecSession, *, left: bool) -> None:
        """End all of it that still runs, and say so in the app's log; `left`: its client had gone first."""
        try:
            self.runtime.execs.end(session.id)
        except RuntimeFailure as error:
            # The next start of this role tries again.
            log.error("at=exec session=%s %s", session.id, error)
        self._forget(session, rules.ended_line(told(session.command), left=left))

    def _forget(self, session: ExecSession, line: str | None = None) -> None:
        self._sizes.pop(session.id, None)
        with self.context.database.transaction() as tx:
            dyno: Dyno | None = dynos.find_by_id(tx, session.dyno_id)
            exec_sessions.delete(tx, session.id)
            if dyno is not None and line is not None:
                self.lines.append(session.app_id, Source(source="heroku", ps=dyno.name), line)
