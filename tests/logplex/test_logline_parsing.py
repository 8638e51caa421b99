"""Records to lines: joined, split, ordered, safe to read."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.model import logline
from celadon.model.logline import Source

WEB = Source(source="app", ps="web.1")
TIME = b"2026-11-23T10:13:57.821929693+00:00"


def conmon(text: bytes, kind: bytes = b"F", stream: bytes = b"stdout", time: bytes = TIME) -> bytes:
    return time + b" " + stream + b" " + kind + b" " + text + b"\n"


def messages(lines: list[bytes]) -> list[bytes]:
    start = len(b"2026-11-23T10:13:57.821929+00:00 app[web.1]: ")
    assert all(line.endswith(b"\n") for line in lines)
    return [line[start:-1] for line in lines]


def test_full_record_becomes_a_line_with_time_and_header() -> None:
    assert logline.rendered(conmon(b"hello"), WEB, {}).lines == [
        b"2026-11-23T10:13:57.821929+00:00 app[web.1]: hello\n"
    ]


def test_parts_are_joined_by_stream_though_the_other_stream_speaks_between_them() -> None:
    block = conmon(b"one ", b"P") + conmon(b"warning", stream=b"stderr") + conmon(b"line")
    assert messages(logline.rendered(block, WEB, {}).lines) == [b"warning", b"one line"]


def test_open_part_waits_for_the_next_block_and_keeps_its_time() -> None:
    first = logline.rendered(conmon(b"Loading", b"P"), WEB, {})
    assert first.lines == []
    later = logline.rendered(conmon(b" done", time=TIME.replace(b"13:57", b"14:59")), WEB, first.parts)
    assert later.lines == [b"2026-11-23T10:13:57.821929+00:00 app[web.1]: Loading done\n"]
    assert later.parts == {}


def test_flushed_part_is_a_line() -> None:
    parts = logline.rendered(conmon(b"Password: ", b"P"), WEB, {}).parts
    assert messages(logline.flushed(WEB, parts)) == [b"Password: "]


def test_other_zone_becomes_utc() -> None:
    block = conmon(b"x", time=b"2026-11-23T11:13:57.821929693+01:00")
    assert logline.rendered(block, WEB, {}).lines[0].startswith(b"2026-11-23T10:13:57.821929+00:00 ")


def test_malformed_records_are_counted_and_passed_over() -> None:
    rendering = logline.rendered(conmon(b"a") + b"garbage\n\n" + conmon(b"b"), WEB, {})
    assert messages(rendering.lines) == [b"a", b"b"]
    assert rendering.malformed == 1


def test_long_line_is_split_between_characters() -> None:
    text = ("ü" * 12_345).encode()
    found = messages(logline.rendered(conmon(text), WEB, {}).lines)
    assert b"".join(found) == text
    assert [len(piece) for piece in found] == [10_000, 10_000, 4_690]
    odd = messages(logline.rendered(conmon(b"x" + text), WEB, {}).lines)
    assert [piece.decode() for piece in odd] and len(odd[0]) == 9_999


@given(st.binary(max_size=5_000))
def test_no_bytes_break_the_parser(block: bytes) -> None:
    rendering = logline.rendered(block + b"\n", WEB, {})
    assert all(line.endswith(b"\n") for line in rendering.lines)
    logline.readable(b"".join(rendering.lines))


message = st.binary(max_size=300).map(lambda text: text.replace(b"\n", b" "))


@given(st.lists(st.tuples(message, st.sampled_from([b"stdout", b"stderr"]), st.lists(st.integers(1, 40), max_size=3))))
def test_lines_cut_into_parts_and_blocks_anywhere_come_out_whole(cuts: list[tuple[bytes, bytes, list[int]]]) -> None:
    records = []
    for text, stream, sizes in cuts:
        rest = text
        for size in sizes:
            if len(rest) > size:
                records.append(conmon(rest[:size], b"P", stream))
                rest = rest[size:]
        records.append(conmon(rest, b"F", stream))
    at_once = logline.rendered(b"".join(records), WEB, {})
    one_by_one, parts = [], {}
    for record in records:
        rendering = logline.rendered(record, WEB, parts)
        one_by_one += rendering.lines
        parts = rendering.parts
    assert messages(at_once.lines) == messages(one_by_one) == [text for text, _, _ in cuts]
    assert parts == at_once.parts == {}


@given(st.text())
def test_written_records_are_read_back_as_lines(text: str) -> None:
    now = datetime(2026, 11, 23, 10, 13, 57, 821929, tzinfo=UTC)
    rendering = logline.rendered(logline.record(text, now), WEB, {})
    assert rendering.malformed == 0
    assert rendering.lines == logline.line(WEB, text, now).splitlines(keepends=True)
    assert len(rendering.lines) == max(len(text.splitlines()), 1)


def test_record_of_the_platform_is_split_too() -> None:
    now = datetime.now(UTC)
    found = messages(logline.rendered(logline.record("y" * 25_000, now), WEB, {}).lines)
    assert [len(piece) for piece in found] == [10_000, 10_000, 5_000]


@given(st.binary())
def test_readable_has_no_control_characters_but_tab_and_newline(block: bytes) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", logline.readable(block))


def test_readable_shows_what_it_defangs() -> None:
    assert logline.readable(b"\x1b[31mred\x00\tz\x7f\xff\r\n") == "^[[31mred^@\tz^?\ufffd\n"
    assert logline.readable("ä\x9b日本\uffff\n".encode()) == "ä\ufffd日本\uffff\n"


HEADERS = ["app[web.1]", "app[web.12]", "heroku[web.1]", "app[website.1]", "heroku[router]", "app[heroku-postgres]"]


@pytest.mark.parametrize(
    ("source", "dyno", "found"),
    [
        (None, "web", ["app[web.1]", "app[web.12]", "heroku[web.1]"]),
        (None, "web.1", ["app[web.1]", "heroku[web.1]"]),
        ("app", "web.1", ["app[web.1]"]),
        ("heroku", None, ["heroku[web.1]", "heroku[router]"]),
        (None, "router", ["heroku[router]"]),
        (None, "postgres", ["app[heroku-postgres]"]),
        (None, "heroku-postgres", ["app[heroku-postgres]"]),
        (None, "w.b", []),
        ("(", None, []),
    ],
)
def test_filters_find_their_lines(source: str | None, dyno: str | None, found: list[str]) -> None:
    block = "".join(f"2026-11-23T10:13:57.821929+00:00 {header}: heroku[router]: x\n" for header in HEADERS)
    pattern = logline.pattern(source, dyno)
    assert pattern is not None
    lines = [line.split(b" ")[1].decode()[:-1] for line in pattern.findall(block.encode())]
    assert lines == found


_NAMES = st.sampled_from(
    ["web", "web.1", "worker", "heroku-postgres", "postgres", "a(b", "x|y", "[", "\\", "^", "-p.12"]
)


@given(source=st.sampled_from([None, "app", "heroku"]), dyno=_NAMES, ps=_NAMES, who=st.sampled_from(["app", "heroku"]))
def test_grep_finds_what_the_pattern_finds(source: str | None, dyno: str, ps: str, who: str) -> None:
    line = f"2026-11-23T10:13:57.821929+00:00 {who}[{ps}]: the message app[web.1]: \n"
    pattern = logline.pattern(source, dyno)
    assert pattern is not None
    # The dialect of grep -E, as far as the expression uses it, is Python's too.
    assert bool(re.match(logline.expression(source, dyno), line)) == bool(pattern.match(line.encode()))


def test_no_filter_is_no_pattern() -> None:
    assert logline.pattern(None, None) is None
    assert logline.pattern("", "") is None
