"""What a push does, from top to bottom: it runs while git waits in its pre-receive hook, and decides whether refs move.

A build row is accepted work: once it is written, the build goes on whatever becomes of the push, of its client or of this
role. Only what the builder says refuses a push; a release whose dynos crash is told, and stands.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from celadon.actions import deploy_hooks
from celadon.actions.context import Context
from celadon.git import branches, serving
from celadon.git.acceptance import accept
from celadon.git.bell import Bell, Ear
from celadon.git.branches import Update
from celadon.git.output import Output
from celadon.git.repository import Repository
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.build import DEPLOYED, LAST_LINE_SECONDS, Build, BuildStatus
from celadon.model.deploy_hook import SCHEDULED
from celadon.model.dyno import WEB
from celadon.model.errors import CeladonError, NotFound
from celadon.model.release import Release, ReleaseStatus
from celadon.model.repository import size_hint
from celadon.store import apps, dynos, formations, releases, slugs
from celadon.store import builds as stored_builds

# Writes lines to the client; each call has whole lines only, so that git shows them as they come.
Tell = Callable[[str | bytes], Awaitable[None]]

ACCEPTED, REFUSED = 0, 1

T = TypeVar("T")

_LAST_LINE = DEPLOYED.encode()
# Who waits longer for a web dyno is told what for.
_PATIENCE_SECONDS = 5.0
# Nothing depends on these waits: whoever follows looks again at least so often.
_LOOK_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Who pushes what: the actor may, that is checked. `quarantine` tells git where the pushed objects are for now."""

    context: Context
    bell: Bell
    actor: Actor
    app: App
    repository: Repository
    updates: list[Update]
    quarantine: Mapping[str, str]


async def receive(push: Push, tell: Tell) -> int:
    """Accept or refuse a push; returns the hook's exit status."""
    await tell("-----> Celadon receiving push")
    try:
        # With what this push brings: it is in quarantine below the objects.
        for line in size_hint(push.app.name, await asyncio.to_thread(push.repository.size)):
            await tell(f" !     {line}")
        plan = branches.plan(push.updates)
        for sentence in branches.sentences(plan):
            await tell(f"-----> {sentence}")
        if plan.deploy is None:
            return ACCEPTED
        accepted = await accept(push.context, push.actor, push.app, push.repository, plan.deploy, push.quarantine)
        build = await _follow_build(push, accepted, tell)
        if build.status is not BuildStatus.SUCCEEDED:
            # Why is what the build's output ends with; that the push is refused, and where, git says next.
            return REFUSED
        release = await _follow_release(push, build, tell)
        if release is not None:
            if await asyncio.to_thread(deploy_hooks.scheduled, push.context, release.id):
                await tell(f"-----> {SCHEDULED}")
            await tell(await _serves(push, release, tell))
    except CeladonError as error:
        await tell(f" !     {error.message}")
        return REFUSED
    return ACCEPTED


async def _follow_build(push: Push, accepted: Build, tell: Tell) -> Build:
    """Show the build's output as it grows; returns the build when it is over and its output told."""

    def ended() -> Build | None:
        with push.context.database.read() as tx:
            build = stored_builds.find_by_id(tx, accepted.id)
        assert build is not None, "builds are never deleted while their app is there"
        return None if build.status is BuildStatus.PENDING else build

    output = Output(push.context.blobs.build_output(accepted.id))
    with push.bell.ear() as ear:
        build = await _relay_until(ended, output, ear, tell)
        if build.status is BuildStatus.SUCCEEDED:
            deadline = time.monotonic() + LAST_LINE_SECONDS
            while not output.has(_LAST_LINE) and (left := deadline - time.monotonic()) > 0:
                await ear.wait(left)
                ear.clear()
                await _relay(output, tell)
    await tell(output.last())
    return build


async def _follow_release(push: Push, build: Build, tell: Tell) -> Release | None:
    """Show the output of the release phase, when there is one; returns the release unless it failed."""

    def ended() -> Release | None:
        with push.context.database.read() as tx:
            release = releases.find_by_id(tx, build.release_id or "")
            gone = apps.find(tx, push.app.id) is None
        assert release is not None, "a build that succeeded has made a release"
        if gone:
            raise NotFound("app", f"{push.app.name} was destroyed meanwhile.")
        return None if release.status is ReleaseStatus.PENDING else release

    path = push.context.blobs.release_output(build.release_id or "")
    release = await asyncio.to_thread(ended)
    # A quick phase is over before it is looked at: what it has written is shown all the same.
    if release is None or path.exists():
        await tell("-----> Running release command...")
        output = Output(path)
        with push.bell.ear() as ear:
            release = await _relay_until(ended, output, ear, tell)
        await tell(output.last())
    if release.status is ReleaseStatus.FAILED:
        view = await asyncio.to_thread(_look, push, release)
        await tell(
            f" !     Release command of {release.name} failed: {serving.still(view)}; see `celadon releases:output`"
        )
        return None
    return release


async def _relay_until(ended: Callable[[], T | None], output: Output, ear: Ear, tell: Tell) -> T:
    """Relay a file as it grows until `ended` gives something; all that was written before that has been told then."""
    while True:
        ear.clear()
        result = await asyncio.to_thread(ended)
        await _relay(output, tell)
        if result is not None:
            return result
        await ear.wait(_LOOK_SECONDS)


async def _relay(output: Output, tell: Tell) -> None:
    while lines := output.lines():
        await tell(lines)


async def _serves(push: Push, release: Release, tell: Tell) -> str:
    """Wait for the first new web dyno, up or crashed, or for the time that is given for it; returns what to say."""
    seconds = push.context.settings.push_wait
    deadline = time.monotonic() + seconds
    patient, told = time.monotonic() + _PATIENCE_SECONDS, False
    with push.bell.ear() as ear:
        while True:
            ear.clear()
            view = await asyncio.to_thread(_look, push, release)
            sentence = serving.outcome(view)
            if sentence is not None:
                return sentence
            left = deadline - time.monotonic()
            if left <= 0:
                return serving.overdue(view, seconds)
            if not told and time.monotonic() > patient and (waits := serving.starting(view, seconds)):
                told = True
                await tell(waits)
            await ear.wait(min(left, _LOOK_SECONDS))


def _look(push: Push, release: Release) -> serving.View:
    with push.context.database.read() as tx:
        slug = slugs.find(tx, release.slug_id) if release.slug_id else None
        formation = {entry.type: entry.quantity for entry in formations.list_of(tx, push.app.id)}
        return serving.View(
            release=release,
            releases=releases.list_of(tx, push.app.id),
            dynos=dynos.list_of(tx, push.app.id),
            wanted=formation.get(WEB, 0) if slug and WEB in slug.process_types else None,
        )
