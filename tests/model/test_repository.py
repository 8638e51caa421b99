"""When a repository is packed, what is said of a large one, which folder of it may be built."""

import posixpath
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

import hypothesis
import pytest
from hypothesis import strategies

from celadon.model.errors import InvalidParams
from celadon.model.repository import LARGE, Repository, check_source_path, packing_due, size_hint

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
    assert packing_due(found, NOW, quiet=quiet) is due


def test_a_repository_without_a_push_is_never_packed() -> None:
    assert not packing_due(Repository(app_id="1"), NOW, quiet=True)


def test_only_a_large_repository_is_told_of() -> None:
    assert size_hint("shop", LARGE) == []
    assert size_hint("shop", 1500 << 20)[0] == (
        "The repository of shop has 1,500 MB: pushes to it and clones of it take long."
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("services/api", "services/api"),
        (" ./services/api/ ", "services/api"),
        ("a folder/ü", "a folder/ü"),
        ("..hidden", "..hidden"),
        (".github", ".github"),
        ("", None),
        (".", None),
        ("./", None),
        (". /", None),
        ("./ a /", "a"),
    ],
)
def test_a_source_path_is_kept_as_folders_below_the_top(given: str, kept: str | None) -> None:
    assert check_source_path(given) == kept


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("/etc", "relative"),
        ("..", "without"),
        ("a/../../b", "without"),
        ("a//b", "without"),
        ("a/./b", "without"),
        (".git", r"\.git"),
        ("a/.GIT/hooks", r"\.git"),
        ("a\nb", "characters"),
        ("a\x00", "characters"),
        ("a\\b", "characters"),
        ("é" * 251, "too long"),
    ],
)
def test_what_is_no_folder_of_the_source_is_refused(given: str, why: str) -> None:
    with pytest.raises(InvalidParams, match=why):
        check_source_path(given)


@hypothesis.given(strategies.text(alphabet="ab./\\ \n~-é", max_size=12) | strategies.text(max_size=30))
def test_a_source_path_never_leads_out(given: str) -> None:
    try:
        kept = check_source_path(given)
    except InvalidParams:
        return
    if kept is not None:
        assert PurePosixPath(posixpath.normpath(f"/build/{kept}")).parts[:2] == ("/", "build")
        assert posixpath.normpath(kept) == kept and not kept.startswith(("/", "../"))
        assert check_source_path(kept) == kept
