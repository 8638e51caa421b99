"""Scheduler jobs: commands that an app runs by itself at times of the day; when one is due, and how its last run went."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from celadon.model.errors import InvalidParams

# Of one app.
MOST = 100
COMMAND_LIMIT = 16 << 10
_HOURLY = re.compile(r"^:([0-5]0)\Z")
_DAILY = re.compile(r"^([01][0-9]|2[0-3]):([03]0)\Z")


class Frequency(StrEnum):
    """How often; the values are the API's."""

    TEN_MINUTES = "every-10-minutes"
    HOURLY = "hourly"
    DAILY = "daily"


_PERIOD = {
    Frequency.TEN_MINUTES: timedelta(minutes=10),
    Frequency.HOURLY: timedelta(hours=1),
    Frequency.DAILY: timedelta(days=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`minute` is counted from the beginning of the hour or of the day in UTC; 0 for every ten minutes."""

    frequency: Frequency
    minute: int = 0

    @property
    def at(self) -> str | None:
        """`:20` of an hourly one, `08:30` of a daily one, None for every ten minutes."""
        if self.frequency is Frequency.TEN_MINUTES:
            return None
        hour, minute = divmod(self.minute, 60)
        return f":{minute:02}" if self.frequency is Frequency.HOURLY else f"{hour:02}:{minute:02}"

    def __str__(self) -> str:
        if self.frequency is Frequency.TEN_MINUTES:
            return "Every 10 minutes"
        if self.frequency is Frequency.HOURLY:
            return f"Every hour at {self.at}"
        return f"Every day at {self.at} UTC"


class JobStatus(StrEnum):
    """How the last run went: `running` until its dyno ends; `refused`: there was no dyno; `stopped`: it was asked to end."""

    NEVER = "never"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler:
    """What the provider of the add-on `scheduler` keeps of one: its jobs go with it. `id` is the add-on's."""

    id: str
    app_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerJob:
    """`size` is a dyno size. `last_…` and `dyno_…` are of its last run: a row of a dyno is there while that runs.

    `last_error` says why a run had no dyno. The next run begins at `next_run_at`, or when the platform is back.
    """

    id: str
    scheduler_id: str
    app_id: str
    command: str = field(repr=False)
    size: str
    frequency: Frequency
    minute: int
    next_run_at: datetime
    last_run_at: datetime | None = None
    last_finished_at: datetime | None = None
    last_status: JobStatus = JobStatus.NEVER
    last_exit_status: int | None = None
    last_error: str | None = None
    dyno_id: str | None = None
    dyno_name: str | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def schedule(self) -> Schedule:
        return Schedule(frequency=self.frequency, minute=self.minute)


def schedule(frequency: str, at: str | None = None) -> Schedule:
    """A schedule in the API's words; raises InvalidParams."""
    if frequency not in list(Frequency):
        raise InvalidParams(f"cannot run {frequency[:40]!r}: a job runs {', '.join(Frequency)}")
    chosen = Frequency(frequency)
    if chosen is Frequency.TEN_MINUTES:
        if at:
            raise InvalidParams("cannot run every-10-minutes at a time: leave `at` out")
        return Schedule(frequency=chosen)
    if chosen is Frequency.HOURLY:
        found = _HOURLY.match(at or ":00")
        if found is None:
            raise InvalidParams(f"cannot run hourly at {(at or '')[:20]!r}: it is :00, :10, :20, :30, :40 or :50")
        return Schedule(frequency=chosen, minute=int(found[1]))
    found = _DAILY.match(at or "00:00")
    if found is None:
        raise InvalidParams(f"cannot run daily at {(at or '')[:20]!r}: it is a full or half hour in UTC, such as 08:30")
    return Schedule(frequency=chosen, minute=60 * int(found[1]) + int(found[2]))


def next_run(wanted: Schedule, after: datetime) -> datetime:
    """The first moment of a schedule that is later than this one.

    However many moments have passed while the platform was down, there is one next run: those between are not made up.
    """
    period = _PERIOD[wanted.frequency]
    midnight = after.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight + timedelta(minutes=wanted.minute)
    # The periods divide a day, and days in UTC are all as long.
    return first + ((after - first) // period + 1) * period


def check_command(command: str) -> str:
    """Raises InvalidParams for what no dyno can run."""
    if not command.strip():
        raise InvalidParams("cannot schedule that: there is no command")
    if len(command) > COMMAND_LIMIT or "\x00" in command:
        raise InvalidParams("cannot schedule that command: it is longer than 16 KB or has a NUL character")
    return command.strip()


def ended(status: int | None, *, stopped: bool) -> JobStatus:
    """How a run went whose dyno has ended with this exit status (None: nobody saw it)."""
    if stopped:
        return JobStatus.STOPPED
    return JobStatus.SUCCEEDED if status == 0 else JobStatus.FAILED
