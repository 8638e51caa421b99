"""What a push is told of the release it made: when its first web dyno is up, or why none is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from celadon.model.dyno import WEB, Dyno, DynoState, crashed
from celadon.model.release import Release, ReleaseStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One look: the release of the push and all of its app, the app's dynos, and how many web dynos are wanted.

    `wanted` is None when the release has no web process type.
    """

    release: Release
    releases: Sequence[Release]
    dynos: Sequence[Dyno]
    wanted: int | None

    @property
    def new(self) -> list[Dyno]:
        """The web dynos of this release, by number."""
        mine = [dyno for dyno in self.dynos if dyno.type == WEB and dyno.release_id == self.release.id]
        return sorted(mine, key=lambda dyno: dyno.number)


def outcome(view: View) -> str | None:
    """The sentence that ends the wait; None while there is something to wait for."""
    name = view.release.name
    current = max(
        (release for release in view.releases if release.status is ReleaseStatus.SUCCEEDED),
        key=lambda release: release.version,
        default=view.release,
    )
    if current.version > view.release.version:
        return f"-----> {current.name} has replaced {name} meanwhile"
    if view.wanted is None:
        if any(dyno.type == WEB for dyno in view.dynos):
            return f" !     {name} has no web process type: its web dynos stop. Write `web: COMMAND` in the Procfile."
        return f"-----> {name} is released; it has no web process type: to serve requests, write `web: COMMAND` in a Procfile"
    if view.wanted == 0:
        return f"-----> {name} is released; no web dyno is wanted, start one with `celadon ps:scale web=1`"
    for dyno in view.new:
        if dyno.state is DynoState.UP and dyno.reached:
            return f"-----> Waiting for {dyno.name} of {name}... up"
    for dyno in view.new:
        if dyno.state is DynoState.CRASHED or dyno.crashes:
            return f" !     {dyno.name} of {name} {crashed(dyno.exit_status)}: {still(view)}; see `celadon logs`"
    return None


def starting(view: View, seconds: float) -> str | None:
    """What is waited for, when it takes a while; None when nothing has been started yet."""
    for dyno in view.new:
        if dyno.state is DynoState.STARTING:
            return (
                f"-----> {dyno.name} of {view.release.name} has started; waiting up to {seconds:g} seconds until it listens "
                "at 0.0.0.0, at the port that the environment variable PORT says"
            )
    return None


def overdue(view: View, seconds: float) -> str:
    """The sentence when nothing has happened in time."""
    name = view.release.name
    first = view.new[0] if view.new else None
    dyno = first.name if first else "web.1"
    if first and first.state is DynoState.UP:
        state = "is up, but the router does not reach it yet"
    else:
        state = f"is not up after {seconds:g} seconds"
        if first and first.state is DynoState.STARTING:
            state += ", for it does not listen at 0.0.0.0 and $PORT"
    return f" !     {dyno} of {name} {state}: {still(view)}; see `celadon ps` and `celadon logs`"


def still(view: View) -> str:
    """Which other release has web dynos that requests reach."""
    names = {release.id: release for release in view.releases}
    serving = [
        names[dyno.release_id]
        for dyno in view.dynos
        if dyno.type == WEB and dyno.routed and dyno.release_id != view.release.id and dyno.release_id in names
    ]
    newest = max(serving, key=lambda release: release.version, default=None)
    return f"{newest.name} still serves" if newest else "nothing serves requests"
