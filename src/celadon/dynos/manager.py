"""The dyno manager: one ensure() that brings what runs to what is wanted.

Wakes on: the change feed, recorded exits, finished starts, dynos that begin to listen, deadlines.
Reads: apps, current releases, formations, dynos; the runtime's containers.
Writes: dynos (all but `request` and `routed`), the end of a release phase; lines from `heroku[<dyno>]`.
Survives: a SIGKILL anywhere. Rows say what should run, the runtime what does; the next ensure() closes the gap.
"""

import logging
import queue
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from celadon.actions.context import Context, now
from celadon.dynos import plans
from celadon.dynos.launch import Addresses, ChecksumError, Launcher, random_port
from celadon.dynos.ledger import Ledger
from celadon.dynos.listening import Listening
from celadon.dynos.phase import Phase
from celadon.dynos.plans import Plan, slugs_in_use
from celadon.dynos.threads import Threads
from celadon.model import dyno as rules
from celadon.model.dyno import WEB, Dyno, DynoState
from celadon.model.formation import Command, Step
from celadon.runtime import slugs as slug_mounts
from celadon.runtime.protocol import Container, ContainerState, Runtime, RuntimeFailure
from celadon.store import dynos
from celadon.store.lines import Lines

log = logging.getLogger(__name__)

# How often rows and containers are compared although nothing woke us: catches monitors that were killed.
_AUDIT = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Started:
    """A start has ended: well, or for this reason."""

    container_id: str
    reason: str | None = None


class Manager:
    """All dynos of one machine."""

    def __init__(self, context: Context, runtime: Runtime, launcher: Launcher, bell: Callable[[], None]) -> None:
        self.context = context
        self.runtime = runtime
        self.launcher = launcher
        self.lines = Lines(context.settings.home)
        self.phase = Phase(context)
        self.listening = Listening()
        self._addresses = Addresses(context.settings.subnet)
        self._threads = Threads(bell)
        self._started: queue.SimpleQueue[Started] = queue.SimpleQueue()
        self._audited: datetime | None = None

    def ensure(self) -> str:
        """Look at everything, take every step that can be taken now; returns a sentence for the log."""
        moment = now()
        if self._audited is None or moment - self._audited >= _AUDIT:
            self._audit(moment)
        self._observe(moment)
        return self._reconcile(moment)

    def restless(self) -> bool:
        """Whether something is under way that only looking shows: a dyno that starts, a phase that writes."""
        return bool(self._threads.busy()) or self.listening.waiting()

    def close(self) -> None:
        """Wait for the threads; dynos go on."""
        self._threads.close()

    # What has happened

    def _observe(self, moment: datetime) -> None:
        """Turn starts, exits, open ports and deadlines into events on rows."""
        outcomes = self._outcomes()
        busy = self._threads.busy()
        exited = self.runtime.exits()
        with self.context.database.read() as tx:
            present = [dyno for found in dynos.list_all(tx).values() for dyno in found]
        for dyno in present:
            self.phase.follow(dyno)
        by_container = {dyno.container_id: dyno for dyno in present if dyno.container_id}
        ended = {cid: dyno for cid, dyno in by_container.items() if cid in exited and cid not in busy}
        events: list[Callable[[Ledger], None]] = []
        for outcome in outcomes:
            starting = by_container.get(outcome.container_id)
            if starting is not None and outcome.container_id not in ended:
                events += self._on_started(starting, outcome)
        events += [self._up(dyno) for dyno in self.listening.accepting(present) if dyno.container_id not in ended]
        for dyno in ended.values():
            events += self._on_exit(dyno)
        events += self._overdue([dyno for dyno in present if dyno.container_id not in {*ended, *busy}], moment)
        self._apply(events, moment)
        for cid in (exited - set(by_container)) | set(ended):
            self._threads.submit(cid, lambda cid=cid: self.runtime.remove(cid))  # type: ignore[misc]

    def _apply(self, events: list[Callable[[Ledger], None]], moment: datetime) -> None:
        if not events:
            return
        with self.context.database.transaction() as tx:
            ledger = Ledger(tx, self.context.settings, moment)
            for event in events:
                event(ledger)
            ledger.close(self.lines)

    def _outcomes(self) -> list[Started]:
        found: list[Started] = []
        while not self._started.empty():
            found.append(self._started.get())
        return found

    def _on_started(self, dyno: Dyno, outcome: Started) -> list[Callable[[Ledger], None]]:
        if outcome.reason is not None:
            log.warning("at=start-failed dyno=%s app=%s reason=%r", dyno.name, dyno.app_id, outcome.reason)
            failed = replace(dyno)
            self.phase.finish(dyno, None)
            return [lambda ledger: ledger.say(failed, outcome.reason or ""), lambda ledger: ledger.exit(failed, None)]
        if dyno.state is DynoState.STOPPING and dyno.container_id:
            # It was told to stop while it started.
            self.runtime.signal(dyno.container_id, signal.SIGTERM)
        if dyno.state is DynoState.STARTING and dyno.type != WEB:
            return [self._up(dyno)]
        return []

    def _up(self, dyno: Dyno) -> Callable[[Ledger], None]:
        return lambda ledger: ledger.up(dyno)

    def _on_exit(self, dyno: Dyno) -> list[Callable[[Ledger], None]]:
        assert dyno.container_id is not None, "only a dyno with a container exits"
        container = self.runtime.inspect(dyno.container_id)
        status = container.exit_status if container else None
        self.phase.finish(dyno, status)
        events: list[Callable[[Ledger], None]] = []
        if container is not None and container.out_of_memory and dyno.state is not DynoState.STOPPING:
            events.append(lambda ledger: ledger.say(dyno, rules.MEMORY_VASTLY_EXCEEDED, rules.KILLING_PROCESSES))
        return [*events, lambda ledger: ledger.exit(dyno, status)]

    def _overdue(self, present: list[Dyno], moment: datetime) -> list[Callable[[Ledger], None]]:
        events: list[Callable[[Ledger], None]] = []
        for dyno in present:
            if dyno.deadline is None or dyno.deadline > moment:
                continue
            if dyno.container_id is None:
                events.append(lambda ledger, dyno=dyno: self._no_client(ledger, dyno))  # type: ignore[misc]
                continue
            settings = self.context.settings
            if dyno.state is DynoState.STARTING and dyno.type == WEB:
                messages = [rules.BOOT_TIMEOUT.format(seconds=settings.boot_timeout), "Stopping process with SIGKILL"]
            elif dyno.state is DynoState.STOPPING:
                messages = [rules.EXIT_TIMEOUT.format(seconds=settings.stop_timeout), rules.KILLING_PROCESSES]
            else:
                continue
            cid = dyno.container_id
            events.append(lambda ledger, dyno=dyno, said=messages: ledger.deadline_passed(dyno, *said))  # type: ignore[misc]
            self._threads.submit(cid, lambda cid=cid: self.runtime.kill(cid))  # type: ignore[misc]
        return events

    def _no_client(self, ledger: Ledger, dyno: Dyno) -> None:
        ledger.say(dyno, rules.ATTACH_ERROR, rules.changed_line(dyno.state, DynoState.COMPLETE))
        ledger.forget(dyno)

    def _audit(self, moment: datetime) -> None:
        """Compare rows and containers: adopt, start again what never ran, end what nobody wants or nobody watches."""
        with self.context.database.read() as tx:
            present = [dyno for found in dynos.list_all(tx).values() for dyno in found]
            wanted_slugs = slugs_in_use(tx, present)
        # Asked first: what a thread finishes between the two looks is in the second.
        busy = self._threads.busy()
        containers = self.runtime.list()
        first = self._audited is None
        self._audited = moment
        known = {dyno.container_id for dyno in present}
        for cid, container in containers.items():
            if cid in busy:
                continue
            if cid not in known or container.state is ContainerState.UNFINISHED:
                self._threads.submit(cid, lambda cid=cid: self.runtime.remove(cid))  # type: ignore[misc]
            elif container.state is ContainerState.UNMONITORED:
                log.warning("at=unmonitored container=%s", cid)
                self._threads.submit(cid, lambda cid=cid: self.runtime.kill(cid))  # type: ignore[misc]
        lost = [
            dyno
            for dyno in present
            if dyno.state in rules.RUNNING
            and dyno.container_id not in (None, *busy)
            and _is_gone(containers.get(dyno.container_id or ""))
        ]
        if first:
            self._resume(present, lost)
            # A start that died with its manager is made again; it is no crash of the dyno.
            lost = [dyno for dyno in lost if dyno.state is not DynoState.STARTING]
        self._apply([event for dyno in lost for event in self._on_lost(dyno)], moment)
        slug_mounts.keep_only(self.launcher.mounts, wanted_slugs)

    def _on_lost(self, dyno: Dyno) -> list[Callable[[Ledger], None]]:
        self.phase.finish(dyno, None)
        return [lambda ledger: ledger.exit(dyno, None)]

    def _resume(self, present: list[Dyno], lost: list[Dyno]) -> None:
        """After a restart of the manager: what was told before it died may not have been heard."""
        for dyno in present:
            cid = dyno.container_id
            if cid is None:
                continue
            if dyno.state is DynoState.STOPPING:
                self._threads.submit(cid, lambda cid=cid: self.runtime.signal(cid, signal.SIGTERM))  # type: ignore[misc]
            elif dyno.state is DynoState.STARTING and dyno in lost:
                self._threads.submit(cid, lambda dyno=dyno: self._run_again(dyno))  # type: ignore[misc]
            elif dyno.state is DynoState.STARTING:
                self._started.put(Started(cid))

    def _run_again(self, dyno: Dyno) -> None:
        assert dyno.container_id is not None, "only a dyno with a container is run again"
        self.runtime.remove(dyno.container_id)
        self._run(dyno)

    # What is wanted

    def _reconcile(self, moment: datetime) -> str:
        with self.context.database.read() as tx:
            found = plans.plans(tx, moment)
        busy = self._threads.busy()
        if not any(_ready(command, busy) for plan in found for command in plan.commands):
            return "nothing to change"
        after: list[Callable[[], None]] = []
        with self.context.database.transaction() as tx:
            ledger = Ledger(tx, self.context.settings, moment)
            taken = dynos.addresses(tx)
            for plan in found:
                for command in plan.commands:
                    if _ready(command, busy):
                        after += self._take(ledger, plan, command, taken)
            ledger.close(self.lines)
        for step in after:
            step()
        return "; ".join(f"{plan.app_id[:8]}: {', '.join(map(str, plan.commands))}" for plan in found)

    def _take(self, ledger: Ledger, plan: Plan, command: Command, taken: set[str]) -> list[Callable[[], None]]:
        """One step, as rows; what is to be done once they are committed is returned."""
        dyno = command.dyno
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
            return [lambda: self._threads.submit_beside(cid, lambda: self.runtime.signal(cid, signal.SIGTERM))]
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
        """The client of an attached one-off is there: start it. None when it is not waiting (any more).

        `before_command` is called with the attach socket before the command runs. Called from the rendezvous' threads.
        """
        with self.context.database.transaction() as tx:
            dyno = dynos.find_by_id(tx, dyno_id)
            if dyno is None or dyno.state is not DynoState.STARTING or dyno.container_id is not None or dyno.request:
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


def _is_gone(container: Container | None) -> bool:
    return container is None or container.state is ContainerState.UNFINISHED


def _ready(command: Command, busy: frozenset[str]) -> bool:
    """Whether no thread is doing what the step would begin again."""
    return command.dyno is None or command.step is not Step.START or command.dyno.container_id not in busy
