"""The dyno manager: one ensure() that brings what runs to what is wanted.

Wakes on: the change feed, recorded exits, finished starts, dynos that begin to listen, deadlines.
Reads: apps, current releases, formations, dynos; the runtime's containers.
Writes: dynos (of `request` only that a detached one-off is to stop, of `routed` only that a new start has no route), the end of a release phase; lines
from `heroku[<dyno>]`.
Survives: a SIGKILL anywhere. Rows say what should run, the runtime what does; the next ensure() closes the gap.
"""

import functools
import logging
import queue
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.dynos import findings, plans
from celadon.dynos.exec_sessions import ExecSessions
from celadon.dynos.findings import Act, Effect, Finding, Started, What
from celadon.dynos.launch import Addresses, ChecksumError, Launcher, random_port, window
from celadon.dynos.ledger import Ledger
from celadon.dynos.listening import Listening
from celadon.dynos.phase import Phase
from celadon.dynos.plans import Plan, slugs_in_use
from celadon.dynos.statuses import Statuses
from celadon.dynos.threads import Threads
from celadon.model import dyno as rules
from celadon.model.dyno import Dyno, DynoState
from celadon.model.formation import Command, Step
from celadon.runtime import slugs as slug_mounts
from celadon.runtime.protocol import ContainerState, Runtime, RuntimeFailure
from celadon.store import dynos
from celadon.store.lines import Lines

log = logging.getLogger(__name__)

# How often rows and containers are compared although nothing woke us: catches monitors that were killed. With many dynos
# it takes a while: then so much rarer that it is never more than this part of the time.
_AUDIT = timedelta(seconds=2)
_AUDIT_SHARE = 0.01
_LONGEST_PAUSE = timedelta(seconds=30)
# While a release command writes, who follows its output wants to see it.
_PHASE = 0.2


class Manager:
    """All dynos of one machine."""

    def __init__(self, context: Context, runtime: Runtime, launcher: Launcher, bell: Callable[[], None]) -> None:
        self.context = context
        self.runtime = runtime
        self.launcher = launcher
        self.lines = Lines(context.settings.home)
        self.phase = Phase(context)
        self.statuses = Statuses()
        self.execs = ExecSessions(context, runtime)
        self.listening = Listening()
        self._addresses = Addresses(context.settings.subnet)
        self._threads = Threads(bell)
        self._started: queue.SimpleQueue[Started] = queue.SimpleQueue()
        self._audited: datetime | None = None
        self._pause = _AUDIT
        # What was true at the last look, and what was said of it.
        self._rows: list[Dyno] = []
        self._seen, self._said = -1, ""
        self._busy: frozenset[str] = frozenset()
        self._next: datetime | None = None
        # Container id → rows and columns.
        self._terminals: dict[str, tuple[int, int]] = {}

    def ensure(self, seen: int) -> str:
        """Look at everything, take every step that can be taken now; returns a sentence for the log.

        `seen` is the number of the last change. While there is no newer one the rows are as they were, and without a
        thread that has finished or a time that has come nothing else is wanted: then only containers are looked at.
        """
        # Before the rows: a container that has ended and has no row then is nobody's.
        moment, busy, exited = now(), self._threads.busy(), self.runtime.exits()
        fresh = seen != self._seen or self._busy != busy or (self._next is not None and self._next <= moment)
        if fresh:
            self._rows = self._present()
            self._next = min((due for dyno in self._rows if (due := self._due(dyno)) is not None), default=None)
            self._seen, self._busy = seen, busy
            self.execs.fit_terminals()
        self._observe(moment, exited, busy)
        if fresh:
            self._forget(exited)
        if self._audited is None or moment - self._audited >= self._pause:
            self._audit(moment)
            fresh = True
        return self._reconcile(moment) if fresh else self._said

    def rest(self) -> float:
        """Seconds until there is something to do although nothing changes: a deadline, a start that is due, an audit."""
        moments = [
            moment for moment in (self._next, self._audited and self._audited + self._pause) if moment is not None
        ]
        seconds = max((min(moments) - now()).total_seconds(), 0.0) if moments else 0.0
        return min(seconds, _PHASE) if any(dyno.type == rules.RELEASE for dyno in self._rows) else seconds

    def restless(self) -> bool:
        """Whether something is under way that only looking shows: a dyno that starts or stops."""
        return bool(self._threads.busy()) or self.listening.waiting()

    def close(self) -> None:
        """Wait for the threads; dynos go on."""
        self._threads.close()

    # What has happened

    def _observe(self, moment: datetime, exited: set[str], busy: frozenset[str]) -> None:
        """Take in starts, exits, open ports and deadlines."""
        started = self._ended_starts()
        present = self._rows
        for dyno in present:
            self.phase.follow(dyno)
        self._fit_terminals(present)
        by_container = {dyno.container_id: dyno for dyno in present if dyno.container_id}
        ended = {cid: dyno for cid, dyno in by_container.items() if cid in exited and cid not in busy}
        running = [dyno for dyno in present if dyno.container_id not in ended]
        alive = {dyno.container_id: dyno for dyno in running if dyno.container_id}
        found, effects = findings.of_starts(started, alive)
        failed = {finding.dyno.id for finding in found if finding.what is What.EXIT}
        up = [dyno for dyno in self.listening.accepting(running) if dyno.id not in failed]
        found += [Finding(What.UP, dyno) for dyno in up]
        found += [self._exit(dyno, cid) for cid, dyno in ended.items()]
        taken = failed | {dyno.id for dyno in up}
        idle = [dyno for dyno in running if dyno.container_id not in busy and dyno.id not in taken]
        late, kills = findings.overdue(idle, self.context.settings, moment, self.runtime.listening)
        removed = [Effect(Act.REMOVE, cid) for cid in ended]
        self._take_in([*found, *late], [*effects, *kills, *removed], moment)

    def _forget(self, exited: set[str]) -> None:
        """Remove what is left of containers that have no row any more."""
        for cid in exited - {dyno.container_id for dyno in self._rows}:
            self._act(Effect(Act.REMOVE, cid))

    def _fit_terminals(self, present: list[Dyno]) -> None:
        """Give terminals the size that their clients told last."""
        before, self._terminals = self._terminals, {}
        for dyno in present:
            size = terminal_size(dyno)
            if size is None or dyno.container_id is None or dyno.state is not DynoState.UP:
                continue
            self._terminals[dyno.container_id] = size
            if before.get(dyno.container_id) != size:
                self._threads.submit_beside(
                    dyno.container_id, functools.partial(self.runtime.resize, dyno.container_id, *size)
                )

    def _due(self, dyno: Dyno) -> datetime | None:
        """When something is to be done about a dyno although nothing happens to it."""
        if dyno.one_off and dyno.state is DynoState.UP:
            settings = self.context.settings
            seconds = settings.release_timeout if dyno.type == rules.RELEASE else settings.one_off_limit
            return min(dyno.created_at + timedelta(seconds=seconds), dyno.deadline or datetime.max.replace(tzinfo=UTC))
        return dyno.deadline or dyno.next_start_at

    def _exit(self, dyno: Dyno, container_id: str) -> Finding:
        return findings.of_exit(dyno, self.runtime.inspect(container_id), self.context.settings.sizes.of(dyno.size))

    def _audit(self, moment: datetime) -> None:
        """Adopt what runs, end what nobody wants or nobody watches, learn of what was lost."""
        began = time.monotonic()
        containers = self.runtime.list()
        busy = self._threads.busy()
        with self.context.database.read() as tx:
            present = [dyno for found in dynos.list_all(tx).values() for dyno in found]
            wanted_slugs = slugs_in_use(tx, present)
        first = self._audited is None
        self._audited = moment
        found, effects = findings.of_audit(present, containers, busy, self.runtime.inspect, first=first)
        # What came to run without a thread of ours, started by a manager that was killed.
        for dyno in present:
            running = dyno.container_id in containers and containers[dyno.container_id].state is ContainerState.RUNNING
            if dyno.container_id and running and dyno.state is DynoState.STARTING and dyno.container_id not in busy:
                self._started.put(Started(dyno.container_id))
        self._take_in(found, effects, moment)
        slug_mounts.keep_only(self.launcher.mounts, wanted_slugs)
        pause = timedelta(seconds=(time.monotonic() - began) / _AUDIT_SHARE)
        self._pause = min(max(_AUDIT, pause), _LONGEST_PAUSE)

    def _present(self) -> list[Dyno]:
        with self.context.database.read() as tx:
            return [dyno for found in dynos.list_all(tx).values() for dyno in found]

    def _ended_starts(self) -> list[Started]:
        found: list[Started] = []
        while not self._started.empty():
            found.append(self._started.get())
        # The audit may have seen one whose thread tells it as well.
        return list(dict.fromkeys(found))

    def _take_in(self, found: list[Finding], effects: list[Effect], moment: datetime) -> None:
        """Write what was found, then act on it. A manager that dies in between finds the same again."""
        unwritten: set[str | None] = set()
        for app_id in dict.fromkeys(finding.dyno.app_id for finding in found):
            mine = [finding for finding in found if finding.dyno.app_id == app_id]
            try:
                self._write(mine, moment)
            except Exception:
                # As in _reconcile: the same will be found again, for nothing is done to what tells it.
                log.exception("at=broke app=%s", app_id)
                unwritten |= {finding.dyno.container_id for finding in mine}
        for effect in effects:
            if effect.container_id not in unwritten:
                self._act(effect)

    def _write(self, found: list[Finding], moment: datetime) -> None:
        """The findings of one app. The rows they were made from may have changed since: what they say then is not true."""
        for finding in found:
            if finding.what is What.EXIT:
                # Before the dyno's row goes: without a row and without an end the phase would run twice.
                self.phase.finish(finding.dyno, finding.status)
                self.statuses.tell(finding.dyno.id, finding.status)
        with self.context.database.transaction() as tx:
            ledger = Ledger(tx, self.context.settings, moment)
            for finding in found:
                row = dynos.find_by_id(tx, finding.dyno.id)
                if row and (row.state, row.container_id) == (finding.dyno.state, finding.dyno.container_id):
                    ledger.take_in(replace(finding, dyno=row))
            ledger.close(self.lines)

    def _act(self, effect: Effect) -> None:
        cid, dyno = effect.container_id, effect.dyno
        if effect.act is Act.TERM:
            self._threads.submit_beside(cid, lambda: self.runtime.signal(cid, signal.SIGTERM))
        elif effect.act is Act.HANG_UP and dyno is not None:
            self._threads.submit_beside(cid, lambda: self.hang_up(dyno))
        elif effect.act is Act.KILL:
            self._threads.submit(cid, lambda: self.runtime.kill(cid))
        elif effect.act is Act.REMOVE:
            self._threads.submit(cid, lambda: self.runtime.remove(cid))
        elif dyno is not None:
            self._threads.submit(cid, lambda: self._run_again(dyno))

    def _run_again(self, dyno: Dyno) -> None:
        assert dyno.container_id is not None, "only a dyno with a container is run again"
        self.runtime.remove(dyno.container_id)
        self._run(dyno)

    # What is wanted

    def _reconcile(self, moment: datetime) -> str:
        with self.context.database.read() as tx:
            found = plans.plans(tx, self.context.settings, moment)
        busy = self._threads.busy()
        ready = [(plan, command) for plan in found for command in plan.commands if _ready(command, busy)]
        self._said = "; ".join(f"{plan.app_id[:8]}: {command}" for plan, command in ready) or "as wanted"
        if not ready:
            return self._said
        for plan in dict.fromkeys(plan for plan, _ in ready):
            commands = [command for of, command in ready if of is plan]
            try:
                self._take_all(plan, commands, moment)
            except Exception:
                # One app that cannot be served must not keep the others from it; the next change or audit tries again.
                log.exception("at=broke app=%s", plan.app_id)
                self._next = None
        return self._said

    def _take_all(self, plan: Plan, commands: list[Command], moment: datetime) -> None:
        """The steps of one app: all their rows, then all they do."""
        after: list[Callable[[], None]] = []
        with self.context.database.transaction() as tx:
            ledger = Ledger(tx, self.context.settings, moment)
            taken = dynos.addresses(tx)
            for command in commands:
                after += self._take(ledger, plan, command, taken)
            ledger.close(self.lines)
        for step in after:
            step()

    def _take(self, ledger: Ledger, plan: Plan, command: Command, taken: set[str]) -> list[Callable[[], None]]:
        """One step, as rows; what is to be done once they are committed is returned."""
        dyno = command.dyno
        if command.replaced is not None:
            ledger.say(command.replaced, rules.replacing_line(command.replaced))
        if command.step is Step.CREATE:
            dyno = plan.new(ledger.tx, command)
            ledger.create(dyno)
            return self._start(ledger, dyno, taken)
        assert dyno is not None, "every other step is about a dyno that is there"
        if command.step is Step.START:
            return self._start(ledger, dyno, taken)
        if command.step is Step.DRAIN:
            ledger.drain(dyno)
        elif command.step is Step.FORGET or dyno.container_id is None:
            ledger.forget(dyno)
        else:
            ledger.stop(dyno)
            cid = dyno.container_id
            return [lambda: self._act(Effect(Act.TERM, cid))]
        return []

    def _start(self, ledger: Ledger, dyno: Dyno, taken: set[str]) -> list[Callable[[], None]]:
        if dyno.attach:
            ledger.start(dyno, container_id=None, address=None, port=None)
            return []
        given = self._place(dyno, taken)
        ledger.start(dyno, container_id=given.container_id, address=given.address, port=given.port)
        return [lambda: self._launch(given)]

    def _place(self, dyno: Dyno, taken: set[str]) -> Dyno:
        """The dyno with a container id, an address and a port for its next start."""
        cid = f"dyno-{dyno.id[:13]}-{dyno.starts + 1:x}".lower()
        return replace(dyno, container_id=cid, address=self._addresses.take(taken), port=random_port())

    def attach(self, dyno_id: str, before_command: Callable[[Path], None]) -> Dyno | None:
        """The client of an attached one-off is there: start it. None when it is not waiting (any more), or not for them.

        `before_command` is called with the attach socket before the command runs. Called from the rendezvous' threads.
        """
        with self.context.database.transaction() as tx:
            dyno = dynos.find_by_id(tx, dyno_id)
            if dyno is None or dyno.state is not DynoState.STARTING or dyno.container_id is not None or dyno.request:
                return None
            if dyno.guest is None or access.lost(tx, dyno.guest, "dyno:run") is not None:
                return None
            given = self._place(dyno, dynos.addresses(tx))
            assert given.container_id and given.address and given.port, "just placed"
            # Before the row can be seen: a container that is not there yet must not look lost.
            self._threads.claim(given.container_id)
            ledger = Ledger(tx, self.context.settings, now())
            ledger.attach(dyno, container_id=given.container_id, address=given.address, port=given.port)
            ledger.close(self.lines)
        self._threads.submit_claimed(given.container_id, lambda: self._run(given, before_command))
        return given

    def hang_up(self, dyno: Dyno) -> None:
        """The client of an attached one-off has left: SIGHUP, and R16 if the dyno goes on. Called from any thread."""
        if dyno.container_id is None:
            return
        with self.context.database.transaction() as tx:
            row = dynos.find_by_id(tx, dyno.id)
            if row is None or row.state not in (DynoState.STARTING, DynoState.UP):
                return
            ledger = Ledger(tx, self.context.settings, now())
            ledger.hang_up(row)
            ledger.close(self.lines)
        self.runtime.signal(dyno.container_id, signal.SIGHUP)

    # Threads

    def _launch(self, dyno: Dyno) -> None:
        assert dyno.container_id is not None, "placed before it is launched"
        self._threads.submit(dyno.container_id, lambda: self._run(dyno))

    def _run(self, dyno: Dyno, before_command: Callable[[Path], None] | None = None) -> None:
        assert dyno.container_id is not None, "placed before it is launched"
        reason: str | None = None
        try:
            self.launcher.start(dyno, before_command)
        except ChecksumError as error:
            log.error("at=checksum dyno=%s %s", dyno.name, error)
            reason = rules.CHECKSUM_ERROR
        except RuntimeFailure as error:
            log.error("at=start dyno=%s %s", dyno.name, error)
            reason = rules.PLATFORM_ERROR.format(reason="the dyno could not be started; the operator's log says why")
        self._started.put(Started(dyno.container_id, reason))


def terminal_size(dyno: Dyno) -> tuple[int, int] | None:
    """Rows and columns of the terminal of a dyno's client, None when it told none."""
    return window(dyno.env) if dyno.attach else None


def _ready(command: Command, busy: frozenset[str]) -> bool:
    """Whether no thread is doing what the step would begin again."""
    return command.dyno is None or command.step is not Step.START or command.dyno.container_id not in busy
