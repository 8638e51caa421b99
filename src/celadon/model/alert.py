"""Alerts: when an app's response times, errors or memory are beyond what somebody set, and who is told."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from celadon.model.account import check_email
from celadon.model.errors import InvalidParams
from celadon.model.metrics import Counts, Uses

# Of one app, and addresses of one alert.
MOST, RECIPIENTS = 10, 5
# With fewer requests than these, one slow answer or one error would be an alert.
LEAST_REQUESTS = 10
_MINUTES = range(1, 31)
_SEPARATORS = re.compile(r"[\s,;]+")


class Measure(StrEnum):
    """What is looked at, over the last minutes."""

    P95 = "p95"
    ERRORS = "errors"
    MEMORY = "memory"


class AlertState(StrEnum):
    OK = "ok"
    FIRING = "firing"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """`name` begins a sentence, `what` follows "above … in"; `least` and `most` bound the threshold."""

    name: str
    unit: str
    least: float
    most: float


KINDS = {
    Measure.P95: _Kind(name="Response time (p95)", unit="ms", least=1, most=600_000),
    Measure.ERRORS: _Kind(name="Answers with status 5xx", unit="%", least=0.1, most=100),
    Measure.MEMORY: _Kind(name="Memory of a dyno", unit="% of the quota", least=1, most=1000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """`value` is what was measured when the state last changed, at `changed_at`; None: nothing was."""

    id: str
    app_id: str
    measure: Measure
    threshold: float
    minutes: int
    recipients: Sequence[str]
    state: AlertState
    value: float | None
    changed_at: datetime
    created_at: datetime
    updated_at: datetime

    @property
    def rule(self) -> str:
        """`Response time (p95) above 800 ms in 5 minutes`."""
        kind = KINDS[self.measure]
        minutes = "a minute" if self.minutes == 1 else f"{self.minutes} minutes"
        return f"{kind.name} above {self.threshold:g} {kind.unit} in {minutes}"

    def shown(self, value: float | None) -> str:
        """A measured value with its unit."""
        return "nothing measured" if value is None else f"{value:.4g} {KINDS[self.measure].unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody asked for, checked."""

    measure: Measure
    threshold: float
    minutes: int
    recipients: tuple[str, ...]


def check(measure: str, threshold: str, minutes: str, recipients: str) -> Wanted:
    """An alert out of a form's fields; raises InvalidParams."""
    if measure not in list(Measure):
        raise InvalidParams(f"cannot watch {measure[:40]!r}: it is one of {', '.join(Measure)}")
    kind = KINDS[Measure(measure)]
    try:
        limit = float(threshold)
    except ValueError:
        limit = math.nan
    if not kind.least <= limit <= kind.most:
        raise InvalidParams(
            f"cannot watch for {threshold[:40]!r}: the threshold is {kind.least:g} to {kind.most:,g} {kind.unit}"
        )
    if not (minutes.isascii() and minutes.isdigit() and len(minutes) < 9 and int(minutes) in _MINUTES):
        raise InvalidParams(f"cannot look at {minutes[:40]!r} minutes: it is {_MINUTES[0]} to {_MINUTES[-1]}")
    given = [word for word in _SEPARATORS.split(recipients) if word]
    if len(given) > RECIPIENTS:
        raise InvalidParams(f"cannot write to {len(given)} addresses: it is {RECIPIENTS} at most")
    return Wanted(
        measure=Measure(measure),
        threshold=limit,
        minutes=int(minutes),
        recipients=tuple(dict.fromkeys(check_email(word) for word in given)),
    )


def measured(measure: Measure, counts: Counts, uses: Uses) -> float | None:
    """What the last minutes come to; None when there is too little to say."""
    if measure is Measure.MEMORY:
        return max((100 * use.memory_peak / use.quota for use in uses.values() if use.quota), default=None)
    if counts.requests < LEAST_REQUESTS:
        return None
    if measure is Measure.ERRORS:
        return 100 * counts.classes.get(5, 0) / counts.requests
    return counts.percentile(0.95)


def next_state(alert: Alert, value: float | None, now: datetime) -> AlertState:
    """The state an alert comes to. One that is firing stays so for as long as it looks back at least: nobody is told each
    minute of a value that swings about its threshold."""
    if value is not None and value > alert.threshold:
        return AlertState.FIRING
    if alert.state is AlertState.FIRING and now - alert.changed_at < timedelta(minutes=alert.minutes):
        return AlertState.FIRING
    return AlertState.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    subject: str
    text: str


def letter(alert: Alert, state: AlertState, value: float | None, app: str, page: str) -> Letter:
    """What people are told of a change."""
    word = "Alert" if state is AlertState.FIRING else "Over"
    last = "It was" if state is AlertState.FIRING else "It is now"
    return Letter(
        subject=f"{word}: {app}: {alert.rule}",
        text=(
            f"{app}: {alert.rule}: {'this is so now' if state is AlertState.FIRING else 'no longer so'}.\n"
            f"{last}: {alert.shown(value)}.\n\n"
            f"What happened: {page}\n"
            "There you can also change the alert or remove it.\n"
        ),
    )


def line(alert: Alert, state: AlertState, value: float | None) -> str:
    """The log line of a change."""
    word = "firing" if state is AlertState.FIRING else "ok"
    return f'at={word} alert="{alert.rule}" value="{alert.shown(value)}"'
