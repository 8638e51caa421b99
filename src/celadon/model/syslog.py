"""Syslog frames: RFC 5424 lines, each with its length in bytes before it (RFC 6587), as add-on providers send them to us
and we send them to drains.
"""

import re

# Bytes of one frame, and frames of one request.
LONGEST_FRAME = 64 << 10
MOST_FRAMES = 1000

_LENGTH = re.compile(rb"(\d{1,7}) ")
# <priority>version time host app process message-id, then structured data (which Logplex leaves out), then the message.
_FRAME = re.compile(
    rb"<\d{1,3}>\d{0,2} \S+ \S+ \S+ \S+ \S+(?: (?:-|(?:\[(?:[^\]\\]|\\.)*\])+)(?=[ \n]|\Z))?(?: (.*))?", re.DOTALL
)


# A rendered line (`celadon.model.logline`) in parts: time, source, process, message with its newline.
_RENDERED = re.compile(rb"(\S+) ([a-z]+)\[([^]\n]*)\]: ?(.*\n)")
# Facility and severity as Heroku's receivers know them: local7.info, local3.info, syslog.notice.
_APP, _ROUTER, _PLATFORM = b"<190>1 ", b"<158>1 ", b"<45>1 "


class FrameError(Exception):
    """Bytes that are no frames; the message says which and why."""


def messages(content: bytes) -> list[str]:
    """The message of each frame, without the newline at its end. Raises FrameError."""
    found, at = list[str](), 0
    while at < len(content):
        where = f"cannot read frame {len(found) + 1}"
        length = _LENGTH.match(content, at)
        if length is None:
            raise FrameError(f"{where}: it does not begin with its length in bytes and a blank")
        start, size = length.end(), int(length[1])
        if size > LONGEST_FRAME:
            raise FrameError(f"{where}: it is longer than {LONGEST_FRAME:,} bytes")
        frame = _FRAME.fullmatch(content[start : start + size])
        if start + size > len(content) or frame is None:
            raise FrameError(f"{where}: it is no line of syslog (RFC 5424) of its length")
        if len(found) == MOST_FRAMES:
            raise FrameError(f"cannot take so many frames: {MOST_FRAMES:,} at once are the most")
        found.append((frame[1] or b"").decode("utf-8", "replace").rstrip("\n"))
        at = start + size
    return found


def frames(block: bytes, hostname: str, *, http: bool) -> list[bytes]:
    """The frames of whole rendered lines. To a drain by HTTP Logplex sends neither message id nor structured data, and
    `host` for a host name; to syslog it sends both as nil, and the drain's token for one.
    """
    host = f" {hostname} ".encode()
    gap = b" - " if http else b" - - "
    found = []
    for time, source, process, message in _RENDERED.findall(block):
        priority = _APP if source == b"app" else _ROUTER if process == b"router" else _PLATFORM
        text = priority + time + host + source + b" " + process + gap + message
        found.append(b"%d %s" % (len(text), text))
    return found
