"""The one error of the command line: what `celadon` says on stderr before it exits."""

import sys
from collections.abc import Iterable
from typing import Any

from celadon.cli.terminal import unfinished
from celadon.model.text import plain


class Failure(Exception):
    """A command cannot go on. Each line is shown behind ` !    `; `status` is what celadon exits with."""

    def __init__(self, *lines: str, status: int = 1) -> None:
        super().__init__(*lines)
        self.lines = lines
        self.status = status

    def show(self) -> None:
        warn(self.lines)


class ApiFailure(Failure):
    """The platform refused. `http_status` and `id` are the API's words for it, `resource` what was not found; `path` and
    `sent` are the request's.
    """

    def __init__(
        self, *lines: str, http_status: int, id: str = "", resource: str = "", path: str = "", sent: Any = None
    ) -> None:
        super().__init__(*lines)
        self.http_status = http_status
        self.id = id
        self.resource = resource
        self.path = path
        self.sent = sent


class UsageFailure(Failure):
    """The command was written wrongly."""

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines, status=2)


def warn(lines: Iterable[str]) -> None:
    """Lines on stderr in the form of an error. They may hold what a server said, which no terminal is to act on."""
    sys.stdout.flush()
    unfinished.interrupt()
    for text in lines:
        for line in text.splitlines() or [""]:
            print(f" !    {plain(line)}".rstrip(), file=sys.stderr)
