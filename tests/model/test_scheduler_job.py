"""When jobs of a scheduler run."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.model import scheduler_job as rules
from celadon.model.errors import InvalidParams
from celadon.model.scheduler_job import Frequency, JobStatus, Schedule

_PERIODS = {
    Frequency.TEN_MINUTES: timedelta(minutes=10),
    Frequency.HOURLY: timedelta(hours=1),
    Frequency.DAILY: timedelta(days=1),
}
_SCHEDULES = [
    Schedule(frequency=Frequency.TEN_MINUTES),
    *(Schedule(frequency=Frequency.HOURLY, minute=minute) for minute in range(0, 60, 10)),
    *(Schedule(frequency=Frequency.DAILY, minute=minute) for minute in range(0, 24 * 60, 30)),
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("frequency", "time", "after", "then"),
    [
        ("every-10-minutes", None, "2026-01-01 12:00:00", "2026-01-01 12:10:00"),
        ("every-10-minutes", None, "2026-01-01 23:59:59", "2026-01-02 00:00:00"),
        ("hourly", ":20", "2026-01-01 12:19:59", "2026-01-01 12:20:00"),
        ("hourly", ":20", "2026-01-01 12:20:00", "2026-01-01 13:20:00"),
        ("hourly", None, "2026-01-01 12:00:01", "2026-01-01 13:00:00"),
        ("hourly", ":50", "2026-01-01 23:55:00", "2026-01-02 00:50:00"),
        ("daily", "08:30", "2026-01-01 08:29:59", "2026-01-01 08:30:00"),
        ("daily", "08:30", "2026-01-01 08:30:00", "2026-01-02 08:30:00"),
        ("daily", "23:30", "2026-01-01 00:00:00", "2026-01-01 23:30:00"),
        ("daily", None, "2024-02-28 00:00:00", "2024-02-29 00:00:00"),
    ],
)
def test_the_next_run(frequency: str, time: str | None, after: str, then: str) -> None:
    assert rules.next_run(rules.schedule(frequency, time), at(after)) == at(then)


def test_a_zone_changes_nothing() -> None:
    elsewhere = at("2026-01-01 08:29:59").astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert rules.next_run(rules.schedule("daily", "08:30"), elsewhere) == at("2026-01-01 08:30:00")


@given(st.sampled_from(_SCHEDULES), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_it_is_the_first_one_after(schedule: Schedule, after: datetime) -> None:
    then = rules.next_run(schedule, after)
    assert timedelta(0) < then - after <= _PERIODS[schedule.frequency]
    assert rules.next_run(schedule, then) - then == _PERIODS[schedule.frequency]
    of_day = then.hour * 60 + then.minute
    divisor = {Frequency.TEN_MINUTES: 10, Frequency.HOURLY: 60, Frequency.DAILY: 1440}[schedule.frequency]
    assert (of_day % divisor, then.second, then.microsecond) == (schedule.minute % divisor, 0, 0)


@pytest.mark.parametrize("schedule", _SCHEDULES)
def test_the_apis_words_give_the_schedule_again(schedule: Schedule) -> None:
    assert rules.schedule(schedule.frequency, schedule.at) == schedule


@pytest.mark.parametrize(
    ("frequency", "time"),
    [
        ("weekly", None),
        ("", None),
        ("every-10-minutes", ":10"),
        ("hourly", ":15"),
        ("hourly", "08:30"),
        ("hourly", ":60"),
        ("daily", "8:30"),
        ("daily", "24:00"),
        ("daily", "08:15"),
        ("daily", "08:30\n"),
    ],
)
def test_what_is_no_schedule(frequency: str, time: str | None) -> None:
    with pytest.raises(InvalidParams, match="cannot run"):
        rules.schedule(frequency, time)


@pytest.mark.parametrize("command", ["", "  ", "x" * 20_000, "a\0b"])
def test_what_is_no_command(command: str) -> None:
    with pytest.raises(InvalidParams, match="cannot schedule"):
        rules.check_command(command)


def test_how_a_run_went() -> None:
    assert rules.ended(0, stopped=False) is JobStatus.SUCCEEDED
    assert rules.ended(3, stopped=False) is JobStatus.FAILED
    assert rules.ended(None, stopped=False) is JobStatus.FAILED
    assert rules.ended(0, stopped=True) is JobStatus.STOPPED


def test_schedules_in_words() -> None:
    words = [
        str(rules.schedule(*given)) for given in (("every-10-minutes", None), ("hourly", ":20"), ("daily", "08:30"))
    ]
    assert words == ["Every 10 minutes", "Every hour at :20", "Every day at 08:30 UTC"]
