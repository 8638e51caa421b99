"""A running api role of a benchmark's own, on its Unix socket, over the store of a home."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from celadon.platform import settings as platform_settings
from celadon.platform.settings import Settings

ACCEPT = "application/vnd.heroku+json; version=3"


class Client(http.client.HTTPConnection):
    """HTTP over the role's Unix socket; one connection, kept open."""

    def __init__(self, path: Path, token: str = "") -> None:
        super().__init__("localhost", timeout=60)
        self._path = path
        self._headers = {"Accept": ACCEPT, "Authorization": f"Bearer {token}"}

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        self.request(method, path, body=body, headers=self._headers)
        answer = self.getresponse()
        return answer.status, answer.read()


def _own_instance() -> int:
    """A number no platform here has; the directory of its sockets is made, so that nobody else takes it."""
    for number in range(39, -1, -1):
        with contextlib.suppress(FileExistsError):
            Path(f"/run/celadon{number}").mkdir(mode=0o711)
            return number
    raise SystemExit("cannot measure: every instance number is in use; see /run/celadon*")


@contextlib.contextmanager
def serving(settings: Settings, log: Path | None = None) -> Iterator[tuple[Path, int]]:
    """The socket and the process id of a role with these settings; it is stopped afterwards, its log goes to `log`."""
    settings = replace(settings, instance=_own_instance())
    platform_settings.save(settings)
    argv = [sys.executable, "-m", "celadon", "role", "api", "--home", str(settings.home)]
    with (log or Path(os.devnull)).open("ab") as errors:
        role = subprocess.Popen(argv, stderr=errors)
    path = settings.run / "api.sock"
    try:
        _wait_for(path, role)
        yield path, role.pid
    finally:
        role.terminate()
        role.wait(timeout=10)
        for left in settings.run.iterdir():
            left.unlink()
        settings.run.rmdir()


def _wait_for(path: Path, role: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and role.poll() is None:
        try:
            if Client(path).ask("GET", "/health")[0] == 200:
                return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("cannot measure: the api role did not start")
