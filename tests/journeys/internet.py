"""A host that dynos reach as they reach the internet: a network namespace with an address of its own.

It serves a directory by HTTP (port 8000) and the git repositories in it by git's own protocol.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_AUTHOR = {f"GIT_{who}_{what}": "Test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@dataclass(frozen=True)
class Internet:
    address: str
    directory: Path
    # The namespace, for those who have more to serve.
    name: str

    def url(self, path: str) -> str:
        return f"http://{self.address}:8000/{path}"

    def git_url(self, path: str) -> str:
        return f"git://{self.address}/{path}"

    def repository(self, name: str, source: Path) -> Path:
        """A git repository of one commit, with the files of `source`; returns its work tree."""
        tree = self.directory / name
        shutil.copytree(source, tree, symlinks=True)
        self.git(name, "init", "-q", "-b", "main")
        self.commit(name)
        return tree

    def commit(self, name: str) -> str:
        self.git(name, "add", "-A")
        self.git(name, "commit", "-q", "-m", "Change")
        # What a server without a program for git needs.
        self.git(name, "update-server-info")
        return self.git(name, "rev-parse", "HEAD").strip()

    def git(self, name: str, *words: str) -> str:
        argv = ["git", "-C", str(self.directory / name), *words]
        return subprocess.run(argv, env={**os.environ, **_AUTHOR}, check=True, capture_output=True, text=True).stdout


@contextlib.contextmanager
def internet(directory: Path) -> Iterator[Internet]:
    """Serve `directory` until the block ends."""
    number = os.getpid() % 16384
    name = f"journey{number}"
    host, guest = (f"198.18.{number >> 6}.{(number & 63) * 4 + last}" for last in (1, 2))
    link = f"jnet{number}"
    _ip("netns", "add", name)
    programs: list[subprocess.Popen[bytes]] = []
    try:
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("address", "add", f"{host}/30", "dev", link)
        _ip("link", "set", link, "up")
        _ip("-n", name, "address", "add", f"{guest}/30", "dev", "eth0")
        for inside in ("lo", "eth0"):
            _ip("-n", name, "link", "set", inside, "up")
        for argv in (
            ["python3", "-m", "http.server", "8000", "--directory", str(directory)],
            ["git", "daemon", "--reuseaddr", "--export-all", f"--base-path={directory}", str(directory)],
        ):
            programs.append(_start(["ip", "netns", "exec", name, *argv]))
        for port in (8000, 9418):
            _wait_listening(guest, port)
        yield Internet(guest, directory, name)
    finally:
        for program in programs:
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
        _ip("netns", "delete", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _start(argv: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait_listening(address: str, port: int) -> None:
    from tests.journeys.conftest import wait_for

    def listens() -> bool:
        with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
            return True
        return False

    wait_for(f"{address}:{port} listens", listens)
