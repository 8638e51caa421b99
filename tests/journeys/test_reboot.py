"""The machine restarts: all engines come back with what they held, where they were, and apps connect again."""

import json
import re
import subprocess
from collections.abc import Iterator

import pytest

from celadon.platform import mounts, runtimes, settings
from celadon.platform.settings import Settings
from celadon.runtime import cgroups, netlink
from celadon.runtime.protocol import ContainerState
from tests.journeys import conftest
from tests.journeys.conftest import EXAMPLES, SETTINGS, App, Platform, wait_for
from tests.journeys.test_survival import crash

# Keeps a word in each database the first time; says which of them have it, and which caches answer.
PROBE = r"""
import json, os, socket, ssl, struct, sys, urllib.parse
import psycopg

# The first time all of them are there; later on one that is not is asked again.
PATIENCE = 60 if "keep" in sys.argv else 5

def database(url):
    with psycopg.connect(url, connect_timeout=PATIENCE) as connection:
        if "keep" in sys.argv:
            connection.execute("create table kept as select 'word' as word")
        return connection.execute("select word from kept").fetchone()[0]

def redis(url):
    found = urllib.parse.urlsplit(url)
    plain = ssl.create_default_context()
    plain.check_hostname, plain.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((found.hostname, found.port), PATIENCE) as raw, plain.wrap_socket(raw) as tls:
        keep = "SET kept word\r\n" if "keep" in sys.argv else ""
        tls.sendall(f"AUTH {found.password}\r\n{keep}GET kept\r\nQUIT\r\n".encode())
        said = b""
        while not said.endswith(b"+OK\r\n") or said.count(b"+OK") < (3 if keep else 2):
            more = tls.recv(4096)
            if not more:
                break
            said += more
        return "word" if b"$4\r\nword\r\n" in said else said.decode()

def memcached(servers):
    host, _, port = servers.partition(":")
    login = f"\0{os.environ['MEMCACHIER_USERNAME']}\0{os.environ['MEMCACHIER_PASSWORD']}".encode()
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        head = struct.pack(">BBHBBHIIQ", 0x80, 0x21, 5, 0, 0, 0, 5 + len(login), 0, 0)
        connection.sendall(head + b"PLAIN" + login)
        return "word" if connection.recv(24)[6:8] == b"\0\0" else "refused"

KINDS = {"SHARED_URL": database, "SINGLE_URL": database, "PAIR_URL": database, "CACHE_URL": redis}
KINDS |= {"MEMCACHIER_SERVERS": memcached}
found = {}
for name, ask in KINDS.items():
    try:
        found[name] = ask(os.environ[name])
    except Exception as error:
        found[name] = repr(error)
print("found " + json.dumps(found))
"""
ADDONS = {
    "SHARED": "heroku-postgresql:mini",
    "SINGLE": "heroku-postgresql:standard-0",
    "PAIR": "heroku-postgresql:premium-0",
    "CACHE": "heroku-redis:premium-0",
    "MEMCACHIER": "memcachier:dev",
}


@pytest.fixture
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that nobody else uses."""
    with conftest._platform("r", tmp_path_factory, SETTINGS) as found:
        yield found


def reboot(found: Settings) -> None:
    """Nothing is left of the platform but what is on its disk."""
    crash(found)
    mounts.unmount_below(found.home)
    mounts.unmount_below(found.run)
    subprocess.run(["rm", "-rf", str(found.run)], check=True)
    # Its table, links, routes and bridge.
    runtimes.network(found).teardown()
    cgroups.Cgroups(root=found.cgroup, kind=cgroups.hierarchy()).remove_root()
    assert ContainerState.RUNNING not in {one.state for one in runtimes.addons(found).list().values()}
    assert netlink.links(runtimes.network(found).link_prefix) == []


def engines(found: Settings) -> list[str]:
    """Without what works on the files of one for a while: files for the next server may just be made."""
    return sorted(name for name in runtimes.addons(found).list() if re.fullmatch(r"[a-z]+-\d+", name))


def probe(app: App, *words: str) -> dict[str, str]:
    said = app.celadon("run", "--no-tty", "--", " ".join(["python", "probe.py", *words]), check=False)
    lines = [line for line in said.splitlines() if line.startswith("found ")]
    found: dict[str, str] = json.loads(lines[-1].removeprefix("found ")) if lines else {"": said}
    return found


def test_all_engines_are_back_after_a_restart_of_the_machine(doomed: Platform) -> None:
    found = settings.load(doomed.home)
    app = doomed.create(EXAMPLES / "python-postgres")
    app.write("probe.py", PROBE)
    app.commit()
    app.push()
    for name, plan in ADDONS.items():
        app.celadon("addons:create", plan, "--as", name, "--wait", timeout=180)
    config = app.celadon("config", "--json")
    expected = dict.fromkeys(("SHARED_URL", "SINGLE_URL", "PAIR_URL", "CACHE_URL", "MEMCACHIER_SERVERS"), "word")
    assert probe(app, "keep") == expected
    running = engines(found)
    # Redis writes a second late.
    logs = "addon-engines/*/files/appendonlydir/*.aof"
    wait_for("it is on the disk", lambda: any(b"kept" in path.read_bytes() for path in found.home.glob(logs)))
    reboot(found)
    conftest._up(doomed, SETTINGS)
    wait_for("everything answers with what it held", lambda: probe(app) == expected, 240)
    assert app.celadon("config", "--json") == config
    # A standby that begins answers nobody yet.
    wait_for("the engines are those of before", lambda: engines(found) == running)
    wait_for("the standby has everything", lambda: _available(app), 90)


def _available(app: App) -> bool:
    (line,) = [one for one in app.celadon("pg:info", "PAIR_URL").splitlines() if one.startswith("HA Status")]
    return line.split(":")[1].strip() == "Available"
