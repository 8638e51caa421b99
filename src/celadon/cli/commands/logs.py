"""Log lines of an app: the recent ones, or all that come."""

import contextlib
import http.client
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from celadon.cli.command import command
from celadon.cli.commands.explanations import Explainer
from celadon.cli.connection import transport
from celadon.cli.connection.platforms import Platform
from celadon.cli.failure import Failure, UsageFailure, warn
from celadon.cli.invocation import Invocation
from celadon.cli.terminal import output
from celadon.model import logline

_HEADER = re.compile(r"^(.*?\[([\w-]+)([\d.]+)?\]:)(.*)$", re.DOTALL)
# Cyan, yellow, green, magenta, red: in the order in which sources appear.
_PALETTE = (36, 33, 32, 35, 31)
# Who else speaks in an app's log; the add-ons' names only its lines tell.
_PLATFORMS = frozenset({"api", "logplex", "release", "router", "run", "scheduler", "slugc"})
_WAITS = (0.2, 0.5, 1.0, 2.0, 5.0)
_TRIES = 20
# A tail sends a comment now and then; after so many seconds of silence the connection is dead.
_SILENCE_SECONDS = 90.0


def _checked_source(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is None or value in ("app", "heroku"):
        return value
    raise click.UsageError(f"--source is app or heroku; for the lines of {value} say --ps {value}")


@command(app=True)
@click.option(
    "-n", "--num", "lines", type=click.IntRange(0, 1500), default=100, show_default=True, help="How many lines."
)
@click.option("-t", "--tail", is_flag=True, help="Go on with the lines that come.")
@click.option(
    "-p",
    "--ps",
    "--process-type",
    "which_ps",
    metavar="PS",
    help="Only lines of this process: web, web.1, router, api, ...",
)
@click.option("-d", "--dyno", "which_dyno", metavar="DYNO", help="Only lines of this dyno: web.1, run.1234.")
@click.option(
    "-s", "--source", metavar="app|heroku", callback=_checked_source, help="Only lines of the app, or of the platform."
)
@click.option("--grep", metavar="PATTERN", help="Look through all that is kept for an extended regular expression.")
@click.option("--request-id", "request_id", metavar="ID", help="Look through all that is kept for a request.")
@click.option(
    "--since",
    metavar="WHEN",
    help="Look only from then on: 10m, 2h, 3d, or a time of this machine's zone, or with its own: 2026-11-29T05:00Z.",
)
@click.option("--raw", is_flag=True, help="Escape codes as they are: an app's output may then command your terminal.")
@click.option("--explain", is_flag=True, help="Say below each error code what it means, and what helps.")
@click.option("--force-colors", "forced", is_flag=True, help="Colours also where this is no terminal.")
@click.option("--no-color", "--no-colors", "plain", is_flag=True, help="No colours.")
def show(
    invocation: Invocation,
    lines: int,
    tail: bool,
    which_ps: str | None,
    which_dyno: str | None,
    source: str | None,
    grep: str | None,
    request_id: str | None,
    since: str | None,
    raw: bool,
    explain: bool,
    forced: bool,
    plain: bool,
) -> None:
    """Print an app's recent log lines, those of its dynos and of the platform; with --tail go on until Ctrl-C.

    With --grep, --request-id or --since look through all that is kept, some days of it: the last lines that match.
    """
    if which_ps and which_dyno and which_ps != which_dyno:
        raise UsageFailure("cannot filter by both --ps and --dyno: give one of them")
    body: dict[str, Any] = {"lines": lines, "tail": tail}
    if dyno := which_dyno or which_ps:
        body["dyno"] = dyno
    searched = {"grep": grep, "request_id": request_id, "since": _instant(since) if since else None}
    body |= {name: value for name, value in {"source": source, **searched}.items() if value}
    if tail and any(searched.values()):
        raise UsageFailure(
            "cannot search and tail at once: to follow what comes, pipe --tail into grep --line-buffered"
        )
    if dyno and tail:
        _warn_of_nobody(invocation, dyno)
    shown = follow(invocation, body, coloured=not plain and _coloured(forced), explain=explain, raw=raw)
    if dyno and not tail and not shown:
        _warn_of_nobody(invocation, dyno)


def _warn_of_nobody(invocation: Invocation, name: str) -> None:
    """Say so when the app has no dyno and no process type of this name and, as far as lines are kept, never had."""
    from celadon.cli import suggestions

    # That it cannot be looked for is no news: the user reads what there is.
    with contextlib.suppress(Failure):
        types = sorted(one["type"] for one in invocation.client.all(f"{invocation.app_path}/formation"))
        if name in _PLATFORMS or name in types or _has_lines(invocation, name):
            return
        if any(name in (dyno["name"], dyno["type"]) for dyno in invocation.client.all(f"{invocation.app_path}/dynos")):
            return
        noun = "process type" if len(types) == 1 else "process types"
        there = f"the {noun} {', '.join(types)}" if types else f"no {noun}: nothing has been deployed yet"
        nearest = suggestions.sentence(suggestions.near(name, types))
        warn([f"There are no lines of {name}. {invocation.app} has {there}.", *nearest])


def _has_lines(invocation: Invocation, name: str) -> bool:
    body = {"lines": 1, "tail": False, "dyno": name}
    session = invocation.client.post(f"{invocation.app_path}/log-sessions", body)
    return any(True for _ in Stream(invocation.platform, session["logplex_url"], tail=False).lines())


def _instant(text: str) -> str:
    """A time as the API takes it, from `10m` or a time of this machine; raises UsageFailure."""
    if ago := re.fullmatch(r"(\d{1,6})([smhd])", text):
        seconds = int(ago[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[ago[2]]
        return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise UsageFailure(f"cannot read --since {text}: write 10m, 2h, 3d, or a time as 2026-11-29T05:00") from None


def follow(
    invocation: Invocation,
    body: dict[str, Any],
    *,
    coloured: bool | None = None,
    explain: bool = False,
    raw: bool = False,
) -> int:
    """Print the lines of one log session, and return their number; a tail that breaks goes on where it was."""
    painter = Painter() if (_coloured(False) if coloured is None else coloured) else None
    explainer = Explainer() if explain else None
    session = invocation.client.post(f"{invocation.app_path}/log-sessions", body)
    if body["tail"]:
        output.end_with_reader()
    count = 0
    for line in Stream(invocation.platform, session["logplex_url"], tail=body["tail"], raw=raw).lines():
        count += 1
        print(painter.paint(line) if painter else line, flush=body["tail"])
        for said in explainer.explain(line) if explainer else ():
            print(said, flush=body["tail"])
    return count


class Stream:
    """A log session as server-sent events; a tail is connected to again from the last event that was seen."""

    def __init__(self, platform: Platform, url: str, *, tail: bool, raw: bool = False) -> None:
        self._platform = platform
        self._url = f"{url}{'&' if '?' in url else '?'}raw=true" if raw else url
        self._raw = raw
        self._tail = tail
        self._last = ""
        self._connected_before = False
        self._failures = 0

    def lines(self) -> Iterator[str]:
        """Until the session ends; raises Failure."""
        while True:
            try:
                for line in self._connection():
                    # The platform sends them so; one that does not is not to command a terminal either.
                    yield line if self._raw else logline.cleaned(line)
            except (OSError, http.client.HTTPException) as error:
                # What has been printed of a backlog cannot be told from the rest: only a tail goes on where it was.
                again = self._tail or not self._connected_before
                if not again or self._failures >= (_TRIES if self._connected_before else len(_WAITS)):
                    raise transport.failure(self._platform, error) from None
            else:
                if not self._tail:
                    return
            time.sleep(_WAITS[min(self._failures, len(_WAITS) - 1)])
            self._failures += 1

    def _connection(self) -> Iterator[str]:
        """The lines of one connection."""
        connection, path = transport.open_connection(self._platform, self._url)
        try:
            connection.sock.settimeout(_SILENCE_SECONDS)
            headers = {"Accept": "text/event-stream", "Cache-Control": "no-cache"}
            if self._last:
                headers["Last-Event-ID"] = self._last
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            self._check(answer)
            self._connected_before = True
            yield from self._events(answer)
        finally:
            connection.close()

    def _check(self, answer: http.client.HTTPResponse) -> None:
        if answer.status in (204, 403, 404, 410):
            if not self._connected_before:
                raise Failure("Log stream timed out. Please try again.")
            raise Failure("The log session has ended. Run the command again to go on.")
        if answer.status == 422:
            raise Failure(json.loads(answer.read())["message"])
        if answer.status >= 500:
            raise ConnectionResetError(f"the log stream answered {answer.status}")
        if answer.status != 200:
            raise Failure(f"cannot read the logs: the log stream answered {answer.status}")

    def _events(self, answer: http.client.HTTPResponse) -> Iterator[str]:
        plain = not answer.headers.get_content_type().endswith("event-stream")
        event: list[str] = []
        identity = kind = None
        for received in answer:
            line = received.decode("utf-8", "replace").rstrip("\r\n")
            self._failures = 0
            if plain:
                yield line
            elif not line:
                if kind == "end":
                    raise Failure(f"The log stream has ended: {_why(''.join(event))}.")
                yield from event
                self._last = identity or self._last
                event, identity, kind = [], None, None
            else:
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if name == "data":
                    event.append(_unquoted(value) if self._raw and kind is None else value)
                elif name == "id":
                    identity = value
                elif name == "event":
                    kind = value
        # Reading lines takes a connection that breaks for the end; what is left of a chunk or of the length tells.
        if isinstance(getattr(answer, "chunk_left", None), int) or answer.length:
            raise ConnectionResetError("the log stream broke off")


def _why(data: str) -> str:
    """What a platform says of the end of a tail."""
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "the platform does not say why"


def _unquoted(value: str) -> str:
    """A line as it was written; a platform that knows no `raw` sends it without the quotes of JSON."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, str) else value


class Painter:
    """A colour for each source, the same for all its dynos."""

    def __init__(self) -> None:
        self._colours: dict[str, int] = {}

    def paint(self, line: str) -> str:
        match = _HEADER.match(line)
        if match is None:
            return line
        colour = self._colours.setdefault(match[2], _PALETTE[len(self._colours) % len(_PALETTE)])
        return f"\x1b[{colour}m{match[1]}\x1b[0m{match[4]}"


def _coloured(forced: bool) -> bool:
    switched_off = os.environ.get("HEROKU_LOGS_COLOR") == "0"
    return output.coloured(sys.stdout, forced=forced) and (forced or not switched_off)
