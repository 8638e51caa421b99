"""Files that go to the platform and come from it, piece by piece."""

import contextlib
import http.client
import json
import os
import shutil
from typing import BinaryIO

from celadon.cli.connection import transport
from celadon.cli.connection.platforms import Platform
from celadon.cli.failure import Failure

# Until the platform has all of it on its disk.
_STORED_SECONDS = 900.0
_BLOCK = 1 << 20


def put(platform: Platform, url: str, file: BinaryIO) -> None:
    """Send a file to a URL of the platform that may be written to; raises Failure."""
    size = os.fstat(file.fileno()).st_size
    try:
        connection, path = transport.open_connection(platform, url)
        with contextlib.closing(connection):
            if connection.sock is not None:
                connection.sock.settimeout(_STORED_SECONDS)
            # Whoever refuses an upload says so before its end: what was said counts, not that sending broke off.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request("PUT", path, body=file, headers={"Content-Length": str(size), "Content-Type": ""})
            answer = connection.getresponse()
            text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise transport.failure(platform, error) from None
    if answer.status >= 400:
        raise Failure(_reason(text) or f"cannot upload {file.name}: the platform answered {answer.status}")


def get(platform: Platform, url: str, file: BinaryIO) -> None:
    """Write what a URL of the platform gives to a file; raises Failure, also where it breaks off."""
    try:
        connection, path = transport.open_connection(platform, url)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise Failure(_reason(answer.read()) or f"cannot download it: the platform answered {answer.status}")
            shutil.copyfileobj(answer, file, _BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise transport.failure(platform, error) from None


def _reason(text: bytes) -> str | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return str(found["message"]) if isinstance(found, dict) and "message" in found else None
