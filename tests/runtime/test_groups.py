"""Which dynos reach which engines: probes inside of real containers."""

import ipaddress
import socket
from collections.abc import Iterator

import pytest
from tests.runtime.running import Place, output, run, until
from tests.runtime.test_isolation import TRY

from celadon.model.engine import FIRST_ADDRESS

PORT = 5432
PUBLISHED = 25_001
SERVE = """
import socket
server = socket.create_server(("", int(5432)))
print("ready", flush=True)
while True:
    server.accept()[0].close()
"""


@pytest.fixture
def engine(place: Place) -> Iterator[str]:
    """The address of one that listens."""
    address = str(ipaddress.IPv4Network(place.network.subnet)[FIRST_ADDRESS + 1])
    spec = place.spec("python3", "-c", SERVE, address=address)
    runtime = place.runtime()
    runtime.start(spec)
    until(lambda: "ready" in output(spec), "the engine listens")
    yield address


def reaches(place: Place, target: str, port: int, **changes: object) -> bool:
    status, text = run(place.runtime(), place.spec("python3", "-c", TRY, target, str(port), **changes))
    assert status == 0, text
    return text.strip() == "open"


def test_a_dyno_reaches_what_its_app_is_attached_to_and_nothing_else(place: Place, engine: str) -> None:
    place.network.allow({"app_1": [(engine, PORT)]})
    assert reaches(place, engine, PORT, group="app_1")
    assert not reaches(place, engine, PORT, group="app_2")
    assert not reaches(place, engine, PORT)
    place.network.allow({"app_1": []})
    assert not reaches(place, engine, PORT, group="app_1")


def test_who_starts_later_finds_the_groups_there_are(place: Place) -> None:
    place.network.ensure()
    place.network.allow({"app_1": [("10.200.0.9", PORT)], "app_22": [], "peers_3": []})
    assert sorted(place.network.groups("app_")) == ["app_1", "app_22"]


def test_the_published_port_leads_there_for_this_machine_and_for_whom_it_is_allowed(place: Place, engine: str) -> None:
    place.network.publish({PUBLISHED: (engine, PORT)})
    place.network.allow({"app_1": [(engine, PORT)]})
    gateway = place.network.gateway
    assert reaches(place, gateway, PUBLISHED, group="app_1")
    assert not reaches(place, gateway, PUBLISHED)
    socket.create_connection((gateway, PUBLISHED), timeout=5).close()
    place.network.publish({})
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((gateway, PUBLISHED), timeout=5)


def test_the_rules_may_be_made_again_and_who_is_attached_stays_attached(place: Place, engine: str) -> None:
    place.network.allow({"app_1": [(engine, PORT)]})
    spec = place.spec("python3", "-c", _AGAIN, engine, str(PORT), group="app_1", stdin=True)
    runtime = place.runtime()
    runtime.start(spec)
    until(lambda: "open" in output(spec), "it reaches the engine")
    place.network.ensure()
    before = output(spec).count("open")
    until(lambda: output(spec).count("open") > before + 2, "it still does")
    assert "closed" not in output(spec)


_AGAIN = """
import socket, sys, time
while True:
    found = socket.socket()
    found.settimeout(1.5)
    try:
        found.connect((sys.argv[1], int(sys.argv[2])))
        print("open", flush=True)
    except OSError:
        print("closed", flush=True)
    found.close()
    time.sleep(0.05)
"""


def test_whoever_gets_the_address_next_reaches_nothing_by_it(place: Place, engine: str) -> None:
    place.network.allow({"app_1": [(engine, PORT)]})
    address = place.address()
    runtime = place.runtime()
    first = place.spec("sleep", "1000", address=address, group="app_1")
    runtime.start(first)
    runtime.remove(first.id)
    assert not reaches(place, engine, PORT, address=address)


def test_an_engine_begins_no_connection(place: Place, engine: str) -> None:
    second = str(ipaddress.IPv4Network(place.network.subnet)[FIRST_ADDRESS + 2])
    with socket.create_server((place.network.gateway, 8080)):
        assert reaches(place, place.network.gateway, 8080)
        assert not reaches(place, place.network.gateway, 8080, address=second)
    assert not reaches(place, engine, PORT, address=second)
    place.network.allow({"peers_1": [(engine, PORT)]})
    assert reaches(place, engine, PORT, address=second, group="peers_1")
