"""Raw lines of HAProxy become lines of the app's log; frames are cut strictly; what is lost is counted."""

import re
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.router.mesh import wait_for

from celadon.router import requests
from celadon.router.receiver import Counts, Receiver, split_frames
from celadon.store.lines import Lines

CLIENT = 'method=GET path="/a" host=a.localhost request_id=4711 fwd="1.2.3.4"'


def raw(
    *,
    app: str = "app-1",
    state: str = "--",
    status: int = 200,
    server: str = "web.1_c0ffee",
    backend: str = "slot0",
    route: str = "slot0",
    answered: str = "1",
    times: str = "1 0 0 12",
    count: int = 5,
    client: str = CLIENT,
) -> bytes:
    head = f"request {app} 1795458510974099 77 {count} {state} {status} {backend} {server} {route} {answered} https"
    return f"{head} {times} 345 0 {client}".encode()


def line(**values: object) -> str:
    return requests.record(*requests.parse(raw(**values)), 55.0).decode()  # type: ignore[arg-type]


def test_a_good_request_is_at_info() -> None:
    assert line() == (
        f"2026-11-23T18:28:30.974099000+00:00 stdout F at=info {CLIENT} "
        "dyno=web.1 connect=1ms service=11ms status=200 bytes=345 protocol=https\n"
    )


@pytest.mark.parametrize(
    ("values", "code", "rest"),
    [
        ({"state": "sH", "status": 503, "answered": "-"}, "H12", "status=503"),
        ({"state": "SH", "status": 503, "answered": "-"}, "H13", "status=503"),
        ({"state": "sD"}, "H15", "status=200"),
        ({"state": "CD", "times": "1 0 0 55001"}, "H15", "status=200"),
        ({"state": "PH", "status": 503, "answered": "-"}, "H17", "status=503"),
        ({"state": "SD"}, "H18", "status=200"),
        (
            {"state": "sC", "status": 503, "answered": "-", "times": "-1 0 0 9"},
            "H19",
            "connect=9ms service= status=503",
        ),
        (
            {"state": "SC", "status": 503, "answered": "-", "times": "-1 0 0 9"},
            "H21",
            "connect=9ms service= status=503",
        ),
        ({"state": "SC", "status": 503, "answered": "-", "server": "<NOSRV>"}, "H21", "dyno= connect= service="),
        ({"state": "CD", "times": "1 0 0 3000"}, "H27", "status=200"),
        ({"state": "CH", "status": 400, "answered": "-"}, "H27", "status=499"),
        ({"state": "cR", "status": 408, "answered": "-", "server": "<NOSRV>"}, "H28", "status=499"),
        ({"state": "SC", "status": 503, "answered": "-", "server": "<NOSRV>", "backend": "www"}, "H99", "status=503"),
        ({"state": "RC", "status": 503, "answered": "-"}, "H99", "status=503"),
        ({"state": "LR", "status": 503, "answered": "-", "server": "<NOSRV>", "route": "H14"}, "H14", "status=503"),
        ({"state": "sD", "status": 101}, "H15", "status=101"),
    ],
)
def test_termination_states_become_codes(values: dict[str, object], code: str, rest: str) -> None:
    found = line(**values)
    assert f" at=error code={code} desc=" in found
    assert rest in found


@pytest.mark.parametrize(
    "values", [{"status": 503}, {"status": 404}, {"state": "CD", "status": 101}, {"state": "SD", "status": 101}]
)
def test_what_is_no_error_of_the_platform_is_at_info(values: dict[str, object]) -> None:
    assert " at=info method=" in line(**values)


def test_maintenance_is_at_info_with_its_code() -> None:
    assert ' at=info code=H80 desc="Maintenance mode" method=' in line(route="H80", server="<NOSRV>", answered="-")


@given(st.text())
def test_no_client_makes_a_second_line_or_moves_our_fields(text: str) -> None:
    # HAProxy escapes: nothing but a break of its rules could bring a quote or a line break here.
    client = f'method=GET path="/{text}" host=h request_id=1 fwd=""'
    record = requests.record(*requests.parse(raw(client=client)), 55.0)
    assert record.count(b"\n") == 1
    assert record.endswith(b" dyno=web.1 connect=1ms service=11ms status=200 bytes=345 protocol=https\n")
    assert re.match(rb"2026-11-23T18:28:30\.974099000\+00:00 stdout F at=info method=GET ", record)


@given(st.lists(st.binary(max_size=200), max_size=6), st.data())
def test_frames_are_whole_however_they_arrive(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(b"%d %s" % (len(message), message) for message in messages)
    cut = data.draw(st.integers(0, len(stream)))
    first, rest, broken = split_frames(stream[:cut])
    assert not broken
    second, left, broken = split_frames(rest + stream[cut:])
    assert (first + second, left, broken) == (messages, b"", False)


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n", b"-5 abc", b"12345678", b"99999 " + b"x" * 30_000])
def test_what_is_no_frame_is_refused(garbage: bytes) -> None:
    assert split_frames(garbage)[2]


def test_missing_counts_are_seen_within_one_process_and_across_a_restart(tmp_path: Path) -> None:
    counts = Counts(tmp_path / "received")
    assert [counts.missing(1, count) for count in (0, 1, 4)] == [0, 0, 2]
    assert [counts.missing(2, count) for count in (7, 8)] == [0, 0]
    counts.save()
    counts = Counts(tmp_path / "received")
    assert counts.missing(1, 10) == 5
    assert counts.missing(2, 0) == 0, "another process with the same number"


def test_lines_of_one_read_go_to_their_apps_and_a_twin_is_written_once(tmp_path: Path) -> None:
    paths = tmp_path / "ring", tmp_path / "late"
    receiver = Receiver(*paths, Lines(tmp_path), 55.0)
    receiver.start()
    frames = [
        raw(app="a", count=0),
        raw(app="b", count=1),
        b"Proxy www started.",
        raw(app="-", count=2),
        raw(app="a", count=6),
    ]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams, socket.socket(socket.AF_UNIX) as stream:
        for count in (1, 6, 9):
            datagrams.sendto(raw(app="b" if count == 1 else "a", count=count), str(paths[1]))
        stream.connect(str(paths[0]))
        stream.sendall(b"".join(b"%d %s" % (len(frame), frame) for frame in frames))
        log = tmp_path / "logs" / "a" / "heroku.router.log"
        wait_for("the line that came as a datagram alone", lambda: log.exists() and log.read_bytes().count(b"\n") == 3)
    receiver.close()
    assert (tmp_path / "logs" / "b" / "heroku.router.log").read_bytes().count(b"\n") == 1
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["a", "b"]
    assert receiver.lost == 5, "three between those of the ring, two before the last datagram"


def test_a_line_of_ours_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path / "ring", tmp_path / "late", Lines(tmp_path), 55.0)
    receiver.write([b"request app-1 x y z", raw().replace(b" 200 ", b" many ")])
    assert receiver.lost == 2
