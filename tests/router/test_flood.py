"""So many requests that lines could get lost or mixed: each has its line, in the log of its app."""

import contextlib
import re
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest
from tests.router import mesh as meshes
from tests.router import servers
from tests.router.mesh import Mesh, wait_for

# Sends so many requests, a part at a time without waiting for answers in between, and counts the answers.
_CLIENT = r"""
import socket, sys
port, host, count, name = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
part, answered, rest = 50, 0, b""
with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
    for start in range(0, count, part):
        client.sendall(b"".join(
            f"GET /{name}.{n} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() for n in range(start, min(start + part, count))
        ))
        goal = min(start + part, count)
        while answered < goal:
            received = client.recv(1 << 18)
            if not received:
                sys.exit(f"closed after {answered}")
            rest += received
            answered += rest.count(b"\r\n\r\nok")
            rest = rest[rest.rfind(b"\r\n\r\nok") + 6:] if b"\r\n\r\nok" in rest else rest
print(answered)
"""

APPS = ("left", "right")
CLIENTS = 4
# A wave is less than HAProxy's ring has room for: whether the receiver keeps up is a matter of the machine.
EACH = 1875
WAVE = EACH * CLIENTS * len(APPS)
WAVES = 4


class Quick(servers.Dyno):
    """Answers without a look at what it is asked: the test's own work must not be the limit."""

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            received = b""
            while part := connection.recv(1 << 16):
                received = received[-3:] + part
                # One at a time comes here: HAProxy sends no request before the answer to the last.
                if received.endswith(b"\r\n\r\n"):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self._open.discard(connection)


class Flood:
    """One wave: processes that ask both apps for so many pages each."""

    def __init__(self, mesh: Mesh, wave: int) -> None:
        self._processes = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _CLIENT,
                    str(mesh.settings.http_port),
                    f"{app}.localhost",
                    str(EACH),
                    f"{app}{wave}{n}",
                ],
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in range(CLIENTS)
            for app in APPS
        ]

    def finish(self) -> None:
        found = [process.communicate(timeout=120)[0].strip() for process in self._processes]
        assert found == [str(EACH)] * len(self._processes)


@pytest.fixture
def flooded() -> Iterator[tuple[Mesh, dict[str, str]]]:
    with (
        meshes.mesh(first_byte_timeout=20.0, idle_timeout=20.0) as mesh,
        Quick("127.0.0.2") as left,
        Quick("127.0.0.3") as right,
    ):
        ids = {name: mesh.app(name) for name in APPS}
        for app_id, dyno in zip(ids.values(), (left, right), strict=True):
            mesh.serve(app_id, dyno)
        yield mesh, ids


def lines(mesh: Mesh, app_id: str) -> int:
    path = mesh.settings.home / "logs" / app_id / "heroku.router.log"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def reached(mesh: Mesh, ids: dict[str, str], goal: int) -> bool:
    return sum(lines(mesh, app_id) for app_id in ids.values()) >= goal


def assert_all_there(mesh: Mesh, ids: dict[str, str]) -> None:
    for name, app_id in ids.items():
        found = mesh.log(app_id)
        assert all(line.startswith("at=info method=GET ") and f" host={name}.localhost " in line for line in found)
        paths = Counter(re.findall(r'path="/(\S+)" ', "\n".join(found)))
        clients = [f"{name}{wave}{client}" for wave in range(WAVES) for client in range(CLIENTS)]
        assert paths == Counter(f"{client}.{n}" for client in clients for n in range(EACH))
    assert mesh.receiver.lost == 0


def test_no_line_of_many_thousands_is_lost_or_in_anothers_log(flooded: tuple[Mesh, dict[str, str]]) -> None:
    mesh, ids = flooded
    for wave in range(WAVES):
        Flood(mesh, wave).finish()
        wait_for("all lines of the wave", partial(reached, mesh, ids, (wave + 1) * WAVE), 120)
    assert_all_there(mesh, ids)


def test_no_line_is_lost_or_doubled_when_the_receiver_is_replaced_in_the_flood(
    flooded: tuple[Mesh, dict[str, str]],
) -> None:
    mesh, ids = flooded
    for wave in range(WAVES):
        flood = Flood(mesh, wave)
        wait_for("a part of the lines", partial(reached, mesh, ids, wave * WAVE + WAVE // 5), 120)
        mesh.restart_receiver(lambda: None)
        # And once more: now nobody receives until the wave is over.
        mesh.restart_receiver(flood.finish)
        wait_for("all lines of the wave", partial(reached, mesh, ids, (wave + 1) * WAVE), 120)
    assert_all_there(mesh, ids)
