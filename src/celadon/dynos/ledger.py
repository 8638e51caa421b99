"""What an event means for a dyno's row and for the app's log.

One Ledger lives for one transaction. Lines are written just before it commits: a manager that dies in between says them
again, and none is lost.
"""

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta

from celadon.dynos.findings import KILL_AGAIN, Finding, What
from celadon.model import dyno as rules
from celadon.model import webhook as webhook_rules
from celadon.model.dyno import Dyno, DynoEvent, DynoRequest, DynoState
from celadon.model.logline import Source
from celadon.platform.settings import Settings
from celadon.store import changes, dynos, events, releases, webhooks
from celadon.store.database import Transaction
from celadon.store.lines import Lines

# Between SIGHUP and R16.
HANG_UP_TIMEOUT = timedelta(seconds=10)
# A dyno that has been up for so long had a good start: its next crash is a first one.
_GOOD_START = timedelta(minutes=10)
_TOLD = (webhook_rules.DYNO, webhook_rules.API_DYNO)


# What a dyno without processes has not.
_NOTHING: Mapping[str, object] = dict.fromkeys(("container_id", "address", "port", "deadline", "draining_at"))


class Ledger:
    """Rows and lines of one transaction."""

    def __init__(self, tx: Transaction, settings: Settings, now: datetime) -> None:
        self.tx = tx
        self.settings = settings
        self.now = now
        self._lines: list[tuple[Dyno, str]] = []
        self._touched: set[str] = set()
        # What webhooks may want to know: a dyno as it was, its new state or None when it is gone, its exit status.
        self._moved: list[tuple[Dyno, DynoState | None, int | None]] = []

    def say(self, dyno: Dyno, *messages: str) -> None:
        self._lines += [(dyno, message) for message in messages]

    def create(self, dyno: Dyno) -> None:
        dynos.insert(self.tx, dyno)
        self._touched.add(dyno.app_id)

    def start(self, dyno: Dyno, *, container_id: str | None, address: str | None, port: int | None) -> None:
        """The dyno is about to run. Without a container it waits for its client (attached one-offs)."""
        seconds = self.settings.boot_timeout
        place = {"container_id": container_id, "address": address, "port": port}
        unrouted = {"routed": False, "reached": False, "draining_at": None}
        state = rules.next_state(dyno.state, DynoEvent.START)
        if dyno.state is DynoState.IDLE:
            self.say(dyno, rules.UNIDLING)
        deadline = self.now + timedelta(seconds=seconds)
        self._update(
            dyno, state=state, starts=dyno.starts + 1, deadline=deadline, next_start_at=None, **place, **unrouted
        )
        waits = container_id is None
        self.say(dyno, *([] if waits else [rules.starting_line(dyno.command)]), rules.changed_line(dyno.state, state))
        if waits:
            self.say(dyno, "Awaiting client")

    def attach(self, dyno: Dyno, *, container_id: str, address: str, port: int) -> None:
        """The client of an attached one-off has come."""
        self._update(dyno, container_id=container_id, address=address, port=port, deadline=None)
        self.say(dyno, rules.starting_line(dyno.command))

    def hang_up(self, dyno: Dyno) -> None:
        """SIGHUP is on its way to a dyno whose client has left: it has some time to end."""
        self._update(dyno, deadline=self.now + HANG_UP_TIMEOUT)

    def take_in(self, finding: Finding) -> None:
        """What has happened to a dyno, as the manager found it."""
        dyno = finding.dyno
        self.say(dyno, *finding.messages)
        if finding.what is What.UP:
            self._up(dyno)
        elif finding.what is What.EXIT:
            self._exit(dyno, finding.status, blamed=not finding.unseen)
        elif finding.what is What.OVERDUE:
            self._update(dyno, deadline=self.now + KILL_AGAIN)
        elif finding.what is What.DETACHED:
            self._update(dyno, request=DynoRequest.STOP, deadline=None)
        else:
            self.say(dyno, rules.changed_line(dyno.state, DynoState.COMPLETE))
            self.forget(dyno)

    def _up(self, dyno: Dyno) -> None:
        state = rules.next_state(dyno.state, DynoEvent.LISTENING)
        # The client of an attached one may have left meanwhile: then it has a deadline that stays.
        self._update(dyno, state=state, **({} if dyno.attach else {"deadline": None}))
        self.say(dyno, rules.changed_line(dyno.state, state))

    def _exit(self, dyno: Dyno, status: int | None, *, blamed: bool) -> None:
        """The dyno's processes are gone: a one-off is complete, one that was told to stop is down, others crashed."""
        self.say(dyno, rules.exited_line(status))
        if dyno.state is DynoState.STOPPING and dyno.request is DynoRequest.IDLE:
            self._sleep(dyno, status)
        elif dyno.state is DynoState.STOPPING:
            self.forget(dyno, status)
        elif dyno.one_off:
            self.say(dyno, rules.changed_line(dyno.state, rules.next_state(dyno.state, DynoEvent.FINISH)))
            self.forget(dyno, status)
        else:
            self._crash(dyno, status, blamed=blamed)

    def _crash(self, dyno: Dyno, status: int | None, *, blamed: bool) -> None:
        """What is not the app's fault is no crash of it: the dyno starts again at once."""
        state = rules.next_state(dyno.state, DynoEvent.EXIT)
        good = dyno.state is DynoState.UP and self.now - dyno.updated_at >= _GOOD_START
        crashes = (1 if good else dyno.crashes + 1) if blamed else dyno.crashes
        seconds = rules.backoff(crashes, self.settings.crash_backoff) if blamed else 0.0
        wait = timedelta(seconds=seconds)
        self._update(dyno, state=state, crashes=crashes, next_start_at=self.now + wait, exit_status=status, **_NOTHING)
        self.say(dyno, rules.changed_line(dyno.state, state))
        if seconds:
            self.say(dyno, rules.next_start_line(seconds))

    def _sleep(self, dyno: Dyno, status: int | None) -> None:
        """It has ended since nobody visits; the row waits for the next request."""
        state = rules.next_state(dyno.state, DynoEvent.SLEEP)
        self._update(dyno, state=state, crashes=0, exit_status=status, **_NOTHING)
        self.say(dyno, rules.changed_line(DynoState.UP, state))

    def drain(self, dyno: Dyno) -> None:
        """The router is to send nothing more."""
        self._update(dyno, draining_at=self.now)

    def stop(self, dyno: Dyno) -> None:
        """SIGTERM is on its way."""
        if dyno.request is DynoRequest.IDLE:
            self.say(dyno, rules.IDLING)
        state = rules.next_state(dyno.state, DynoEvent.STOP)
        self._update(dyno, state=state, deadline=self.now + timedelta(seconds=self.settings.stop_timeout))
        self.say(dyno, rules.STOPPING_PROCESSES)

    def forget(self, dyno: Dyno, status: int | None = None) -> None:
        dynos.delete(self.tx, dyno.id)
        self._touched.add(dyno.app_id)
        if dyno.state is not DynoState.CREATED:
            self._moved.append((dyno, None, status))

    def close(self, lines: Lines) -> None:
        """Write the lines, wake whoever follows these apps; the last call of the transaction."""
        if self._moved:
            self._tell_webhooks()
        # What a step says of a dyno is one write: whoever reads the log has all of it or nothing.
        for (app_id, name), said in itertools.groupby(self._lines, lambda line: (line[0].app_id, line[0].name)):
            lines.append(app_id, Source(source="heroku", ps=name), "\n".join(message for _, message in said))
        for app_id in sorted(self._touched):
            changes.record(self.tx, "dyno", app_id)

    def _tell_webhooks(self) -> None:
        """Keep events of those apps only that have a webhook for them: of the others nobody would read them."""
        told = webhooks.apps_told(self.tx, {dyno.app_id for dyno, _, _ in self._moved}, _TOLD)
        for dyno, state, status in self._moved:
            release = releases.find_by_id(self.tx, dyno.release_id) if dyno.app_id in told else None
            if release is None:
                continue
            action = webhook_rules.DYNO_STATE if state else webhook_rules.DYNO_GONE
            payload = webhook_rules.dyno_payload(dyno, state or DynoState.DOWN, release.version, status)
            events.insert(self.tx, action, app_id=dyno.app_id, resource_id=dyno.id, payload=payload)

    def _update(self, dyno: Dyno, **values: object) -> None:
        dynos.update(self.tx, dyno.id, now=self.now, **values)
        self._touched.add(dyno.app_id)
        state, status = values.get("state"), values.get("exit_status")
        if isinstance(state, DynoState):
            self._moved.append((dyno, state, status if isinstance(status, int) else None))
