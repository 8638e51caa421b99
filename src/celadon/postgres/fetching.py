"""Fetches an archive from a stranger's URL: from addresses of the internet only, within a time, up to a size."""

import contextlib
import http.client
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

from celadon.clock import posting
from celadon.model import destination
from celadon.model.transfer import MAGIC
from celadon.platform.settings import Settings

# Seconds for all of it, and how often the answer may be another place.
_SECONDS = 3600.0
_REDIRECTIONS = 5
_BLOCK = 256 << 10


class FetchFailure(Exception):
    """It cannot be fetched; the message is for the user and repeats nothing of the URL, which may be secret."""


def fetch(
    settings: Settings, url: str, to: Path, limit: int, told: Callable[[int], None], seconds: float = _SECONDS
) -> None:
    """Write what the URL answers to a file; `told` hears of bytes as they come. Raises FetchFailure, InvalidParams."""
    deadline = time.monotonic() + seconds
    try:
        for _ in range(_REDIRECTIONS + 1):
            following = _follow(settings, url, to, limit, told, deadline)
            if following is None:
                return
            url = urljoin(url, following)
    except posting.DestinationNotAllowed:
        raise FetchFailure("The URL leads to an address that is not of the internet.") from None
    except posting.NameNotFound:
        raise FetchFailure("The URL's host cannot be found.") from None
    except TimeoutError:
        raise FetchFailure("The URL's server took too long.") from None
    except posting.ERRORS as error:
        raise FetchFailure(f"The URL cannot be fetched: {type(error).__name__}.") from None
    raise FetchFailure(f"The URL leads on to others more than {_REDIRECTIONS} times.")


def _follow(
    settings: Settings, url: str, to: Path, limit: int, told: Callable[[int], None], deadline: float
) -> str | None:
    """Where the answer leads to; None when it was the archive itself."""
    there = destination.parse(url)
    with posting.connected(settings, there, deadline) as wire:
        connection = http.client.HTTPConnection(there.host, there.port)
        connection.sock = wire
        words = {"Host": there.authority, "Accept-Encoding": "identity", "Connection": "close"}
        connection.request("GET", there.path, headers=words)
        answer = connection.getresponse()
        if answer.status in (301, 302, 303, 307, 308):
            return answer.getheader("Location") or ""
        if answer.status != 200:
            raise FetchFailure(f"The URL's server answers with status {answer.status}.")
        _write(answer, to, limit, told)
    return None


def _write(answer: http.client.HTTPResponse, to: Path, limit: int, told: Callable[[int], None]) -> None:
    received = 0
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(to.open("xb"))
        while block := answer.read(_BLOCK):
            if not received and not block.startswith(MAGIC):
                raise FetchFailure(
                    "The URL gives no archive of pg_dump's custom format: make one with `pg_dump --format=custom`."
                )
            received += len(block)
            if received > limit:
                raise FetchFailure(f"The archive is larger than {limit >> 20:,} MB, for which there is room.")
            file.write(block)
            told(received)
    if answer.length not in (None, 0) or not received:
        raise FetchFailure("The URL's server broke off.")
