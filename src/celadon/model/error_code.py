"""The platform's error codes: what each means, and what helps. The only table of them; the router's lines have its names."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCode:
    """`name` is what the log says, `meaning` and `remedy` are sentences for whose app it is.

    One with `fault` False is no error of anybody's.
    """

    code: str
    name: str
    meaning: str
    remedy: str
    fault: bool = True


def _code(code: str, name: str, meaning: str, remedy: str, fault: bool = True) -> tuple[str, ErrorCode]:
    return code, ErrorCode(code=code, name=name, meaning=meaning, remedy=remedy, fault=fault)


_OPERATOR = "Tell the operator, with the request id or the time of the line."

CODES: Mapping[str, ErrorCode] = dict(
    (
        _code(
            "H10",
            "App crashed",
            "All web dynos have crashed.",
            "Read the log before the first H10; mend it or roll back, then restart the dynos.",
        ),
        _code(
            "H11",
            "Backlog too deep",
            "More requests wait for the web dynos than the app’s queue holds.",
            "Add web dynos, or make requests faster.",
        ),
        _code(
            "H12",
            "Request timeout",
            "A dyno did not begin its answer within 30 seconds; it goes on working.",
            "Move slow work to a worker dyno, and limit how long databases and other services may take.",
        ),
        _code(
            "H13",
            "Connection closed without response",
            "A dyno took the request and closed the connection without a byte of answer.",
            "Look for a crash in the dyno’s lines; a time-out of the app’s server may be too short.",
        ),
        _code("H14", "No web processes running", "No web dyno is wanted.", "Scale web to one or more."),
        _code(
            "H15",
            "Idle connection",
            "Nothing came from either side for 55 seconds after the answer began.",
            "Send something now and then: a comment in a stream of events, a ping in a WebSocket.",
        ),
        _code(
            "H17",
            "Poorly formatted HTTP response",
            "What a dyno answered is no HTTP.",
            "Look at the server the app runs on, and at the headers that it sets.",
        ),
        _code(
            "H18",
            "Server request interrupted",
            "A dyno closed the connection in the middle of its answer.",
            "Read the dyno’s lines at that time: it may have crashed or been out of memory.",
        ),
        _code(
            "H19",
            "Backend connection timeout",
            "Connecting to a dyno took longer than 5 seconds.",
            "The dyno is overloaded: add web dynos or take a larger size.",
        ),
        _code(
            "H20",
            "App boot timeout",
            "A request waited 75 seconds for the first dyno to start.",
            "Listen on $PORT first, and do slow work after that.",
        ),
        _code(
            "H21",
            "Backend connection refused",
            "No web dyno took the connection.",
            "Look whether the server still listens; add web dynos if it is overloaded.",
        ),
        _code(
            "H22",
            "Connection limit reached",
            "The app had too many requests at once.",
            "More dynos do not help here: make requests faster, or ask the operator for a higher limit.",
        ),
        _code(
            "H23",
            "Endpoint misconfigured",
            "The host name is known, but its app cannot be found.",
            "Compare the app’s domains with your DNS.",
        ),
        _code(
            "H24",
            "Forced close",
            "The router was replaced, and the connection outlived that by ten minutes.",
            "Let clients connect again.",
        ),
        _code(
            "H25",
            "HTTP restriction",
            "The head of an answer was longer than 16 kB or had more than 101 fields.",
            "Send fewer and shorter headers; most often it is cookies.",
        ),
        _code(
            "H26",
            "Request error",
            "A client sent what is against the rules of HTTP; it got 400.",
            "Nothing in the app: the client is to be mended.",
        ),
        _code(
            "H27",
            "Client request interrupted",
            "The client went away before the answer.",
            "Nothing, unless there are many: then requests are slow.",
        ),
        _code(
            "H28",
            "Client connection idle",
            "The client sent nothing for 55 seconds in the middle of its request.",
            "Nothing in the app: the client’s line was slow or broke.",
        ),
        _code(
            "H31",
            "Misdirected request",
            "The name in TLS and the host of the request are of different apps; it got 421.",
            "Nothing in the app: the client is to use the same name for both.",
        ),
        _code(
            "H80",
            "Maintenance mode",
            "The app is in maintenance mode.",
            "Switch it off when the work is done.",
            fault=False,
        ),
        _code("H81", "Blank app", "Nothing has been deployed yet.", "Push code to it."),
        _code("H99", "Platform error", "Something of the platform’s went wrong.", _OPERATOR),
        _code(
            "R10",
            "Boot timeout",
            "A web dyno did not listen on $PORT within 60 seconds.",
            "Listen on 0.0.0.0 and $PORT early, and do slow work after that.",
        ),
        _code(
            "R11",
            "Bad bind",
            "A web dyno listens elsewhere than at 0.0.0.0 and $PORT; the line says where.",
            "Let the server use $PORT, on all addresses.",
        ),
        _code(
            "R12",
            "Exit timeout",
            "Processes were left 30 seconds after SIGTERM, and were killed.",
            "End on SIGTERM, and hand it on to what the app starts.",
        ),
        _code("R13", "Attach error", "Nobody came to a dyno that waited for its terminal.", "Run it again."),
        _code(
            "R14",
            "Memory quota exceeded",
            "A dyno uses more memory than its size has; it goes on, perhaps slowly.",
            "Find what grows, run fewer workers in a dyno, or take a larger size.",
        ),
        _code(
            "R15",
            "Memory quota vastly exceeded",
            "A dyno used more than three times its size’s memory, and was killed.",
            "Find the leak, or take a larger size.",
        ),
        _code(
            "R16",
            "Detached",
            "The client of a one-off dyno left, and the dyno went on after SIGHUP.",
            "Use run:detached for what is to outlive you.",
        ),
        _code(
            "R17",
            "Checksum error",
            "The slug on disk is not the one that was built.",
            "Push again, and tell the operator.",
        ),
        _code("R99", "Platform error", "A dyno could not be started, or nobody saw how it ended.", _OPERATOR),
        _code(
            "L10",
            "Drain buffer overflow",
            "A drain takes lines more slowly than they come; it was told how many it has not got.",
            "Give the receiver more room, or send less: see celadon drains.",
        ),
        _code("L11", "Tail buffer overflow", "A logs --tail was too slow for what came.", "Ask for fewer lines."),
        _code(
            "L12",
            "Local buffer overflow",
            "A dyno wrote faster than its lines could be read; some are lost.",
            "Log less.",
        ),
        _code(
            "L13",
            "Local delivery error",
            "Lines were lost before they reached the log; the line says how many.",
            "Tell the operator: most often a disk is full.",
        ),
        _code(
            "L14",
            "Certificate error",
            "The certificate of a drain’s receiver cannot be verified; it gets no lines.",
            "Mend the certificate: celadon drains says what is wrong with it.",
        ),
    )
)


def known(code: str) -> ErrorCode:
    """What a code means; one that nobody knows is the platform's fault."""
    return CODES.get(code) or ErrorCode(
        code=code, name="Unknown error", meaning="Nobody wrote down what this is.", remedy=_OPERATOR
    )
