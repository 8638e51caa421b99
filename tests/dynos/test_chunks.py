"""Output as clients that look at one chunk at a time want it."""

import pytest

from celadon.dynos import status_line
from celadon.dynos.chunks import Chunks

MARK = status_line.MARK.encode()
LINE = MARK + f" {status_line.NAME}7\r\n".encode()


def cut(blocks: list[bytes], *, status: bool = False, line_ends: bool = False) -> list[bytes]:
    chunks = Chunks(status=status, line_ends=line_ends)
    found = [chunk for block in blocks for chunk in chunks.feed(block)]
    return [*found, chunks.rest()] if chunks.rest() else found


@pytest.mark.parametrize("at", range(len(LINE) + 1))
def test_status_is_whole_and_a_chunk_of_its_own_wherever_blocks_end(at: int) -> None:
    whole = b"no line end" + LINE
    at += len(b"no line end")
    chunks = cut([whole[:at], whole[at:]], status=True, line_ends=True)
    assert b"".join(chunks) == whole
    assert [chunk for chunk in chunks if MARK in chunk] == [LINE]


def test_status_of_a_command_that_told_it_without_a_line_end_is_not_lost() -> None:
    assert cut([b"said ", MARK], status=True) == [b"said ", MARK]


def test_what_only_begins_like_a_status_goes_on() -> None:
    block = b"said " + MARK + b"x" * 65
    assert cut([block], status=True) == [b"said ", block[5:]]
    assert cut([MARK[:2], b"\xbe"], status=True) == [MARK[:2] + b"\xbe"]


def test_no_chunk_ends_inside_a_line_end() -> None:
    assert cut([b"one\r", b"\ntwo\r", b"three\r"], line_ends=True) == [b"one", b"\r\ntwo", b"\rthree", b"\r"]


def test_without_wishes_blocks_stay_as_they_are() -> None:
    blocks = [b"one\r", b"\n" + MARK, LINE]
    assert cut(blocks) == blocks
