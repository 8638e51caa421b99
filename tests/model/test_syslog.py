"""Frames of add-on providers."""

import pytest

from celadon.model import syslog
from celadon.model.syslog import FrameError

_HEAD = b"<134>1 2026-01-01T00:00:00.5+00:00 host notes notes - "


def framed(*lines: bytes) -> bytes:
    return b"".join(str(len(line)).encode() + b" " + line for line in lines)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (_HEAD + b"- made\n", "made"),
        (_HEAD + b'[a@1 b="x\\]y"][c] made', "made"),
        (_HEAD + b"made", "made"),
        (_HEAD + b"-", ""),
        (_HEAD + "- Grüße\n und mehr".encode(), "Grüße\n und mehr"),
        (_HEAD + b"- \xff", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_the_message_of_a_frame(line: bytes, message: str) -> None:
    assert syslog.messages(framed(line)) == [message]


def test_several_frames() -> None:
    assert syslog.messages(framed(_HEAD + b"- one", _HEAD + b"- two")) == ["one", "two"]
    assert syslog.messages(b"") == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"made", "frame 1: it does not begin with its length"),
        (framed(_HEAD + b"- one")[:-1], "frame 1: it is no line of syslog"),
        (framed(_HEAD + b"- one") + b"7 garbage", "frame 2: it is no line of syslog"),
        (framed(_HEAD + b"x" * syslog.LONGEST_FRAME), "frame 1: it is longer than 65,536 bytes"),
        (framed(_HEAD + b"- x") * 1001, "1,000 at once"),
    ],
)
def test_what_is_no_frame_is_said(content: bytes, said: str) -> None:
    with pytest.raises(FrameError, match=said):
        syslog.messages(content)
