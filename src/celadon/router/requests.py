"""One request as HAProxy tells it → one line of the app's log, in Heroku's words.

The raw line (see `log-format` in haproxy.cfg) has seventeen fields of our own without blanks, then what the client sent:
method, path, host, request id and the forwarded-for list, quoted by HAProxy. Only the first seventeen are understood;
the rest is passed on as it is, so that no client can forge a field.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from celadon.model import routing
from celadon.router import haproxy

_WORD = b"request "
_WAITS = re.compile(rb"^waits ([0-9a-f-]{1,40}) (\d{1,12})\Z")
_FIELDS = 17
# HAProxy's words for "no value" and "no server".
NONE = "-"
_NO_SERVER = "<NOSRV>"

# Termination state (who ended it, in which phase) → code, when the dyno has not answered, and when it has begun to.
_UNANSWERED = {
    **{"sQ": "H11", "sH": "H12", "SH": "H13", "PH": "H17", "sC": "H19"},
    **{"CR": "H27", "CQ": "H27", "CC": "H27", "CH": "H27", "CD": "H27", "CL": "H27"},
    **{"cR": "H28", "cH": "H28", "cD": "H28"},
    # Ended by us, since the dyno is gone: before a connection, in its backlog, or while it should have answered.
    **{f"{who}{when}": "H13" for who in "KDU" for when in "QCH"},
}
_ANSWERED = {
    **{"sD": "H15", "cD": "H15", "cL": "H15", "sL": "H15"},
    **{"SD": "H18", "PD": "H18", "KD": "H18", "DD": "H18", "UD": "H18", "SL": "H18"},
    **{"CD": "H27", "CL": "H27", "CH": "H27"},
    **{"LD": "H99", "ID": "H99", "RD": "H99"},
}
# Nobody is there to be answered: nginx's number for it, as Heroku writes it.
_CLIENT_GONE = 499


class Request(msgspec.Struct, frozen=True, gc=False):
    """The fields of our own of one raw line, in its order; times in milliseconds, -1 where a phase was not reached.

    A Struct and not a dataclass: one is made for each request of every app, and takes a fifth of the time.
    """

    app_id: str
    at: int
    count: int
    state: str
    status: int
    backend: str
    server: str
    route: str
    answered: bool
    protocol: str
    connect: int
    queue: int
    header: int
    active: int
    sent: int
    retries: str
    stopping: bool


def is_request(line: bytes) -> bool:
    """Whether a line tells of a request; HAProxy also tells of itself."""
    return line.startswith(_WORD)


def waiting(line: bytes) -> tuple[str, int] | None:
    """App id and the second since which a request of it waits for a dyno, when a line says so (see boot.lua)."""
    found = _WAITS.match(line)
    return (found[1].decode("ascii"), int(found[2])) if found else None


def parse(line: bytes) -> tuple[Request, bytes]:
    """Our fields, and the client's as they are; raises ValueError when the line is none of ours."""
    # Decoded at once, and back: a third of the time of field by field.
    fields = line[len(_WORD) :].decode("latin-1").split(" ", _FIELDS)
    if len(fields) != _FIELDS + 1 or not line.startswith(_WORD):
        raise ValueError(f"cannot read a request line: {len(fields)} fields")
    (app, at, count, state, status, backend, server, route, answered, protocol, *times, retries, stopping, client) = (
        fields
    )
    connect, queue, header, active, sent = map(int, times)
    request = Request(
        app,
        int(at),
        int(count),
        state,
        int(status if answered == NONE else answered),
        backend,
        server,
        route,
        answered != NONE,
        protocol,
        connect,
        queue,
        header,
        active,
        sent,
        retries,
        stopping == "1",
    )
    return request, client.encode("latin-1")


def code(request: Request, idle_timeout: float) -> str | None:
    """The H code of a request; None when all went well, which an error of the app's own is."""
    if request.route.startswith("H"):
        return request.route
    if request.stopping and request.state[0] == "K" and request.active >= haproxy.OUTLIVES_RELOAD * 1000:
        return "H24"
    if request.answered:
        return _answered_code(request, idle_timeout)
    if request.state == "SC":
        # A server that was tried refused; a slot without any that could be tried has all of them marked down.
        return "H21" if request.server != _NO_SERVER or request.backend == request.route else "H99"
    found = _UNANSWERED.get(request.state)
    if found is None and request.status >= 500:
        return "H99"
    return found


def _answered_code(request: Request, idle_timeout: float) -> str | None:
    if request.status == 101:
        # A WebSocket ends when one side closes it; only silence is an error.
        return "H15" if request.state in ("sD", "cD") or _idle(request, idle_timeout) else None
    found = _ANSWERED.get(request.state)
    return "H15" if found == "H27" and _idle(request, idle_timeout) else found


def _idle(request: Request, idle_timeout: float) -> bool:
    # HAProxy 3.0 takes the end of its own idle timer in a response for the client's leaving; what lasted less was one.
    return request.state == "CD" and request.active - request.header >= idle_timeout * 1000


def record(request: Request, client: bytes, idle_timeout: float) -> bytes:
    """The log record: what `celadon logs` shows as `heroku[router]: at=info method=GET path="/" …`."""
    found = code(request, idle_timeout)
    if found is None:
        word = "at=info"
    else:
        level = "info" if found in routing.NO_ERROR else "error"
        word = f'at={level} code={found} desc="{routing.DESCRIPTIONS[found]}"'
    status = _CLIENT_GONE if found in ("H27", "H28") and not request.answered else request.status
    head = f"{stamp(request.at)} stdout F {word} "
    tail = f" {_dyno_part(request)} status={status} bytes={request.sent} protocol={request.protocol}\n"
    return head.encode("ascii") + _clean(client) + tail.encode("latin-1")


def _dyno_part(request: Request) -> str:
    if request.server == _NO_SERVER:
        return "dyno= connect= service="
    dyno = routing.dyno_name(request.server)
    spent = max(0, request.active - max(0, request.header))
    if request.connect < 0:
        return f"dyno={dyno} connect={spent}ms service="
    service = max(0, spent - request.connect - max(0, request.queue))
    return f"dyno={dyno} connect={request.connect}ms service={service}ms"


def _clean(client: bytes) -> bytes:
    # HAProxy escapes `]` for syslog's sake. It has no line breaks in it; one that came nevertheless must not make a line.
    if b"\\" in client:
        client = client.replace(b"\\]", b"]")
    return client if client.isascii() and client.find(b"\n") < 0 and client.find(b"\r") < 0 else _printable(client)


def _printable(client: bytes) -> bytes:
    return bytes(byte if 32 <= byte < 127 else 63 for byte in client)


def stamp(microseconds: int) -> str:
    """A time since the epoch as a record has it."""
    second, rest = divmod(microseconds, 1_000_000)
    return f"{_second(second)}.{rest:06d}000+00:00"


@lru_cache(maxsize=16)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
