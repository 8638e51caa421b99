"""The dyno manager: one ensure() that brings what runs to what is wanted.

Wakes on: the change feed, recorded exits, finished starts, dynos that begin to listen, deadlines.
Reads: apps, current releases, formations, dynos; the runtime's containers.
Writes: dynos (all but `request` and `routed`), the end of a release phase; lines from `heroku[<dyno>]`.
Survives: a SIGKILL anywhere. Rows say what should run, the runtime what does; the next ensure() closes the gap.
"""

import logging
import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from celadon.actions import dynos as dyno_actions
from celadon.actions.context import Context, now
from celadon.dynos.launch import Addresses, ChecksumError, Launcher, random_port
from celadon.dynos.ledger import Ledger
from celadon.dynos.listening import Listening
from celadon.dynos.phase import Phase
from celadon.model import dyno as rules
from celadon.model import formation as formation_rules
from celadon.model import size as sizes
from celadon.model.dyno import RELEASE, WEB, Dyno, DynoState
from celadon.model.formation import Command, Step, Target
from celadon.model.release import Release
from celadon.model.slug import Slug
from celadon.runtime import slugs as slug_mounts
from celadon.runtime.protocol import Container, ContainerState, Runtime, RuntimeFailure
from celadon.store import dynos, formations, releases, slugs
from celadon.store.database import Transaction
from celadon.store.lines import Lines

log = logging.getLogger(__name__)

# In each set of measurements of 40 starts at once, 40 threads were fastest.
_THREADS = 40
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
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="dyno")
        self._bell = bell
        self._started: queue.SimpleQueue[Started] = queue.SimpleQueue()
        # Containers a thread is busy with: their absence says nothing yet.
        self._busy: set[str] = set()
        self._lock = threading.Lock()
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
        return bool(self._busy) or self.listening.waiting()

    def close(self) -> None:
        """Wait for the threads; dynos go on."""
        self._pool.shutdown(wait=True)

    # What has happened

    def _observe(self, moment: datetime) -> None:
        """Turn starts, exits, open ports and deadlines into events on rows."""
        outcomes = self._outcomes()
        exited = self.runtime.exits()
        with self.context.database.read() as tx:
            present = [dyno for found in dynos.list_all(tx).values() for dyno in found]
        for dyno in present:
            self.phase.follow(dyno)
        by_container = {dyno.container_id: dyno for dyno in present if dyno.container_id}
        ended = {cid: dyno for cid, dyno in by_container.items() if cid in exited and cid not in self._busy}
        events: list[Callable[[Ledger], None]] = []
        for outcome in outcomes:
            starting = by_container.get(outcome.container_id)
            if starting is not None and outcome.container_id not in ended:
                events += self._on_started(starting, outcome)
        events += [self._up(dyno) for dyno in self.listening.accepting(present) if dyno.container_id not in ended]
        for dyno in ended.values():
            events += self._on_exit(dyno)
        events += self._overdue([dyno for dyno in present if dyno.container_id not in ended], moment)
        self._apply(events, moment)
        for cid in (exited - set(by_container)) | set(ended):
            self._submit(cid, lambda cid=cid: self.runtime.remove(cid))  # type: ignore[misc]

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
            if dyno.deadline is None or dyno.deadline > moment or dyno.container_id in self._busy:
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
            self._submit(cid, lambda cid=cid: self.runtime.kill(cid))  # type: ignore[misc]
        return events

    def _no_client(self, ledger: Ledger, dyno: Dyno) -> None:
        ledger.say(dyno, rules.ATTACH_ERROR, rules.changed_line(dyno.state, DynoState.COMPLETE))
        ledger.forget(dyno)

    def _audit(self, moment: datetime) -> None:
        """Compare rows and containers: adopt, start again what never ran, end what nobody wants or nobody watches."""
        with self.context.database.read() as tx:
            present = [dyno for found in dynos.list_all(tx).values() for dyno in found]
            wanted_slugs = _slugs_in_use(tx, present)
        # Asked first: what a thread finishes between the two looks is in the second.
        with self._lock:
            busy = frozenset(self._busy)
        containers = self.runtime.list()
        first = self._audited is None
        self._audited = moment
        known = {dyno.container_id for dyno in present}
        for cid, container in containers.items():
            if cid in busy:
                continue
            if cid not in known or container.state is ContainerState.UNFINISHED:
                self._submit(cid, lambda cid=cid: self.runtime.remove(cid))  # type: ignore[misc]
            elif container.state is ContainerState.UNMONITORED:
                log.warning("at=unmonitored container=%s", cid)
                self._submit(cid, lambda cid=cid: self.runtime.kill(cid))  # type: ignore[misc]
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
                self._submit(cid, lambda cid=cid: self.runtime.signal(cid, signal.SIGTERM))  # type: ignore[misc]
            elif dyno.state is DynoState.STARTING and dyno in lost:
                self._submit(cid, lambda dyno=dyno: self._run_again(dyno))  # type: ignore[misc]
            elif dyno.state is DynoState.STARTING:
                self._started.put(Started(cid))

    def _run_again(self, dyno: Dyno) -> None:
        assert dyno.container_id is not None, "only a dyno with a container is run again"
        self.runtime.remove(dyno.container_id)
        self._run(dyno)

    # What is wanted

    def _reconcile(self, moment: datetime) -> str:
        with self.context.database.read() as tx:
            plans = self._plans(tx, moment)
        if not plans:
            return "nothing to change"
        after: list[Callable[[], None]] = []
        with self.context.database.transaction() as tx:
            ledger = Ledger(tx, self.context.settings, moment)
            taken = dynos.addresses(tx)
            for plan in plans:
                for command in plan.commands:
                    after += self._take(ledger, plan, command, taken)
            ledger.close(self.lines)
        for step in after:
            step()
        return "; ".join(f"{plan.app_id[:8]}: {', '.join(map(str, plan.commands))}" for plan in plans)

    def _plans(self, tx: Transaction, moment: datetime) -> list["Plan"]:
        """For every app that is not as wanted: its steps."""
        current = releases.current_of_all(tx)
        wanted = formations.list_all(tx)
        present = dynos.list_all(tx)
        by_slug = slugs.by_ids(tx, {release.slug_id for release in current.values() if release.slug_id})
        pending = {release.app_id: release for release in releases.list_pending(tx)}
        plans = []
        for app_id in current.keys() | present.keys() | pending.keys():
            release = current.get(app_id)
            slug = by_slug.get(release.slug_id) if release and release.slug_id else None
            targets = _targets(slug, wanted.get(app_id, []))
            found = present.get(app_id, [])
            preboot = dyno_actions.preboot(tx, app_id)
            release_id = release.id if release and slug else None
            commands = formation_rules.diff(targets, release_id, found, preboot=preboot, now=moment)
            commands += self._phase_steps(tx, pending.get(app_id), found)
            commands = [command for command in commands if not self._waits(command)]
            if commands:
                plans.append(Plan(app_id, release_id, targets, pending.get(app_id), commands))
        return plans

    def _phase_steps(self, tx: Transaction, pending: Release | None, present: list[Dyno]) -> list[Command]:
        if pending is None or any(dyno.type == RELEASE and dyno.release_id == pending.id for dyno in present):
            return []
        # One phase after the other: an older one of the app ends first.
        if any(dyno.type == RELEASE for dyno in present):
            return []
        return [Command(Step.CREATE, RELEASE, 1000 + pending.version)]

    def _waits(self, command: Command) -> bool:
        """Steps that would repeat what a thread is doing already."""
        return command.dyno is not None and command.dyno.container_id in self._busy and command.step is Step.START

    def _take(self, ledger: Ledger, plan: "Plan", command: Command, taken: set[str]) -> list[Callable[[], None]]:
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
            return [lambda: self._submit(cid, lambda: self.runtime.signal(cid, signal.SIGTERM), exclusive=False)]
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
            self._claim(given.container_id)
            ledger = Ledger(tx, self.context.settings, now())
            ledger.attach(dyno, container_id=given.container_id, address=given.address, port=given.port)
            ledger.close(self.lines)
        self._pool.submit(self._work, given.container_id, lambda: self._run(given, before_command), True)
        return given

    # Threads

    def _launch(self, dyno: Dyno) -> None:
        assert dyno.container_id is not None, "placed before it is launched"
        self._submit(dyno.container_id, lambda: self._run(dyno))

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

    def _submit(self, container_id: str, step: Callable[[], object], *, exclusive: bool = True) -> None:
        """Run a step on a container in a thread; one at a time for each container unless it may overlap."""
        if not exclusive or self._claim(container_id):
            self._pool.submit(self._work, container_id, step, exclusive)

    def _claim(self, container_id: str) -> bool:
        with self._lock:
            free = container_id not in self._busy
            self._busy.add(container_id)
        return free

    def _work(self, container_id: str, step: Callable[[], object], exclusive: bool) -> None:
        try:
            step()
        except RuntimeFailure as error:
            log.error("at=runtime container=%s %s", container_id, error)
        except Exception:
            # Nobody asks this thread's future: a fault of ours must at least be read in the log.
            log.exception("at=broke container=%s", container_id)
        finally:
            if exclusive:
                with self._lock:
                    self._busy.discard(container_id)
            self._bell()


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of one app, and what its new dynos are made of."""

    app_id: str
    release_id: str | None
    targets: dict[str, Target]
    pending: Release | None
    commands: list[Command]

    def new(self, tx: Transaction, command: Command) -> Dyno:
        if command.type == RELEASE:
            assert self.pending is not None and self.pending.slug_id is not None, "only a pending release has a phase"
            slug = slugs.find(tx, self.pending.slug_id)
            assert slug is not None, "a release's slug is never deleted before it"
            size = sizes.SIZES[0].name
            text = slug.process_types[RELEASE]
            return dyno_actions.new(self.app_id, self.pending.id, RELEASE, command.number, text, size)
        target = self.targets[command.type]
        assert self.release_id is not None, "without a release nothing is wanted"
        return dyno_actions.new(self.app_id, self.release_id, command.type, command.number, target.command, target.size)


def _targets(slug: Slug | None, wanted: list[formation_rules.Formation]) -> dict[str, Target]:
    if slug is None:
        return {}
    return {
        entry.type: Target(quantity=entry.quantity, size=entry.size, command=slug.process_types[entry.type])
        for entry in wanted
        if entry.type in slug.process_types and entry.type != RELEASE
    }


def _is_gone(container: Container | None) -> bool:
    return container is None or container.state is ContainerState.UNFINISHED


def _slugs_in_use(tx: Transaction, present: list[Dyno]) -> set[str]:
    """Slugs that run or are about to: those of dynos, and those that serve."""
    live = {release.id: release for release in releases.current_of_all(tx).values()}
    for dyno in present:
        if dyno.release_id not in live and (release := releases.find_by_id(tx, dyno.release_id)):
            live[release.id] = release
    return {release.slug_id for release in live.values() if release.slug_id}
