"""What users see of a build: a plain file that grows, and the same lines in the app's log as `app[slugc]`."""

from pathlib import Path

from celadon.model.logline import Source
from celadon.store.lines import Lines

APP = Source(source="app", ps="slugc")
PLATFORM = Source(source="heroku", ps="slugc")
_MOST = 16 << 20
_CUT = b"\n !     The build wrote more than 16 MB; the rest of its output is not kept.\n"


class Output:
    """The output of one build. Everything written is whole or a part of a line; the log gets whole lines only."""

    def __init__(self, path: Path, lines: Lines, app_id: str) -> None:
        self._file = path.open("ab", buffering=0)
        self._lines = lines
        self._app_id = app_id
        self._part = b""
        self._written = path.stat().st_size

    def write(self, text: bytes) -> None:
        """Append what the build dyno or the compiler says."""
        if self._written > _MOST:
            return
        self._written += len(text)
        if self._written > _MOST:
            text = _CUT
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
