"""What a dyno can do to the machine and to others: probes run inside of real containers."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from tests.runtime.running import OPEN_PORT, Place, output, run, until

from celadon.runtime import crun, network, protocol

TRY = """
import socket, sys
found = socket.socket()
found.settimeout(1.5)
try:
    found.connect((sys.argv[1], int(sys.argv[2])))
    print("open")
except OSError as error:
    print("closed")
"""


def probe(place: Place, runtime: crun.CrunRuntime, code: str, *arguments: str, **changes: object) -> str:
    """What Python code prints that runs inside a container."""
    status, text = run(runtime, place.spec("python3", "-c", code, *arguments, **changes))
    assert status == 0, text
    return text.strip()


def reaches(place: Place, address: str, port: int) -> bool:
    return probe(place, place.runtime(), TRY, address, str(port)) == "open"


@contextlib.contextmanager
def listening(address: str, port: int = 0) -> Iterator[int]:
    """A server on the host that accepts and closes; gives its port."""
    with socket.create_server((address, port)) as server:
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            server.accept()[0].close()


def host_address() -> str:
    """The address of this machine that the outside sees."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.connect(("1.1.1.1", 9))
        return str(found.getsockname()[0])


def test_it_sees_its_own_processes_alone(place: Place, runtime: crun.CrunRuntime) -> None:
    code = "import os; print(sorted(int(n) for n in os.listdir('/proc') if n.isdigit())[0], os.getppid())"
    assert probe(place, runtime, code) == "1 1"
    count = "import os; print(sum(n.isdigit() for n in os.listdir('/proc')))"
    assert probe(place, runtime, count) == "2"


def test_it_has_no_rights(place: Place, runtime: crun.CrunRuntime) -> None:
    text = probe(place, runtime, "print(open('/proc/self/status').read())")
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert {fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    assert fields["Uid"].split() == [str(place.uid)] * 4


CALLS = """
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
for number in sys.argv[1:]:
    ctypes.set_errno(0)
    result = libc.syscall(int(number), 0x10000000, 0, 0, 0, 0)
    print(number, "ok" if result >= 0 else errno.errorcode[ctypes.get_errno()])
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86_64")
def test_calls_that_open_the_kernel_are_refused(place: Place, runtime: crun.CrunRuntime) -> None:
    refused = {"unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155, "keyctl": 250,
               "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "fsopen": 430, "open_tree": 428}  # fmt: skip
    missing = {"clone3": 435, "io_uring_setup": 425}
    text = probe(place, runtime, CALLS, *map(str, [*refused.values(), *missing.values()]))
    found = dict(line.split() for line in text.splitlines())
    assert {name: found[str(number)] for name, number in refused.items()} == dict.fromkeys(refused, "EPERM")
    assert {name: found[str(number)] for name, number in missing.items()} == dict.fromkeys(missing, "ENOSYS")


def test_no_new_namespace_by_clone_but_threads_and_children(place: Place, runtime: crun.CrunRuntime) -> None:
    code = """
import ctypes, os, subprocess, threading
libc = ctypes.CDLL(None, use_errno=True)
print(libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0))
thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
print(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout.strip())
"""
    assert probe(place, runtime, code).split() == ["-1", "thread", "child"]


def test_only_the_sockets_of_the_internet(place: Place, runtime: crun.CrunRuntime) -> None:
    code = """
import errno, socket
for family, kind, protocol in ((17, 3, 0), (40, 1, 0), (38, 5, 0), (16, 3, 12), (16, 3, 0), (2, 1, 132), (2, 3, 1),
                               (2, 1, 0), (10, 1, 0), (1, 1, 0)):
    try:
        socket.socket(family, kind, protocol).close(); print(family, protocol, "ok")
    except OSError as error:
        print(family, protocol, errno.errorcode[error.errno])
"""
    assert probe(place, runtime, code).splitlines() == [
        "17 0 EAFNOSUPPORT",
        "40 0 EAFNOSUPPORT",
        "38 0 EAFNOSUPPORT",
        "16 12 EPROTONOSUPPORT",
        "16 0 ok",
        "2 132 EPROTONOSUPPORT",
        "2 1 EPERM",
        "2 0 ok",
        "10 0 ok",
        "1 0 ok",
    ]


def test_the_file_system_is_readonly_where_it_is_not_its_own(place: Place, runtime: crun.CrunRuntime) -> None:
    script = """
for path in / /usr /etc /dev /sys /sys/fs/cgroup/memory /proc/sys/kernel /var /root /opt; do
  (: > $path/probe) 2>/dev/null && echo "wrote $path"
done
for path in /app /tmp /dev/shm; do (: > $path/probe) 2>/dev/null || echo "cannot write $path"; done
cat /etc/shadow /proc/kcore /dev/mem 2>/dev/null
ls /root /proc/1/root/root /proc/1/cwd/../root 2>/dev/null
ls /dev | grep -E '^(vd|sd|loop|nvme|kmsg|kvm|vsock)'
true
"""
    assert run(runtime, place.spec("sh", "-c", script)) == (0, "")


def test_it_cannot_find_its_way_to_the_hosts_files(place: Place, runtime: crun.CrunRuntime) -> None:
    (place.home / "secret").write_text("x")
    code = "import os, sys; print(os.path.exists(sys.argv[1]), os.path.exists('/var/lib/celadon'))"
    assert probe(place, runtime, code, str(place.home / "secret")) == "False False"


def test_another_dyno_is_out_of_reach_and_the_host_reaches_both(place: Place) -> None:
    runtime = place.runtime()
    server = place.spec("python3", "-m", "http.server", "5000")
    runtime.start(server)
    assert server.address
    until(lambda: _connects(server.address or "", 5000), "the host reaches the dyno")
    assert not reaches(place, server.address, 5000)


def _connects(address: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def test_of_the_host_only_the_routers_ports_answer(place: Place) -> None:
    place.network.ensure()
    own = host_address()
    with listening("0.0.0.0") as other:
        for address in (place.network.gateway, own):
            assert _connects(address, other)
            assert not reaches(place, address, other)
    with listening(place.network.gateway, OPEN_PORT):
        assert reaches(place, place.network.gateway, OPEN_PORT)


def test_the_loopback_is_its_own(place: Place) -> None:
    with listening("127.0.0.1") as port:
        assert not reaches(place, "127.0.0.1", port)


SERVE = """
import socket
server = socket.create_server(("0.0.0.0", 8080))
print(flush=True)
while True: server.accept()[0].close()
"""


def test_another_platforms_dynos_are_out_of_reach(place: Place, other_network: network.Network) -> None:
    address = other_network.gateway.removesuffix(".1") + ".77"
    other = subprocess.Popen(["unshare", "-n", sys.executable, "-c", SERVE], stdout=subprocess.PIPE)
    try:
        assert other.stdout and other.stdout.readline()
        other_network.connect(other.pid, address)
        assert _connects(address, OPEN_PORT)
        assert not reaches(place, address, OPEN_PORT)
        with listening(other_network.gateway, OPEN_PORT):
            assert not reaches(place, other_network.gateway, OPEN_PORT)
    finally:
        other.kill()
        other.communicate()


def test_metadata_and_other_engines_networks_are_dropped(place: Place) -> None:
    rules = network.ruleset(place.network)
    assert "169.254.0.0/16" in rules
    assert 'oifname "docker*" drop' in rules


def test_the_resolver_answers_and_the_internet_with_it(place: Place) -> None:
    if not place.network.resolvers:
        pytest.skip("this machine has no resolver")
    code = "import socket; print(bool(socket.getaddrinfo('deb.debian.org', 80)))"
    host = subprocess.run(["getent", "hosts", "deb.debian.org"], capture_output=True, check=False)
    if host.returncode != 0:
        pytest.skip("this machine resolves no names")
    assert probe(place, place.runtime(), code) == "True"
    # A packet may get lost on its way, and is sent again after a second.
    until(lambda: reaches(place, "deb.debian.org", 80), "the internet answers")


def test_a_borrowed_source_address_does_not_leave(place: Place) -> None:
    runtime = place.runtime()
    spec = place.spec("sleep", "1000")
    container = runtime.start(spec)
    script = 'ip addr add 10.99.0.1/32 dev eth0; exec python3 -c "$0" $1 $2'
    code = """
import socket, sys
found = socket.socket(); found.bind(("10.99.0.1", 0)); found.settimeout(1)
try:
    found.connect((sys.argv[1], int(sys.argv[2])))
except OSError:
    sys.exit(9)
"""
    # As root of the host inside the dyno's network: even so, the address is not the dyno's.
    argv = ["nsenter", "-t", str(container.pid), "-n", "sh", "-c", script, code, place.network.gateway]
    with listening(place.network.gateway, OPEN_PORT) as port:
        assert subprocess.run([*argv, str(port)], check=False).returncode == 9


def test_there_is_no_ipv6(place: Place, runtime: crun.CrunRuntime) -> None:
    assert probe(place, runtime, "print(open('/proc/net/if_inet6').read())") == ""


def test_it_sees_its_own_memory_limit(place: Place, runtime: crun.CrunRuntime) -> None:
    code = """
from pathlib import Path
names = ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max")
print(next(Path(name).read_text() for name in names if Path(name).exists()))
"""
    assert probe(place, runtime, code) == str(256 << 20)


def test_a_fork_bomb_hits_its_own_limit(place: Place, runtime: crun.CrunRuntime) -> None:
    code = """
import os, time
made = 0
while made < 500:
    try:
        if os.fork() == 0: time.sleep(100)
    except OSError: break
    made += 1
print(made, flush=True)
time.sleep(100)
"""
    spec = place.spec("python3", "-c", code, limits=protocol.Limits(memory=512 << 20, swap=512 << 20, pids=40))
    runtime.start(spec)
    until(lambda: output(spec).strip(), "the limit is hit")
    assert int(output(spec)) < 40
    assert runtime.refused_processes(spec.id)
    runtime.kill(spec.id)


def test_a_container_within_its_limit_was_refused_no_process(place: Place, runtime: crun.CrunRuntime) -> None:
    spec = place.spec("true")
    run(runtime, spec)
    assert not runtime.refused_processes(spec.id)
    assert not runtime.refused_processes("no-such-container")
