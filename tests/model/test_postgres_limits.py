"""When a database is over its plan, and when its owner is told."""

from dataclasses import replace

import pytest

from celadon.model import postgres_limits as rules
from celadon.model.postgres_database import GB, MB, SIZES
from celadon.model.postgres_limits import Access, Usage

MINI, BASIC, OWN = SIZES["mini"], SIZES["basic"], SIZES["standard-0"]
FULL, REVOKED, SEALED = Access.FULL, Access.REVOKED, Access.SEALED


def of(rows: int = 0, octets: int = 0) -> Usage:
    return Usage(octets=octets, rows=rows)


@pytest.mark.parametrize(
    ("usage", "before", "after"),
    [
        (of(9_999), FULL, FULL),
        (of(10_000), FULL, REVOKED),
        (of(9_901), REVOKED, REVOKED),
        (of(9_899), REVOKED, FULL),
        (of(90_000), FULL, REVOKED),
        (of(0, GB - 1), FULL, FULL),
        (of(0, GB), FULL, REVOKED),
        (of(0, GB * 11 // 10 + 1), FULL, SEALED),
        (of(0, GB * 11 // 10 + 1), REVOKED, SEALED),
        (of(0, GB), SEALED, SEALED),
        (of(0, GB * 98 // 100), SEALED, FULL),
    ],
)
def test_writing_ends_at_the_limit_and_begins_again_below(usage: Usage, before: Access, after: Access) -> None:
    assert rules.access(MINI, usage, before) is after


def test_a_larger_plan_and_one_without_a_limit_of_rows_take_what_a_small_one_does_not() -> None:
    assert rules.access(BASIC, of(10_000, GB), REVOKED) is FULL
    assert rules.access(OWN, of(10**10, GB), REVOKED) is FULL
    assert rules.access(OWN, of(0, 64 * GB), FULL) is REVOKED


def test_on_a_machine_without_space_only_who_is_over_his_plan_writes_nothing_at_all() -> None:
    assert rules.access(MINI, of(9_999), FULL, disk_low=True) is FULL
    assert rules.access(MINI, of(10_000), FULL, disk_low=True) is SEALED
    assert rules.access(MINI, of(10_000), REVOKED, disk_low=True) is SEALED


def test_each_step_is_told_once_and_again_only_after_a_real_retreat() -> None:
    told, seen = 0, []
    for rows in (7_499, 7_500, 8_000, 9_000, 8_900, 9_100, 10_000, 9_999, 10_000, 9_400, 10_000, 8_400, 9_000, 6_900):
        before, told = told, rules.told(MINI, of(rows), told)
        seen.append(told if told > before else None)
    assert seen == [None, 75, None, 90, None, None, 100, None, None, None, 100, None, 90, None]
    assert told == 0


def test_what_pg_info_says() -> None:
    assert rules.standing(MINI, of(8_999), FULL) == "In compliance"
    assert rules.standing(MINI, of(9_999), FULL) == "Near limit"
    assert rules.standing(MINI, of(0, GB * 9 // 10 + 1), FULL) == "Near limit"
    assert rules.standing(MINI, of(9_950), REVOKED) == "Write access revoked"


def test_temporary_files_and_the_log_are_sized_by_the_plan() -> None:
    assert [rules.temporary(size) // MB for size in (MINI, BASIC, OWN)] == [256, 2048, 2048]
    assert rules.temporary(replace(MINI, storage=MB)) == 256 * MB
    assert [rules.log_bytes(storage) // MB for storage in (GB, 10 * GB, 64 * GB, 1024 * GB)] == [128, 640, 4096, 4096]
