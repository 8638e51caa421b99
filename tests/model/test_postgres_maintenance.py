from datetime import UTC, datetime, timedelta

import pytest

from celadon.model import postgres_maintenance as rules
from celadon.model.errors import InvalidParams

# 2026-03-02 is a Monday.
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "time", "told"),
    [
        ("Sunday", "13:30", "Sundays 13:30 to 17:30 UTC"),
        ("sun", "1:30PM", "Sundays 13:30 to 17:30 UTC"),
        ("Monday", "0:00", "Mondays 00:00 to 04:00 UTC"),
        ("Monday", "12:00AM", "Mondays 00:00 to 04:00 UTC"),
        ("Monday", "12:30 pm", "Mondays 12:30 to 16:30 UTC"),
        ("Thursday", "22:00", "Thursdays 22:00 to Fridays 02:00 UTC"),
        ("Sunday", "23:30", "Sundays 23:30 to Mondays 03:30 UTC"),
    ],
)
def test_a_window_is_read_and_told(day: str, time: str, told: str) -> None:
    assert rules.describe(rules.parse(day, time)) == told


@pytest.mark.parametrize(
    ("day", "time"),
    [
        *(("Sunday", time) for time in ("13:15", "24:00", "13:30PM", "0:00AM", "-1:00", "1330", "", "٣:٠٠", "1:000")),
        *((day, "13:30") for day in ("S", "Su", "Someday", "", "Sundays")),
    ],
)
def test_anything_else_is_refused(day: str, time: str) -> None:
    with pytest.raises(InvalidParams, match="Sunday 13:30"):
        rules.parse(day, time)


@pytest.mark.parametrize(
    ("after", "begun", "is_open"),
    [
        (timedelta(days=6, hours=23, minutes=30), timedelta(days=6, hours=23, minutes=30), True),
        (timedelta(days=7, hours=3, minutes=29), timedelta(days=6, hours=23, minutes=30), True),
        (timedelta(days=7, hours=3, minutes=30), timedelta(days=6, hours=23, minutes=30), False),
        (timedelta(hours=1), timedelta(minutes=-30), True),
        (timedelta(days=3), timedelta(minutes=-30), False),
    ],
)
def test_a_window_over_the_end_of_the_week(after: timedelta, begun: timedelta, is_open: bool) -> None:
    window = rules.parse("Sunday", "23:30")
    assert rules.opened(window, MONDAY + after) == MONDAY + begun
    assert rules.is_open(window, MONDAY + after) is is_open
    expected = MONDAY + begun + (timedelta() if is_open else timedelta(weeks=1))
    assert rules.opens(window, MONDAY + after) == expected


def test_who_chose_none_has_one_that_stays() -> None:
    found = {rules.default(f"addon {number}") for number in range(100)}
    assert len(found) > 50 and rules.default("a") == rules.default("a")
    assert all(window % 30 == 0 and 0 <= window < 7 * 24 * 60 for window in found)
