"""When a repository is packed, and what is said of a large one."""

from datetime import UTC, datetime, timedelta

import pytest

from celadon.model.repository import LARGE, Repository, gc_due, size_hint

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pushes", "since_push", "since_gc", "quiet", "due"),
    [
        (0, timedelta(days=30), None, True, False),
        (19, timedelta(hours=1), None, True, False),
        (20, timedelta(hours=1), None, True, True),
        (20, timedelta(hours=1), None, False, False),
        (20, timedelta(minutes=9), None, True, False),
        (20, timedelta(hours=1), timedelta(minutes=59), True, False),
        (20, timedelta(hours=1), timedelta(minutes=60), True, True),
        (1, timedelta(days=6), None, True, False),
        (1, timedelta(days=7), None, True, True),
        (200, timedelta(seconds=1), None, False, True),
        (200, timedelta(seconds=1), timedelta(minutes=59), False, False),
    ],
)
def test_a_repository_is_packed_when_it_is_time(
    pushes: int, since_push: timedelta, since_gc: timedelta | None, quiet: bool, due: bool
) -> None:
    found = Repository(
        app_id="1", pushes=pushes, pushed_at=NOW - since_push, gc_at=None if since_gc is None else NOW - since_gc
    )
    assert gc_due(found, NOW, quiet=quiet) is due


def test_a_repository_without_a_push_is_never_packed() -> None:
    assert not gc_due(Repository(app_id="1"), NOW, quiet=True)


def test_only_a_large_repository_is_told_of() -> None:
    assert size_hint("shop", LARGE) == []
    assert size_hint("shop", 1500 << 20)[0] == (
        "The repository of shop has 1,500 MB: pushes to it and clones of it take long."
    )
