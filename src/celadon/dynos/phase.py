"""What runs once and decides on something: the `release` process type on its release, a postdeploy script on its setup, a run
of the scheduler on what its job shows."""

import contextlib

from celadon.actions import app_setups, releases, scheduler_jobs
from celadon.actions.context import Context
from celadon.dynos.launch import log_name
from celadon.model import logline
from celadon.model.app_setup import OUTPUT_LIMIT
from celadon.model.dyno import RELEASE, RUN, Dyno, DynoState
from celadon.store.lines import Follower, Lines

# As builds: whoever writes more is read in the app's log.
_MOST = 16 << 20


class Phase:
    """Follows release dynos: what they write goes to the release's output, how they end decides the release."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.lines = Lines(context.settings.home)
        self._followers: dict[str, Follower] = {}

    def follow(self, dyno: Dyno) -> None:
        """Copy what the dyno has written since the last call to where `releases:output` and a push read it."""
        if dyno.type != RELEASE or dyno.container_id is None:
            return
        follower = self._followers.get(dyno.container_id)
        output = self.context.blobs.release_output(dyno.release_id)
        if follower is None:
            source = logline.Source(source="app", ps=dyno.name)
            follower = Follower(self.lines.path(dyno.app_id, source, log_name(dyno.container_id)))
            self._followers[dyno.container_id] = follower
            # A manager that restarted copies from the start again.
            with contextlib.suppress(OSError):
                output.write_bytes(b"")
        if text := follower.read():
            # A full disk loses output, never the release.
            with contextlib.suppress(OSError), output.open("ab") as file:
                room = _MOST - file.tell()
                file.write(text[: max(room, 0)] if room < len(text) else text)

    def finish(self, dyno: Dyno, status: int | None) -> None:
        """A release phase, a postdeploy script or a scheduler's run has ended; safe to call again."""
        stopped = dyno.state is DynoState.STOPPING
        if dyno.type == RELEASE:
            for _ in range(_MOST >> 20):
                self.follow(dyno)
            # One that was stopped has not done its work, whatever it says.
            succeeded = status == 0 and not stopped
            releases.finish(self.context, dyno.release_id, succeeded=succeeded)
            self._followers.pop(dyno.container_id or "", None)
        elif dyno.type == RUN and not dyno.attach and app_setups.is_postdeploy(self.context, dyno.id):
            app_setups.postdeployed(self.context, dyno.id, self._written(dyno), status, stopped=stopped)
        elif dyno.scheduled:
            scheduler_jobs.finished(self.context, dyno.id, status, stopped=stopped)

    def _written(self, dyno: Dyno) -> bytes:
        """The end of what a dyno has written, as far as its log still has it."""
        if dyno.container_id is None:
            return b""
        follower = Follower(
            self.lines.path(dyno.app_id, logline.Source(source="app", ps=dyno.name), log_name(dyno.container_id))
        )
        found = b""
        while block := follower.read():
            found = (found + block)[-OUTPUT_LIMIT:]
        return found
