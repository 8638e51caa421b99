"""Output that comes while something happens: of builds and release phases."""

import http.client
import sys
import time

from celadon.cli.connection import transport
from celadon.cli.connection.platforms import Platform
from celadon.cli.failure import Failure

_CHUNK = 65536
# Seconds until it is asked for again, as long as nothing more of it comes.
_WAITS = (0.2, 0.5, 1.0, 2.0, 4.0)
_AWAY = (502, 503, 504)
_QUIET_SECONDS = 900.0


def copy(platform: Platform, url: str) -> None:
    """Print a stream to its end; where it breaks it is taken up again. Raises Failure."""
    seen = tried = 0
    while True:
        try:
            for chunk in _Chunks(platform, url, seen):
                sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()
                seen += len(chunk)
                tried = 0
            return
        except _Broken as broken:
            if tried == len(_WAITS):
                raise broken.failure from None
            time.sleep(_WAITS[tried])
            tried += 1


class _Broken(Exception):
    """It may go on in a moment; `failure` is for when it does not."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class _Chunks:
    """The bytes of a stream after the first `seen`; raises _Broken where the connection is at fault."""

    def __init__(self, platform: Platform, url: str, seen: int) -> None:
        self._platform = platform
        try:
            self._connection, path = transport.open_connection(platform, url)
            self._connection.sock.settimeout(_QUIET_SECONDS)
            headers = {"Accept": "text/plain"}
            if seen:
                headers["Range"] = f"bytes={seen}-"
            self._connection.request("GET", path, headers=headers)
            self._answer = self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise _Broken(transport.failure(platform, error)) from None
        if self._answer.status == 416:
            self._skip = 0
        elif self._answer.status not in (200, 206):
            failure = Failure(f"cannot read the output: its stream answered {self._answer.status}")
            # The router says so for a role that was killed and is not back yet.
            raise _Broken(failure) if self._answer.status in _AWAY else failure
        self._skip = seen if self._answer.status == 200 else 0

    def __iter__(self) -> "_Chunks":
        return self

    def __next__(self) -> bytes:
        while True:
            try:
                chunk = b"" if self._answer.status == 416 else self._answer.read1(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                raise _Broken(transport.failure(self._platform, error)) from None
            if not chunk:
                self._connection.close()
                if self._answer.length:
                    broken = ConnectionResetError("the stream broke off")
                    raise _Broken(transport.failure(self._platform, broken))
                raise StopIteration
            fresh = chunk[self._skip :]
            self._skip = max(0, self._skip - len(chunk))
            if fresh:
                return fresh
