"""Raw lines of HAProxy become lines of the app's log, each once; what is lost is counted."""

import contextlib
import re
import selectors
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.router import admin, requests
from celadon.router import receiver as receiving
from celadon.router.admin import Information
from celadon.router.receiver import Receiver
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
    answered: str = "",
    times: str = "1 0 0 12",
    count: int = 5,
    stopping: str = "0",
    client: str = CLIENT,
) -> bytes:
    answered = answered or str(status)
    head = f"request {app} 1795458510974099 {count} {state} {status} {backend} {server} {route} {answered} https"
    return f"{head} {times} 345 0 {stopping} {client}".encode()


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
        ({"state": "KD", "stopping": "1", "times": "1 0 0 600001"}, "H24", "status=200"),
        (
            {"state": "KH", "stopping": "1", "status": 503, "answered": "-", "times": "1 0 0 600001"},
            "H24",
            "status=503",
        ),
        ({"state": "KD", "stopping": "1"}, "H18", "status=200"),
        ({"state": "KD"}, "H18", "status=200"),
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


def received(home: Path) -> Receiver:
    return Receiver(home / "admin", home / "master", Lines(home), 55.0, home / "received")


def test_lines_of_one_read_go_to_their_apps(tmp_path: Path) -> None:
    receiver = received(tmp_path)
    receiver.begin("1.1")
    lines = [
        raw(app="a", count=0),
        raw(app="b", count=1),
        b"Proxy www started.",
        raw(app="-", count=2),
        raw(app="a", count=3),
    ]
    receiver.write("1.1", lines)
    logs = tmp_path / "logs"
    assert sorted(path.name for path in logs.iterdir()) == ["a", "b"]
    assert (logs / "a" / "heroku.router.log").read_bytes().count(b"\n") == 2
    assert (logs / "b" / "heroku.router.log").read_bytes().count(b"\n") == 1
    assert (receiver.received, receiver.lost) == (4, 0)


def test_a_ring_that_is_read_again_gives_each_line_once_and_says_what_is_missing(tmp_path: Path) -> None:
    first = received(tmp_path)
    first.begin("1.1")
    first.write("1.1", [raw(count=count) for count in range(10)])
    second = received(tmp_path)
    second.begin("1.1")
    # The ring has lost its oldest lines meanwhile, among them two that nobody had read.
    second.write("1.1", [raw(count=count) for count in range(7, 9)])
    second.write("1.1", [raw(count=count) for count in (9, 12, 13)])
    second.write("1.1", [raw(count=14)])
    assert (second.received, second.lost) == (3, 2)
    assert (tmp_path / "logs" / "app-1" / "heroku.router.log").read_bytes().count(b"\n") == 13


def test_another_process_of_the_same_number_counts_anew(tmp_path: Path) -> None:
    receiver = received(tmp_path)
    for name in ("1.1", "1.2"):
        receiver.begin(name)
        receiver.write(name, [raw(count=count) for count in range(3)])
    assert (receiver.received, receiver.lost) == (6, 0)


def test_a_line_of_ours_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    receiver = received(tmp_path)
    receiver.begin("1.1")
    receiver.write("1.1", [raw(count=0), raw(count=1).replace(b" 200 ", b" many "), raw(count=2)])
    assert (receiver.received, receiver.lost) == (2, 1)


def test_a_line_that_comes_while_an_old_process_is_asked_whether_it_has_finished_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, present = received(tmp_path), Information(process=2, started=2, stopping=False, jobs=0)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    ring = old._rings["1.1"] = receiving.Ring("1.1", 1, ours)
    old._rings[present.name] = receiving.Ring(present.name, 2, theirs)
    old._selector.register(ours, selectors.EVENT_READ, ring)
    old.begin("1.1")

    def finished(_: object) -> bool:
        """Its last request ends at this very moment."""
        if not old.received:
            theirs.sendall(raw(count=0) + b"\n")
        return True

    monkeypatch.setattr(receiving, "Admin", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(admin, "information", lambda _: present)
    monkeypatch.setattr(old, "_adopt", lambda: None)
    monkeypatch.setattr(old, "_finished", finished)
    for _ in range(6):
        old._look()
        for key, _ in old._selector.select(0):
            if key.data is not None:
                old._read(key.data)
    assert old.received == 1 and "1.1" not in old._rings
    for end in (theirs, old._wake, old._woken):
        end.close()
