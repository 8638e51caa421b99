"""Channels: merged in time order, bounded, exact after a crash."""

import itertools
import os
import random
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from celadon.logplex import segments as segments_module
from celadon.logplex import sources
from celadon.logplex.channel import PART_SECONDS, Channel, EventLine
from celadon.logplex.journal import Journal, Position, State
from celadon.logplex.segments import Segments
from celadon.logplex.sources import Births
from celadon.model import logline
from celadon.model.logline import Part, Source
from celadon.store.lines import Lines

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
DYNO = "0f1e2d3c-0000-4000-8000-000000000001"
WEB = Source(source="app", ps="web.1")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def open_channel(home: Path, window: int = 8 << 20, clock: Callable[[], float] | None = None) -> Channel:
    channel = Channel("app-1", home / "logs", home / "logplex", window, clock or Clock())
    channel.open()
    return channel


def content(channel: Channel) -> bytes:
    found, position = b"", channel.first
    while position < channel.end:
        start, block = channel.read(position, 64 << 10)
        found, position = found + block, start + len(block)
    return found


def texts(channel: Channel) -> list[str]:
    return [line.split("]: ", 1)[1] for line in content(channel).decode().splitlines()]


def dyno_file(home: Path, ps: str = "web.1", dyno_id: str = DYNO) -> Path:
    return Lines(home).path("app-1", Source(source="app", ps=ps), dyno_id)


def conmon_records(*messages: str, at: float = 0.0, step: float = 0.001) -> bytes:
    return b"".join(
        logline.record(message, START + timedelta(seconds=at + number * step))
        for number, message in enumerate(messages)
    )


def born(path: Path, count: int) -> Births:
    return Births(names=Counter({path.name: count}))


def append(path: Path, records: bytes) -> None:
    with path.open("ab") as file:
        file.write(records)


def rotate(path: Path, records: bytes = b"") -> None:
    """As conmon: a new inode takes the name, the old one is gone."""
    new = path.with_name(path.name + ".tmp")
    new.write_bytes(records)
    new.rename(path)


def test_lines_of_all_sources_are_merged_by_time(tmp_path: Path) -> None:
    append(dyno_file(tmp_path), conmon_records("a", "c", "e", step=2.0))
    append(dyno_file(tmp_path, "worker.1"), conmon_records("b", "d", at=1.0, step=2.0))
    events = [
        EventLine(seq=7, line=logline.line(Source(source="app", ps="api"), "api", START + timedelta(seconds=3.5)))
    ]
    channel = open_channel(tmp_path)
    channel.advance(None, events)
    assert texts(channel) == ["a", "b", "c", "d", "api", "e"]


def test_after_a_pause_long_files_and_short_ones_are_still_in_the_order_of_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "READ_LIMIT", 4096)
    monkeypatch.setattr(sources, "_LEAST", 4096)
    for number, ps in enumerate(("web.1", "web.2", "worker.1"), 1):
        count = 300 * number
        append(dyno_file(tmp_path, ps), conmon_records(*[f"{ps} {n}" for n in range(count)], step=1.0 / number))
    channel = open_channel(tmp_path)
    while channel.advance(None).more:
        pass
    lines = content(channel).splitlines()
    assert len(lines) == 1800
    assert [line[:26] for line in lines] == sorted(line[:26] for line in lines)


def test_rotated_file_is_finished_before_the_new_one(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("1", "2"))
    channel = open_channel(tmp_path)
    channel.advance(born(path, 1))
    append(path, conmon_records("3", at=1.0))
    rotate(path, conmon_records("4", "5", at=2.0))
    channel.advance(born(path, 1))
    assert texts(channel) == ["1", "2", "3", "4", "5"]


def test_file_rotated_while_nobody_looked_is_finished_after_a_restart(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("1"))
    open_channel(tmp_path).advance(None)
    append(path, conmon_records("2", at=1.0))
    rotate(path, conmon_records("3", at=1.5))
    channel = open_channel(tmp_path)
    channel.advance(None)
    assert texts(channel) == ["1", "2", "3"]


def test_files_rotated_away_unseen_are_counted_and_said(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("1", "2", "3"))
    channel = open_channel(tmp_path)
    channel.advance(born(path, 1))
    rotate(path, conmon_records("never seen"))
    rotate(path, conmon_records("nor this"))
    rotate(path, conmon_records("4", at=9.0))
    channel.advance(born(path, 3))
    channel.advance(Births(names=Counter()))
    assert "Error L12 (Local buffer overflow): about 6 lines of app[web.1] dropped" in texts(channel)
    assert [text for text in texts(channel) if len(text) == 1] == ["1", "2", "3", "4"]
    assert sum("L12" in text for text in texts(channel)) == 1


def test_a_file_that_came_and_went_between_the_telling_of_two_births_is_said(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("1"))
    channel = open_channel(tmp_path)
    channel.advance(born(path, 1))
    rotate(path, conmon_records("never seen"))
    rotate(path, conmon_records("2"))
    channel.advance(born(path, 1))
    channel.advance(born(path, 1))
    assert [text for text in texts(channel) if "L1" in text] == [
        "Error L12 (Local buffer overflow): about 1 lines of app[web.1] dropped"
    ]


def test_what_stood_there_before_somebody_watched_is_not_waited_for(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("1"))
    open_channel(tmp_path).advance(born(path, 1))
    rotate(path, conmon_records("2"))
    before = sources.inodes(path.parent)
    # Rotated between the listing and the first look: told, and nothing was lost.
    sources.look(path.parent)
    rotate(path, conmon_records("3"))
    channel = open_channel(tmp_path)
    channel.advance(Births(names=Counter({path.name: 1}), before=before))
    assert texts(channel) == ["1", "2", "3"]
    # And now one that nobody saw.
    rotate(path, conmon_records("never seen"))
    rotate(path, conmon_records("4"))
    channel.advance(born(path, 2))
    assert texts(channel)[3:] == ["4", "Error L12 (Local buffer overflow): about 1 lines of app[web.1] dropped"]


def test_what_was_gone_at_the_first_look_is_said(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("never seen"))
    before = sources.inodes(path.parent)
    rotate(path, conmon_records("1"))
    channel = open_channel(tmp_path)
    channel.advance(Births(names=Counter({path.name: 1}), before=before))
    assert texts(channel) == ["1", "Error L12 (Local buffer overflow): about 1 lines of app[web.1] dropped"]


def test_dyno_that_took_its_time_around_a_rotation_has_lost_nothing(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("1", "2", step=100.0))
    open_channel(tmp_path).advance(None)
    rotate(path, conmon_records("3", at=140.0))
    channel = open_channel(tmp_path)
    channel.advance(None)
    assert texts(channel) == ["1", "2", "3"]


def test_files_that_may_be_lost_while_logplex_was_down_are_said(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("1", "2"))
    open_channel(tmp_path).advance(None)
    rotate(path, conmon_records("never seen", at=5.0))
    rotate(path, conmon_records("3", at=30.0))
    channel = open_channel(tmp_path)
    channel.advance(None)
    channel.advance(Births(names=Counter()))
    said = [text for text in texts(channel) if "L13" in text]
    assert said == [
        "Error L13 (Local delivery error): lines of app[web.1] may be lost between 2026-11-23T10:00:00Z and"
        " 2026-11-23T10:00:30Z: they were written while Logplex was down"
    ]


def test_rotated_files_that_nobody_comes_to_read_go_oldest_first_and_their_lines_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("read"))
    channel = open_channel(tmp_path)
    channel.advance(born(path, 1))
    for number in range(1, 4):
        append(path, conmon_records(*["x" * 100] * 50, at=number))
        rotate(path)
        sources.look(path.parent)
    monkeypatch.setattr(sources, "HELD_LIMIT", 10_000)
    append(path, conmon_records("last", at=9.0))
    channel.advance(born(path, 3))
    assert [text for text in texts(channel) if "L12" in text] == [
        "Error L12 (Local buffer overflow): 50 lines of app[web.1] dropped"
    ] * 2
    assert texts(channel).count("x" * 100) == 50
    assert "last" in texts(channel)
    assert len(names(tmp_path)) == 2


def test_rotated_file_goes_as_soon_as_it_has_been_read(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("1"))
    channel = open_channel(tmp_path)
    channel.advance(None)
    rotate(path, conmon_records("2"))
    channel.advance(None)
    assert names(tmp_path) == sorted([path.name, f"{path.name}.{path.stat().st_ino}"])


def test_birth_that_is_told_late_is_no_loss(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("1"))
    channel = open_channel(tmp_path)
    channel.advance(born(path, 1))
    rotate(path, conmon_records("2"))
    channel.advance(Births(names=Counter()))
    rotate(path, conmon_records("3"))
    channel.advance(born(path, 2))
    assert texts(channel) == ["1", "2", "3"]


def test_part_goes_on_in_the_file_after_rotation_and_after_a_restart(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("Compiling").replace(b" F ", b" P "))
    open_channel(tmp_path).advance(None)
    rotate(path, conmon_records(" done", at=0.9))
    channel = open_channel(tmp_path)
    channel.advance(None)
    assert texts(channel) == ["Compiling done"]


def test_line_whose_end_does_not_come_is_shown_after_a_while(tmp_path: Path) -> None:
    clock = Clock()
    append(dyno_file(tmp_path), conmon_records("Password: ").replace(b" F ", b" P "))
    channel = open_channel(tmp_path, clock=clock)
    assert channel.advance(None).open
    assert texts(channel) == []
    clock.now += PART_SECONDS
    assert not channel.advance(None).open
    assert texts(channel) == ["Password: "]


def platform_says(home: Path, message: str, at: float, ps: str = "web.1") -> None:
    Lines(home).append("app-1", Source(source="heroku", ps=ps), message, START + timedelta(seconds=at))


def test_last_words_of_a_process_come_before_the_word_that_it_exited(tmp_path: Path) -> None:
    """But what another start of the dyno, or another dyno, is about to write waits for its end."""
    channel = open_channel(tmp_path)
    last_words = conmon_records("last words", at=1.0).replace(b" F ", b" P ")
    append(dyno_file(tmp_path), last_words + last_words.replace(b"stdout", b"stderr"))
    append(dyno_file(tmp_path, "web.2"), last_words)
    assert channel.advance(None).open
    platform_says(tmp_path, "Stopping all processes with SIGTERM", 2.0)
    channel.advance(None)
    platform_says(tmp_path, "Process exited with status 143", 3.0)
    append(dyno_file(tmp_path, dyno_id="1f1e2d3c-0002"), last_words.replace(b"10:00:01", b"10:00:04"))
    assert channel.advance(None).open
    stopping, *last, exited = texts(channel)
    assert (stopping, exited) == ("Stopping all processes with SIGTERM", "Process exited with status 143")
    assert last == ["last words", "last words"]


@pytest.mark.parametrize("looked_at", [0, 1, 2])
def test_output_that_comes_with_an_exit_while_the_files_are_looked_at_is_not_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    channel = open_channel(tmp_path)
    append(dyno_file(tmp_path), conmon_records("one", at=1.0))
    channel.advance(None)
    platform_says(tmp_path, "Stopping all processes with SIGTERM", 2.0)
    stat, looks = sources._stat, itertools.count()

    def exits(after: int) -> None:
        if after == looked_at:
            append(dyno_file(tmp_path), conmon_records("last words", at=3.0).replace(b" F ", b" P "))
            platform_says(tmp_path, "Process exited with status 0", 4.0)

    def look(directory: Path, name: str, inode: int, named: bool) -> sources.SourceFile | None:
        found = stat(directory, name, inode, named)
        exits(after=next(looks) + 1)
        return found

    monkeypatch.setattr(sources, "_stat", look)
    exits(after=0)
    channel.advance(None)
    channel.advance(None)
    assert next(looks) == 4
    assert texts(channel)[-2:] == ["last words", "Process exited with status 0"]


def test_incomplete_record_waits_for_its_end(tmp_path: Path) -> None:
    path, records = dyno_file(tmp_path), conmon_records("first", "second")
    append(path, records[:-3])
    channel = open_channel(tmp_path)
    channel.advance(None)
    assert texts(channel) == ["first"]
    append(path, records[-3:])
    channel.advance(None)
    assert texts(channel) == ["first", "second"]


def test_garbage_without_end_is_passed_over_and_said(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, b"\xff" * (3 << 20) + b"\n" + conmon_records("after"))
    channel = open_channel(tmp_path)
    while channel.advance(None).more:
        pass
    assert texts(channel)[-1] == "after" or "after" in texts(channel)
    assert any("L13" in text and "unreadable" in text for text in texts(channel))


def test_binary_and_escape_codes_are_kept_as_they_are(tmp_path: Path) -> None:
    record = conmon_records("x").replace(b"x", b"\x00\x1b[31m\xff\xfe")
    append(dyno_file(tmp_path), record)
    channel = open_channel(tmp_path)
    channel.advance(None)
    assert content(channel).endswith(b"app[web.1]: \x00\x1b[31m\xff\xfe\n")


def test_event_is_shown_once_whatever_is_told_twice(tmp_path: Path) -> None:
    events = [EventLine(seq=n, line=logline.line(Source(source="app", ps="api"), f"event {n}", START)) for n in (3, 5)]
    open_channel(tmp_path).advance(None, events[:1])
    channel = open_channel(tmp_path)
    channel.advance(None, events)
    channel.advance(None, events)
    assert texts(channel) == ["event 3", "event 5"]


@pytest.mark.parametrize("behind", [b"", b"half a line", b"2026 app[web.1]: written, never recorded\n"])
def test_what_a_crash_left_behind_the_recorded_end_is_read_again_once(tmp_path: Path, behind: bytes) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("1", "2"))
    first = open_channel(tmp_path)
    first.advance(None)
    segment = next((tmp_path / "logplex" / "app-1").glob("channel.*.log"))
    append(segment, behind)
    append(tmp_path / "logplex" / "app-1" / "journal", b'{"end":999999,"event":0,"posi')
    append(path, conmon_records("3"))
    channel = open_channel(tmp_path)
    assert channel.end == first.end
    channel.advance(None)
    assert texts(channel) == ["1", "2", "3"]


def test_lost_bytes_of_a_segment_do_not_move_positions(tmp_path: Path) -> None:
    """A power cut may lose what the journal already speaks of."""
    path = dyno_file(tmp_path)
    append(path, conmon_records("1", "2"))
    channel = open_channel(tmp_path)
    channel.advance(None)
    end = channel.end
    segment = next((tmp_path / "logplex" / "app-1").glob("channel.*.log"))
    os.truncate(segment, segment.stat().st_size // 2)
    channel = open_channel(tmp_path)
    append(path, conmon_records("3"))
    channel.advance(None)
    assert channel.end > end
    assert texts(channel) == ["1", "3"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A home on a file system of 256 kB."""
    home = tmp_path / "disk"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", home], check=True)
    yield home
    subprocess.run(["umount", home], check=True)


def test_full_disk_stops_a_channel_and_it_goes_on_where_it_was(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (small_disk / "logs").symlink_to(tmp_path / "logs")
    path = dyno_file(small_disk)
    append(path, conmon_records("1"))
    channel = open_channel(small_disk)
    channel.advance(None)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    messages = [f"{number} " + "x" * 100 for number in range(1000)]
    append(path, conmon_records(*messages, at=1.0))
    for _ in range(2):
        with pytest.raises(OSError, match=r"(?i)no space left"):
            channel.advance(None)
        assert texts(channel) == ["1"]
    filler.unlink()
    channel.advance(None)
    assert texts(channel) == ["1", *messages]
    assert texts(open_channel(small_disk)) == ["1", *messages]


def test_writer_on_a_full_disk_goes_on_and_says_what_was_lost(small_disk: Path) -> None:
    lines, router = Lines(small_disk), Source(source="heroku", ps="router")
    for number in range(3000):
        lines.append("app-1", router, f"{number} " + "x" * 100)
    kept = lines.path("app-1", router).stat().st_size
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    lines.append("app-1", router, "after")
    channel = open_channel(small_disk)
    while channel.advance(None).more:
        pass
    whole = sum(text.endswith("x" * 100) for text in texts(channel))
    (lost,) = re.findall(
        r"Error L13 \(Local delivery error\): (\d+) lines lost, no space left", "\n".join(texts(channel))
    )
    assert whole + int(lost) in (3000, 3001)
    assert texts(channel)[-1] == "after"
    assert kept > 100_000


def test_window_is_bounded_and_positions_go_on(tmp_path: Path) -> None:
    window = 400_000
    channel = open_channel(tmp_path, window=window)
    path = dyno_file(tmp_path)
    for batch in range(20):
        append(path, conmon_records(*[f"{batch} {n} " + "x" * 200 for n in range(200)], at=batch))
        channel.advance(None)
    kept = sum(file.stat().st_size for file in (tmp_path / "logplex" / "app-1").glob("channel.*.log"))
    assert window * 3 // 4 - 100_000 <= kept <= window + 60_000
    assert channel.end - channel.first == kept
    assert channel.end > 900_000
    assert texts(channel)[-1].startswith("19 199 ")
    again = open_channel(tmp_path, window=window)
    assert (again.first, again.end) == (channel.first, channel.end)


def test_segments_nobody_wrote_for_a_week_go(tmp_path: Path) -> None:
    append(dyno_file(tmp_path), conmon_records("1"))
    channel = open_channel(tmp_path)
    channel.advance(None)
    end = channel.end
    now = (tmp_path / "logplex" / "app-1").stat().st_mtime
    channel.retire(now + segments_module.KEEP_SECONDS - 60)
    assert channel.first < end
    channel.retire(now + segments_module.KEEP_SECONDS + 60)
    assert channel.first == channel.end == end
    append(dyno_file(tmp_path), conmon_records("2"))
    channel.advance(None)
    assert texts(channel) == ["2"]


def names(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "logs" / "app-1").iterdir())


def test_file_of_a_living_dyno_stays_however_quiet(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    channel = open_channel(tmp_path)
    with path.open("ab", buffering=0) as conmon:
        conmon.write(conmon_records("1"))
        channel.advance(None)
        channel.retire(path.stat().st_mtime + 86_400)
        assert path.exists()
        conmon.write(conmon_records("2"))
        channel.advance(None)
    assert texts(channel) == ["1", "2"]
    channel.retire(path.stat().st_mtime + sources.QUIET_SECONDS / 2)
    assert path.exists()
    channel.retire(path.stat().st_mtime + sources.QUIET_SECONDS + 1)
    channel.retire(channel.logs.stat().st_mtime + sources.QUIET_SECONDS + 1)
    assert names(tmp_path) == []


def test_unread_file_of_a_dead_dyno_stays(tmp_path: Path) -> None:
    path = dyno_file(tmp_path)
    append(path, conmon_records("1"))
    channel = open_channel(tmp_path)
    channel.advance(None)
    append(path, conmon_records("2"))
    channel.retire(path.stat().st_mtime + 1)
    channel.advance(None)
    assert texts(channel) == ["1", "2"]


def test_platforms_file_is_rotated_when_it_has_grown_and_late_writers_lose_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "FILE_LIMIT", 1000)
    lines, router = Lines(tmp_path), Source(source="heroku", ps="router")
    channel = open_channel(tmp_path)
    for number in range(30):
        lines.append("app-1", router, str(number))
    channel.advance(None)
    path = tmp_path / "logs" / "app-1" / "heroku.router.log"
    with path.open("ab", buffering=0) as late:
        channel.retire(path.stat().st_mtime)
        assert not path.exists()
        lines.append("app-1", router, "30")
        late.write(logline.record("late", datetime.now(UTC)))
        channel.retire(channel.logs.stat().st_mtime)
        channel.advance(None)
    channel.retire(channel.logs.stat().st_mtime)
    assert [name for name in names(tmp_path) if name == "heroku.router.log"]
    assert len(names(tmp_path)) == 2
    assert sorted(texts(channel)) == sorted([*map(str, range(31)), "late"])


def test_new_file_with_a_number_used_before_is_read_from_its_start(tmp_path: Path) -> None:
    """Without the held link (somebody cleaned up while Logplex was down) an inode's number may come again."""
    path = dyno_file(tmp_path)
    append(path, conmon_records("1", "2"))
    open_channel(tmp_path).advance(None)
    inode = path.stat().st_ino
    held = path.with_name(f"{path.name}.{inode}")
    path.write_bytes(conmon_records("3", "4", "5", at=60.0))
    assert held.stat().st_ino == path.stat().st_ino == inode
    channel = open_channel(tmp_path)
    channel.advance(None)
    assert texts(channel) == ["1", "2", "3", "4", "5"]


def test_journal_keeps_the_last_whole_state_wherever_it_is_cut(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    states = [
        State(end=1, event=2, positions={5: Position(name="a.log", offset=3, records=1, head=b"h")}),
        State(end=2, event=2, positions={}, parts={"a.log": {"stdout": Part(time=b"t", text=b"\xff\x00")}}),
        State(end=3, event=9, positions={5: Position(name="a.log")}),
    ]
    for state in states:
        journal.write(state)
    whole = journal.path.read_bytes()
    ends = [at for at, byte in enumerate(whole) if byte == 10]
    for cut in range(len(whole)):
        journal.path.write_bytes(whole[:cut])
        complete = sum(cut > end for end in ends)
        assert Journal(journal.path).load() == ([State(), *states][complete])


def test_journal_is_replaced_when_it_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("celadon.logplex.journal.LIMIT", 2000)
    journal = Journal(tmp_path / "journal")
    for end in range(500):
        journal.write(State(end=end, positions={1: Position(name="x.log", offset=end)}))
    assert journal.path.stat().st_size <= 2000
    assert Journal(journal.path).load().end == 499


def test_reading_back_and_forth_gives_whole_lines(tmp_path: Path) -> None:
    segments = Segments(tmp_path, 8 * 30_000)
    segments.open(0)
    random.seed(7)
    lines = [b"%d " % n + b"z" * random.randrange(300) + b"\n" for n in range(1000)]
    for at in range(0, 1000, 50):
        segments.end = segments.append(b"".join(lines[at : at + 50]))
    everything = b"".join(lines)
    back, position = b"", segments.end
    while position > segments.first:
        position, block = segments.read_before(position, 5_000)
        assert block.endswith(b"\n")
        back = block + back
    assert back == everything
    for position in random.sample(range(segments.end), 200):
        start = segments.line_start(position)
        assert start == 0 or everything[start - 1 : start] == b"\n"
        assert everything[position:start].count(b"\n") <= 1
