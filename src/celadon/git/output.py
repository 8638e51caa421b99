"""A file that grows, read line by line for a client."""

import os
from pathlib import Path

_CHUNK = 1 << 16
_RECENT = 1 << 10


class Output:
    """What was written to a file since the last look. The file need not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self._recent = b""

    def lines(self) -> bytes:
        """New whole lines, some 64 KB at once; empty when there are none for now."""
        while True:
            chunk = self._read()
            whole, newline, self._rest = (self._rest + chunk).rpartition(b"\n")
            if len(self._rest) > _CHUNK:
                whole, newline, self._rest = whole + newline + self._rest, b"", b""
            if whole or newline or not chunk:
                self._recent = (self._recent + whole + newline)[-_RECENT:]
                return whole + newline

    def has(self, words: bytes) -> bool:
        """Whether the newest lines have these words."""
        return words in self._recent

    def last(self) -> bytes:
        """What the writer has left without the end of a line, now that it has ended."""
        rest, self._rest = self._rest, b""
        return rest + b"\n" if rest else b""

    def _read(self) -> bytes:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return b""
        try:
            if os.fstat(descriptor).st_size < self._offset:
                # A build that is taken up again writes its output anew.
                self._offset, self._rest = 0, b""
            chunk = os.pread(descriptor, _CHUNK, self._offset)
        finally:
            os.close(descriptor)
        self._offset += len(chunk)
        return chunk
