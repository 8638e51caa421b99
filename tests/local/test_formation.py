"""Which entries run, how many of each, with which port."""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tests import ports

from celadon.cli.failure import Failure, UsageFailure
from celadon.local import formation
from celadon.local.formation import Entry

TYPES = {"release": "migrate", "web": "serve", "worker": "work"}


@pytest.mark.parametrize(
    ("chosen", "concurrency", "expected"),
    [
        ([], {}, {"release": 0, "web": 1, "worker": 1}),
        (["worker"], {}, {"release": 0, "web": 0, "worker": 1}),
        (["release"], {}, {"release": 1, "web": 0, "worker": 0}),
        (["all"], {"web": 2}, {"release": 0, "web": 2, "worker": 1}),
        ([], {"all": 0, "web": 3}, {"release": 0, "web": 3, "worker": 0}),
        ([], {"release": 1}, {"release": 1, "web": 1, "worker": 1}),
        (["worker"], {"web": 2, "worker": 2}, {"release": 0, "web": 0, "worker": 2}),
    ],
)
def test_how_many_of_each(chosen: Sequence[str], concurrency: Mapping[str, int], expected: dict[str, int]) -> None:
    assert formation.quantities(TYPES, chosen, concurrency) == expected


@pytest.mark.parametrize(("chosen", "concurrency"), [(["clock"], {}), ([], {"clock": 1})])
def test_a_type_that_is_not_there_is_told(chosen: Sequence[str], concurrency: Mapping[str, int]) -> None:
    with pytest.raises(Failure, match="no process type clock in the Procfile: it has release, web, worker"):
        formation.quantities(TYPES, chosen, concurrency)


def test_a_type_keeps_its_hundred_of_ports_whichever_others_run() -> None:
    found = formation.entries(TYPES, {"release": 0, "web": 2, "worker": 1}, {"A": "1", "PORT": "7"}, 5000)
    assert [(entry.name, entry.command, dict(entry.env)) for entry in found] == [
        ("web.1", "serve", {"A": "1", "PORT": "5100"}),
        ("web.2", "serve", {"A": "1", "PORT": "5101"}),
        ("worker.1", "work", {"A": "1", "PORT": "5200"}),
    ]
    assert formation.entries(TYPES, {"release": 0, "web": 0, "worker": 1}, {}, 5000)[0].port == 5200


def test_nothing_to_run_and_ports_that_are_none() -> None:
    with pytest.raises(Failure, match="nothing to run"):
        formation.entries(TYPES, dict.fromkeys(TYPES, 0), {}, 5000)
    with pytest.raises(Failure, match=r"no port 65600 for web\.1: begin lower"):
        formation.entries(TYPES, dict.fromkeys(TYPES, 1), {}, 65_500)


@pytest.mark.parametrize(
    ("given", "environments", "port"),
    [
        (7000, [{"PORT": "1"}], 7000),
        (None, [{}, {"PORT": "6000"}], 6000),
        (None, [{"PORT": "1"}, {"PORT": "2"}], 1),
        (None, [{"PORT": ""}], 5000),
    ],
)
def test_first_port(given: int | None, environments: list[dict[str, str]], port: int) -> None:
    assert formation.first_port(given, *environments) == port


@pytest.mark.parametrize("text", ["http", "70000", "-1", "٣"])
def test_a_port_that_is_no_number_is_told(text: str) -> None:
    with pytest.raises(Failure, match="a port is a number"):
        formation.first_port(None, {"PORT": text})


def test_concurrency() -> None:
    assert formation.parse_concurrency(["web=2,worker=1", "clock=0"]) == {"web": 2, "worker": 1, "clock": 0}
    for wrong in ("web", "web=", "web=x", "web=-1", "web=101"):
        with pytest.raises(UsageFailure, match=f"{wrong} is no concurrency"):
            formation.parse_concurrency([wrong])


def test_a_port_in_use_is_told_of_what_listens() -> None:
    # It stays ours when nobody listens there any more.
    with ports.held() as (number,):
        with socket.create_server(("127.0.0.1", number)):
            port = str(number)
            with pytest.raises(Failure, match=rf"cannot start web\.1: port {port} is in use"):
                formation.check_ports([Entry("web.1", "serve", {"PORT": port})])
            with pytest.raises(Failure, match=r"cannot start api\.1"):
                formation.check_ports([Entry("api.1", "serve -p ${PORT:-1}", {"PORT": port})])
            formation.check_ports([Entry("worker.1", "work", {"PORT": port})])
        formation.check_ports([Entry("web.1", "serve", {"PORT": port})])


def test_procfile_that_cannot_be_read_is_told_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "Procfile"
    with pytest.raises(Failure, match="no such file in"):
        formation.read_procfile(file)
    file.write_bytes(b"web: \xff\n")
    with pytest.raises(Failure, match="UTF-8"):
        formation.read_procfile(file)
    file.write_text("web\nrun: x\n")
    with pytest.raises(Failure) as failed:
        formation.read_procfile(file)
    assert [line[:28] for line in failed.value.lines] == [
        "cannot read Procfile line 1:",
        "cannot read Procfile line 2:",
    ]


def test_types_may_say_how_many() -> None:
    assert formation.parse_types(["web=1,worker=2", "clock"]) == (("web", "worker", "clock"), ("web=1", "worker=2"))
    chosen, numbers = formation.parse_types(["web=2"])
    concurrency = formation.parse_concurrency(numbers)
    assert formation.quantities({"web": "x", "worker": "y"}, chosen, concurrency) == {"web": 2, "worker": 0}
    assert formation.parse_types(["web,worker"]) == (("web", "worker"), ())
