"""Metrics of an app, as they are kept; and the error codes of its last day."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from celadon.actions import access
from celadon.actions.context import Context, now
from celadon.model import metrics as rules
from celadon.model.account import Actor
from celadon.model.errors import CeladonError, NotFound
from celadon.model.metrics import Counts, Uses
from celadon.model.release import Release
from celadon.store import releases
from celadon.store.metrics import Metrics

# So many seconds after it was said, a line is counted for sure.
LATE = 8
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time that is looked at: as `points` steps of `step` seconds, added up from spans of `span` seconds."""

    name: str
    text: str
    span: int
    step: int
    points: int

    @property
    def least(self) -> int:
        """Seconds from which on a step that is not over says something."""
        return max(10, self.step // 60)


STRETCHES = (
    Stretch(name="hour", text="last hour", span=10, step=30, points=120),
    Stretch(name="day", text="last day", span=60, step=300, points=288),
    Stretch(name="week", text="last week", span=600, step=3600, points=168),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was kept of a stretch, step by step; `start` and `until` (to which lines are counted) in seconds since the epoch.

    `releases` are those made within it, oldest first.
    """

    stretch: Stretch
    start: int
    until: int
    counts: list[Counts]
    total: Counts
    uses: list[Uses]
    releases: list[Release]

    def seconds(self, step: int) -> int:
        """How long a step has lasted: the newest may not be over."""
        return min(self.stretch.step, max(self.until - self.start - step * self.stretch.step, self.stretch.least))


class MetricsUnavailable(CeladonError):
    """The file of metrics cannot be read."""

    id = "metrics_unavailable"
    status = 503


@contextmanager
def _opened(context: Context) -> Iterator[Metrics]:
    """Raises MetricsUnavailable, also for what goes wrong while it is read."""
    try:
        with closing(Metrics(context.settings.home)) as metrics:
            yield metrics
    except sqlite3.Error as error:
        raise MetricsUnavailable(f"cannot read the metrics now: {error}; tell your operator if it stays so") from error


def stretch(name: str) -> Stretch:
    """Raises NotFound."""
    found = next((one for one in STRETCHES if one.name == name), None)
    if found is None:
        raise NotFound("page", "Couldn't find that stretch of time: it is hour, day or week.")
    return found


def read(context: Context, actor: Actor, app_name: str, wanted: Stretch) -> Read:
    """Raises NotFound, MetricsUnavailable."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "log:read")
        released = releases.list_of(tx, app.id)
    until = int(now().timestamp()) - LATE
    # A step that has hardly begun says nothing yet.
    end = until - until % wanted.step + (wanted.step if until % wanted.step >= wanted.least else 0)
    start = end - wanted.step * wanted.points
    counts = [Counts() for _ in range(wanted.points)]
    uses: list[Uses] = [{} for _ in range(wanted.points)]
    with _opened(context) as metrics:
        for at, found in metrics.counts(app.id, wanted.span, start, end):
            counts[(at - start) // wanted.step].add(found)
        for at, used in metrics.samples(app.id, wanted.span, start, end):
            rules.add_uses(uses[(at - start) // wanted.step], used)
    total = Counts()
    for step in counts:
        total.add(step)
    within = [release for release in released if start <= release.created_at.timestamp() < end]
    return Read(stretch=wanted, start=start, until=until, counts=counts, total=total, uses=uses, releases=within)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastError:
    """How often a code came within a day, and when last."""

    code: str
    count: int
    last: datetime


def last_errors(context: Context, actor: Actor, app_name: str) -> list[LastError]:
    """Of the last day, to ten minutes; who came last is first. Raises NotFound, MetricsUnavailable."""
    with context.database.read() as tx:
        app = access.app_for(tx, actor, app_name, "log:read")
    moment = now()
    found = Counts()
    with _opened(context) as metrics:
        for _, counts in metrics.counts(app.id, 600, (moment - DAY).timestamp(), moment.timestamp()):
            found.add(counts)
    return errors(found)


def errors(counts: Counts) -> list[LastError]:
    """The codes among these; who came last is first."""
    seen = sorted(counts.codes.items(), key=lambda pair: -pair[1].last)
    return [LastError(code=code, count=one.count, last=datetime.fromtimestamp(one.last, UTC)) for code, one in seen]


def recent(metrics: Metrics, app_id: str, minutes: int) -> tuple[Counts, Uses]:
    """The last minutes of an app, added up, up to what is counted for sure; raises sqlite3.Error."""
    end = (int(now().timestamp()) - LATE) // rules.SHORTEST * rules.SHORTEST
    counts, uses = Counts(), Uses()
    for _, found in metrics.counts(app_id, rules.SHORTEST, end - minutes * 60, end):
        counts.add(found)
    for _, used in metrics.samples(app_id, rules.SHORTEST, end - minutes * 60, end):
        rules.add_uses(uses, used)
    return counts, uses
