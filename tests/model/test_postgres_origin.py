"""The words of --fork, --follow and --rollback, and what an archive says of itself."""

from datetime import UTC, datetime, timedelta

import pytest

from celadon.model import postgres_archive as archive
from celadon.model import postgres_origin as rules
from celadon.model.postgres_archive import Backup, BackupType
from celadon.model.postgres_database import Origin
from celadon.model.postgres_origin import Asked, CopyRefused, Span

NOW = datetime(2026, 11, 28, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, None),
        ({"fork": "DATABASE_URL"}, Asked(origin=Origin.FORK, source="DATABASE_URL")),
        ({"follow": "shop::DATABASE"}, Asked(origin=Origin.FOLLOW, source="shop::DATABASE")),
        (
            {"rollback": "DATABASE", "by": "2 hours"},
            Asked(origin=Origin.ROLLBACK, source="DATABASE", target=NOW - timedelta(hours=2)),
        ),
        ({"rollback": "D", "to": "2026-11-28 20:00:00+00"}, Asked(origin=Origin.ROLLBACK, source="D", target=NOW)),
    ],
)
def test_options_ask_for_a_copy(options: dict[str, str], asked: Asked | None) -> None:
    assert rules.asked(options, NOW) == asked


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fork": "A", "follow": "B"}, "by --fork or by --follow"),
        ({"to": "2026-11-28"}, "needs --rollback"),
        ({"fork": "A", "by": "1 hour"}, "goes with --rollback"),
        ({"fork": ""}, "needs the name of a database"),
        ({"follow": "true"}, "needs the name of a database"),
        ({"rollback": "A"}, "needs the moment"),
        ({"rollback": "A", "to": "2026-11-28", "by": "1 hour"}, "needs the moment"),
        ({"rollback": "A", "to": "yesterday"}, "is no moment"),
        ({"rollback": "A", "by": "soon"}, "is no length of time"),
    ],
)
def test_options_that_ask_for_nothing_are_refused(options: dict[str, str], said: str) -> None:
    with pytest.raises(CopyRefused, match=said):
        rules.asked(options, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-28 20:00:00+00",
        "2026-11-28 20:00 UTC",
        "2026-11-28T20:00:00Z",
        "2026-11-28 20:00",
        "2026-11-28 21:00:00 +01:00",
        "2026-11-28 15:00:00.000-0500",
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise(text: str) -> None:
    assert rules.moment(text) == NOW


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2 hours", timedelta(hours=2)),
        ("1 day, 2 hours", timedelta(days=1, hours=2)),
        ("90m", timedelta(minutes=90)),
        ("1 HOUR 30 mins", timedelta(hours=1, minutes=30)),
    ],
)
def test_a_length_of_time(text: str, length: timedelta) -> None:
    assert rules.interval(text) == length


@pytest.mark.parametrize("text", ["", "hours", "2", "2 fortnights", "1 hour ago", "1 hour 2 hours", "-1 hour"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(CopyRefused):
        rules.interval(text)


def test_a_target_out_of_range_is_refused_with_a_range_that_can_be_written_again() -> None:
    span = Span(earliest=NOW - timedelta(days=1, microseconds=-300), latest=NOW + timedelta(microseconds=300))
    rules.check_target(NOW, span)
    for target in (NOW - timedelta(days=1), NOW + timedelta(seconds=1)):
        with pytest.raises(CopyRefused) as refused:
            rules.check_target(target, span)
        first, last = str(refused.value).rpartition("possible is ")[2].split(" to ")
        assert (first, last) == ("2026-11-27 20:00:01+00", "2026-11-28 20:00:00+00")
        for written in (first, last):
            rules.check_target(rules.moment(written), span)


def made(days: float, *, full: bool = False) -> Backup:
    return Backup(label="x", full=full, ended_at=NOW - timedelta(days=days))


@pytest.mark.parametrize(
    ("found", "due"),
    [
        ([], BackupType.FULL),
        ([made(0.5, full=True)], None),
        ([made(2, full=True)], BackupType.INCREMENTAL),
        ([made(2, full=True), made(0.5)], None),
        ([made(7.1, full=True), made(0.1)], BackupType.FULL),
        ([made(8, full=True), made(0.1, full=True)], None),
    ],
)
def test_a_backup_is_due_each_day_and_a_full_one_each_week(found: list[Backup], due: BackupType | None) -> None:
    assert archive.due(found, NOW) is due
    if due is None:
        assert archive.due(found, archive.next_look(found) + timedelta(seconds=1)) is not None


def test_what_pgbackrest_tells_is_read() -> None:
    one = '{"label":"20261128-200000F","type":"full","timestamp":{"start":1,"stop":2},"database":{"id":1}}'
    text = f'[{{"name":"main","db":[{{"id":1}}],"backup":[{one}]}}]'
    (found,) = archive.backups(text)
    # What is of before an upgrade leads nowhere any more.
    assert archive.backups(f'[{{"name":"main","db":[{{"id":1}},{{"id":2}}],"backup":[{one}]}}]') == []
    assert (found.label, found.full, found.ended_at.timestamp()) == ("20261128-200000F", True, 2)
    assert archive.backups('[{"name":"main","status":{"code":1}}]') == []
    assert archive.span([], NOW) is None
    assert archive.span([found], NOW) == Span(earliest=found.ended_at + timedelta(seconds=1), latest=NOW)
    with pytest.raises(ValueError, match="cannot read"):
        archive.backups('[{"backup":[{}]}]')
