"""Where the output of an attached dyno is cut: Heroku's clients understand only what one chunk holds as a whole."""

from celadon.dynos import status_line

_MARK = status_line.MARK.encode()
_LONGEST_STATUS = 64


class Chunks:
    """Blocks in, chunks out; little is held back, and never for long.

    `status`: the line that tells the exit status is a chunk of its own. `line_ends`: no chunk ends between CR and LF,
    which such a client turns into LF.
    """

    def __init__(self, *, status: bool, line_ends: bool) -> None:
        self._status = status
        self._line_ends = line_ends
        self._held = b""

    def feed(self, block: bytes) -> list[bytes]:
        """What can go now, in order; none of it is empty."""
        pending = self._held + block
        start = _status_start(pending) if self._status else len(pending)
        line = pending[start:]
        chunks = [pending[:start]]
        if b"\n" in line or len(line) > _LONGEST_STATUS:
            chunks, line = [*chunks, line], b""
        if not line and self._line_ends and pending.endswith(b"\r"):
            chunks[-1], line = chunks[-1][:-1], b"\r"
        self._held = line
        return [chunk for chunk in chunks if chunk]

    def rest(self) -> bytes:
        """What was held back when the output ended."""
        return self._held


def _status_start(pending: bytes) -> int:
    """Where the last mark begins, though only a part of it may have come; the end when there is none."""
    for length in (2, 1):
        if pending.endswith(_MARK[:length]):
            return len(pending) - length
    start = pending.rfind(_MARK)
    return len(pending) if start < 0 else start
