"""What a push is told of the release it made."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from celadon.actions import dynos
from celadon.git import serving
from celadon.git.serving import View
from celadon.model.dyno import Dyno, DynoState
from celadon.model.release import Release, ReleaseStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def release(version: int, status: ReleaseStatus = ReleaseStatus.SUCCEEDED) -> Release:
    return Release(
        id=f"r{version}",
        app_id="a",
        version=version,
        status=status,
        description="Deploy",
        account_id="me",
        slug_id="s",
        config_id="c",
        created_at=NOW,
        updated_at=NOW,
    )


def dyno(version: int, state: DynoState, number: int = 1, *, reached: bool = False, **values: Any) -> Dyno:
    made = dynos.new("a", f"r{version}", "web", number, "serve", "1X")
    return dataclasses.replace(made, state=state, routed=reached, reached=reached, **values)


OLD = dyno(8, DynoState.UP, reached=True)


def view(*present: Dyno, wanted: int | None = 1, newer: tuple[Release, ...] = ()) -> View:
    return View(release=release(9), releases=[release(8), release(9), *newer], dynos=present, wanted=wanted)


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (view(OLD), None),
        (view(OLD, dyno(9, DynoState.STARTING)), None),
        (view(OLD, dyno(9, DynoState.UP)), None),
        # Claimed: HAProxy is yet to be told.
        (view(OLD, dataclasses.replace(dyno(9, DynoState.UP), routed=True)), None),
        (view(OLD, dyno(9, DynoState.UP, reached=True)), "-----> Waiting for web.1 of v9... up"),
        (view(dyno(9, DynoState.CRASHED, crashes=1), dyno(9, DynoState.UP, 2, reached=True)), "-----> Waiting for web.2 of v9... up"),
        (view(OLD, dyno(9, DynoState.CRASHED)), " !     web.1 of v9 crashed: v8 still serves; see `celadon logs`"),
        (
            view(OLD, dyno(9, DynoState.STARTING, crashes=1, exit_status=127)),
            " !     web.1 of v9 crashed (exit status 127): v8 still serves; see `celadon logs`",
        ),
        (view(dyno(9, DynoState.CRASHED)), " !     web.1 of v9 crashed: nothing serves requests; see `celadon logs`"),
        (view(wanted=None), "-----> v9 is released; it has no web process type: to serve requests, write `web: COMMAND` in a Procfile"),
        (view(wanted=0), "-----> v9 is released; no web dyno is wanted, start one with `celadon ps:scale web=1`"),
        (view(OLD, newer=(release(10),)), "-----> v10 has replaced v9 meanwhile"),
        (view(OLD, newer=(release(10, ReleaseStatus.PENDING),)), None),
        (view(OLD, newer=(release(10, ReleaseStatus.FAILED),)), None),
    ],
)  # fmt: skip
def test_the_wait_ends_with_one_sentence(seen: View, sentence: str | None) -> None:
    assert serving.outcome(seen) == sentence


@pytest.mark.parametrize(
    ("seen", "part"),
    [
        (view(OLD), "web.1 of v9 is not up after 60 seconds: v8 still serves"),
        (
            view(dyno(9, DynoState.STARTING, 3)),
            "web.3 of v9 is not up after 60 seconds, for it does not listen at 0.0.0.0 and $PORT: nothing serves requests",
        ),
        (view(OLD, dyno(9, DynoState.UP)), "web.1 of v9 is up, but the router does not reach it yet"),
    ],
)
def test_an_overdue_dyno_is_told(seen: View, part: str) -> None:
    assert part in serving.overdue(seen, 60.0)


def test_who_waits_is_told_what_for() -> None:
    assert serving.starting(view(OLD), 60.0) is None
    assert serving.starting(view(dyno(9, DynoState.UP)), 60.0) is None
    told = serving.starting(view(OLD, dyno(9, DynoState.STARTING)), 60.0)
    assert told and told.startswith(
        "-----> web.1 of v9 has started; waiting up to 60 seconds until it listens at 0.0.0.0"
    )
