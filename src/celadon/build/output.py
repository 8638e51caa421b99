"""What users see of a build: a plain file that grows, and the same lines in the app's log as `app[slugc]`."""

from pathlib import Path

from celadon.model.logline import Source
from celadon.store.lines import Lines

APP = Source(source="app", ps="slugc")
PLATFORM = Source(source="heroku", ps="slugc")
# Bytes; a build that says more is stopped.
MOST = 16 << 20


class Output:
    """The output of one build. Everything written is whole or a part of a line; the log gets whole lines only."""

    def __init__(self, path: Path, lines: Lines, app_id: str) -> None:
        self._file = path.open("ab", buffering=0)
        self._lines = lines
        self._app_id = app_id
        self._part = b""
        self._written = path.stat().st_size

    @property
    def full(self) -> bool:
        """Whether the build dyno has said all that one may."""
        return self._written >= MOST

    def follow(self, text: bytes) -> None:
        """Append what the build dyno says, up to the limit."""
        kept = text[: max(MOST - self._written, 0)]
        self._written += len(text)
        self.write(kept if len(kept) == len(text) else kept + b"\n")

    def write(self, text: bytes) -> None:
        """Append what the platform says."""
        self._file.write(text)
        whole, newline, self._part = (self._part + text).rpartition(b"\n")
        if newline:
            self._lines.append(self._app_id, APP, whole.decode("utf-8", "replace"))

    def line(self, text: str) -> None:
        self.write(f"{text}\n".encode())

    def step(self, text: str) -> None:
        """A heading: `-----> Compiled slug size: 9.0MB`."""
        self.line(f"-----> {text}")

    def detail(self, text: str) -> None:
        self.line(f"       {text}")

    def error(self, text: str) -> None:
        for part in text.splitlines():
            self.line(f" !     {part}")

    def announce(self, text: str) -> None:
        """A line of the platform about the build: `heroku[slugc]: Slug compilation started`."""
        self._lines.append(self._app_id, PLATFORM, text)

    def close(self) -> None:
        if self._part:
            self.write(b"\n")
        self._file.close()
