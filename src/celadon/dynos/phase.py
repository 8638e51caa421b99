"""The release phase: the `release` process type runs once, before its release may serve."""

from pathlib import Path

from celadon.actions import releases
from celadon.actions.context import Context
from celadon.dynos.launch import log_name
from celadon.model import logline
from celadon.model.dyno import RELEASE, Dyno
from celadon.store.lines import Lines


class Phase:
    """Follows release dynos: what they write goes to the release's output, how they end decides the release."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.lines = Lines(context.settings.home)
        self._offsets: dict[str, int] = {}

    def follow(self, dyno: Dyno) -> None:
        """Copy what the dyno has written since the last call to where `releases:output` and a push read it."""
        if dyno.type != RELEASE or dyno.container_id is None:
            return
        source = logline.Source(source="app", ps=dyno.name)
        log = self.lines.path(dyno.app_id, source, log_name(dyno.container_id))
        text, offset = _new_text(log, self._offsets.get(dyno.container_id))
        if text:
            output = self.context.blobs.release_output(dyno.release_id)
            # A manager that restarted copies from the start again, into a fresh file.
            with output.open("ab" if dyno.container_id in self._offsets else "wb") as file:
                file.write(text)
            self._offsets[dyno.container_id] = offset

    def finish(self, dyno: Dyno, status: int | None) -> None:
        """The release phase has ended; safe to call again."""
        if dyno.type == RELEASE:
            self.follow(dyno)
            releases.finish(self.context, dyno.release_id, succeeded=status == 0)


def _new_text(log: Path, offset: int | None) -> tuple[bytes, int]:
    """The plain text of whole records beyond `offset`, and the offset after them."""
    start = offset or 0
    try:
        with log.open("rb") as file:
            file.seek(start)
            block = file.read()
    except FileNotFoundError:
        return b"", start
    end = block.rfind(b"\n") + 1
    return logline.plain_text(block[:end]), start + end
