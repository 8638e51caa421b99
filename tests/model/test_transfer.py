"""Which backups are kept, when the next one is due, what a restored one lacks."""

from datetime import UTC, datetime, timedelta

import pytest

from celadon.model import transfer as rules
from celadon.model import transfer_schedule as schedules
from celadon.model.errors import InvalidParams
from celadon.model.transfer import Check, Transfer, TransferKind, TransferStatus, TransferStep

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def backup(num: int, at: datetime, *, scheduled: bool = True) -> Transfer:
    return Transfer(
        id=f"t{num}",
        app_id="app",
        addon_id="addon",
        num=num,
        kind=TransferKind.BACKUP,
        scheduled=scheduled,
        source_id=None,
        from_name="DATABASE",
        to_name="",
        status=TransferStatus.SUCCEEDED,
        step=TransferStep.DUMPING,
        attempts=0,
        source_bytes=1,
        processed_bytes=1,
        warnings=0,
        error=None,
        cancel_asked=False,
        check=Check.NONE,
        row_counts=None,
        check_engine_id=None,
        check_error=None,
        check_attempts=0,
        verified_at=None,
        started_at=at,
        finished_at=at,
        deleted_at=None,
        created_at=at,
        updated_at=at,
    )


@pytest.mark.parametrize(("plan", "least", "most"), [("mini", 7, 8), ("standard-0", 10, 11), ("premium-0", 22, 28)])
def test_days_then_weeks_then_months_are_kept(plan: str, least: int, most: int) -> None:
    daily = [backup(day, NOW - timedelta(days=day)) for day in range(400)]
    gone = rules.superfluous(daily, rules.rule(plan), NOW)
    kept = sorted({one.num for one in daily} - {one.num for one in gone})
    assert kept[:7] == list(range(7))
    assert least <= len(kept) <= most


def test_of_manual_ones_the_newest_are_kept_and_the_last_one_always() -> None:
    manual = [backup(number, NOW - timedelta(days=900 + number), scheduled=False) for number in range(5)]
    assert [one.num for one in rules.superfluous(manual, rules.rule("mini"), NOW)] == [2, 3, 4]
    assert rules.superfluous([backup(1, NOW - timedelta(days=900))], rules.rule("mini"), NOW) == []
    with pytest.raises(InvalidParams, match="--expire"):
        rules.check_room(2, "mini")


@pytest.mark.parametrize(
    ("hour", "zone", "after", "expected"),
    [
        (12, "UTC", "2026-11-28T11:59:59", "2026-11-28T12:00:00"),
        (12, "UTC", "2026-11-28T12:00:00", "2026-11-29T12:00:00"),
        (4, "Europe/Berlin", "2026-11-28T12:00:00", "2026-11-29T03:00:00"),
        (4, "Europe/Berlin", "2026-06-28T12:00:00", "2026-06-29T02:00:00"),
        # 2:00 is skipped on 29 March, and comes twice on 25 October.
        (2, "Europe/Berlin", "2026-03-28T12:00:00", "2026-03-29T01:00:00"),
        (2, "Europe/Berlin", "2026-10-24T12:00:00", "2026-10-25T00:00:00"),
        (2, "Europe/Berlin", "2026-10-25T00:00:00", "2026-10-26T01:00:00"),
        (0, "Pacific/Kiritimati", "2026-11-28T09:00:00", "2026-11-28T10:00:00"),
    ],
)
def test_the_next_run_is_when_clocks_there_show_the_hour(hour: int, zone: str, after: str, expected: str) -> None:
    found = schedules.next_run(hour, zone, datetime.fromisoformat(after).replace(tzinfo=UTC))
    assert found.isoformat() == f"{expected}+00:00"


def test_a_time_is_read_as_people_write_it() -> None:
    assert schedules.parse("04:00 Europe/Berlin") == (4, "Europe/Berlin")
    assert schedules.parse("4:00 PST") == (4, "America/Los_Angeles")
    assert schedules.parse("02:00") == (2, "UTC")
    for wrong in ("24:00", "4:30", "x", "4:00 Mars/North", "4:00 ../../etc/passwd", "4:00 /etc/localtime"):
        with pytest.raises(InvalidParams):
            schedules.parse(wrong)


def test_names_say_the_kind_and_are_read_again() -> None:
    assert (backup(1, NOW).name, backup(1, NOW, scheduled=False).name) == ("a001", "b001")
    assert [rules.number(name) for name in ("b001", "12", "r1234", "x1", "", "b", "b1.5")] == [
        1, 12, 1234, None, None, None, None,
    ]  # fmt: skip


def test_what_is_lacking_is_named() -> None:
    assert rules.differences({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}) == []
    assert rules.differences({"a": 1, "b": 2}, {"b": 3}) == ["a is missing", "b has 3 in place of 2 rows"]
