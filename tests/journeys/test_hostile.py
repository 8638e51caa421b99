"""A tenant who tries everything, from a dyno and from a build: other apps, the host and the platform stay out of reach."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from celadon.platform import settings
from tests.journeys import sources
from tests.journeys.conftest import EXAMPLES, Platform, wait_for
from tests.journeys.internet import Internet
from tests.journeys.test_buildpacks import operators

# Prints one line of JSON: what could be reached, read, written, seen.
PROBE = """\
import ctypes
import json
import os
import socket
import sys

wanted = json.loads(sys.argv[1])


def reached(place):
    host, port = place
    try:
        socket.create_connection((host, port), timeout=0.5).close()
        return True
    except OSError:
        return False


def readable(path):
    try:
        return bool(os.listdir(path)) if os.path.isdir(path) else bool(open(path, "rb").read(1))
    except OSError:
        return False


def writable(path):
    try:
        open(path, "ab").close()
        return True
    except OSError:
        return False


def made(kind):
    try:
        socket.socket(*kind).close()
        return True
    except OSError:
        return False


libc = ctypes.CDLL(None, use_errno=True)
print("PROBE" + json.dumps({
    "reached": [place for place in wanted["places"] if reached(place)],
    "read": [path for path in wanted["paths"] if readable(path)],
    "written": [path for path in wanted["targets"] if writable(path)],
    "raw": made((socket.AF_INET, socket.SOCK_RAW, 1)),
    "packet": made((socket.AF_PACKET, socket.SOCK_RAW, 0)),
    "user namespace": libc.unshare(0x10000000) == 0,
    "mount": libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0,
    "root": any(call() for call in (lambda: libc.setuid(0) == 0, lambda: libc.setgid(0) == 0)),
    "uid": os.getuid(),
    "processes": sum(name.isdigit() for name in os.listdir("/proc")),
}))
"""


def places(platform: Platform, victim: tuple[str, int], internet: Internet) -> dict[str, Any]:
    found = settings.load(platform.home)
    gateway = found.subnet.replace(".0.0/16", ".0.1")
    hosts = ["127.0.0.1", gateway, own_address()]
    ports = [22, found.ssh_port, found.rendezvous_port, 5432, 111]
    return {
        "places": [
            *([host, port] for host in hosts for port in ports),
            list(victim),
            ["169.254.169.254", 80],
            ["100.100.100.200", 80],
            ["127.0.0.1", found.http_port],
            [internet.address, 8000],
        ],
        "paths": [
            str(found.home),
            str(found.home / "secret.key"),
            str(found.home / "store.db"),
            str(found.home / "operator-password"),
            str(found.home / "cache"),
            str(found.run),
            "/var/lib/celadon",
            "/etc/shadow",
            "/proc/1/environ.host",
            "/proc/kcore",
            "/sys/fs/cgroup/celadon",
            "/root",
            "/dev/mem",
        ],
        "targets": ["/etc/passwd", "/usr/bin/env", "/celadon/driver.sh", "/proc/sys/kernel/core_pattern", "/sys/probe"],
    }


def own_address() -> str:
    """The address by which this host reaches others."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


@pytest.fixture(scope="module")
def victim(platform: Platform) -> tuple[str, int]:
    """Another app's dyno: its address and port."""
    app = platform.create(sources.web())
    app.push()
    shown = dict(line.split("=", 1) for line in app.get("/env").text.splitlines() if "=" in line)
    return _address_of(platform, app.name), int(shown["PORT"])


def _address_of(platform: Platform, app: str) -> str:
    from celadon.platform import runtimes

    found = settings.load(platform.home)
    one = next(
        one
        for one in runtimes.dynos(found).list().values()
        if one.labels.get("app") == app and one.labels["dyno"] == "web.1"
    )
    record = json.loads((Path(found.home) / "dynos" / one.id / "record.json").read_text())
    return str(record["address"])


def judge(output: str, internet: Internet, found: Platform) -> None:
    line = next(line for line in output.splitlines() if "PROBE" in line)
    said = json.loads(line.partition("PROBE")[2].strip())
    assert said["reached"] == [[internet.address, 8000]], "only the internet"
    assert said["read"] == []
    assert said["written"] == []
    for gate in ("raw", "packet", "user namespace", "mount", "root"):
        assert said[gate] is False, gate
    assert said["uid"] >= settings.load(found.home).uid_base
    assert said["processes"] < 15


def test_what_a_dyno_reaches(platform: Platform, internet: Internet, victim: tuple[str, int]) -> None:
    app = platform.create(sources.web(**{"probe.py": PROBE}))
    app.push()
    wanted = json.dumps(places(platform, victim, internet))
    # The victim answers: the probe would see it if it could.
    with socket.create_connection(victim, timeout=5):
        pass
    judge(app.celadon("run", "--", f"python3 probe.py '{wanted}'"), internet, platform)


def test_what_a_build_reaches(platform: Platform, internet: Internet, victim: tuple[str, int]) -> None:
    wanted = json.dumps(places(platform, victim, internet))
    makefile = f"bin/hello:\n\tpython3 probe.py '{wanted}'\n"
    app = platform.create(
        {"Makefile": makefile, "probe.py": PROBE, "Procfile": "job: true\n"},
        "--buildpack",
        operators(platform, EXAMPLES / "buildpack-make"),
    )
    judge(app.push(), internet, platform)


def test_a_build_sees_no_cache_of_another_app(platform: Platform) -> None:
    pack = operators(
        platform,
        {
            "bin/detect": "#!/bin/sh\necho Cache\n",
            "bin/compile": '#!/bin/sh\nls -A "$2" /tmp/cache | sed "s/^/found /"\necho "$SECRET" >"$2/mine"\n',
        },
    )
    first = platform.create(sources.web(), "--buildpack", pack)
    first.push()
    first.commit()
    assert "found mine" in first.push()
    second = platform.create(sources.web(), "--buildpack", pack)
    assert "found mine" not in second.push()


def test_a_fork_bomb_and_a_flood_of_output_stay_with_their_app(platform: Platform, victim: tuple[str, int]) -> None:
    app = platform.create(sources.web())
    app.push()
    app.celadon("run:detached", "--", "bomb() { bomb | bomb & }; bomb; sleep 5")
    app.celadon("run:detached", "--", "timeout 3 yes flood")
    for _ in range(50):
        assert app.get().status == 200
        with socket.create_connection(victim, timeout=5):
            pass
    assert "web.1: up" in app.celadon("ps")
    # Some may have ended by themselves.
    app.celadon("ps:stop", "run", check=False)
    wait_for("they are gone", lambda: "run." not in app.celadon("ps"))


def test_a_dyno_that_eats_memory_without_end_is_killed(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    said = app.celadon("run:detached", "--", "python3 -c 'kept = [b\"x\" * (1 << 22) for _ in range(1000)]'")
    lines = app.wait_for_log("Error R15 (Memory quota vastly exceeded)", 60)
    name = said.split("up, ")[-1].split()[0]
    assert f"heroku[{name}]: Error R15" in lines
    assert app.get().status == 200


def test_a_dyno_reaches_the_routers_ports_on_its_network(platform: Platform, internet: Internet) -> None:
    """The way to other apps and to the API is the one that everybody has."""
    app = platform.create(sources.web())
    app.push()
    found = settings.load(platform.home)
    gateway = found.subnet.replace(".0.0/16", ".0.1")
    asked = f"curl -sS --max-time 30 -H 'Host: {app.host}' http://{gateway}:{found.http_port}/from-inside"
    api = f"curl -sS --max-time 30 http://{gateway}:{found.http_port}/schema | head -c 100"
    said = app.celadon("run", "--", f"{asked}; {api}")
    assert "/from-inside one - web.1" in said
    assert "heroku" in said.lower() or "schema" in said
