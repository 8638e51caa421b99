"""The `celadon` program as a user calls it."""

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Run:
    out: str
    err: str
    status: int


class Program:
    """Runs in `tmp_path/work`, with `tmp_path/user` as the user's home."""

    def __init__(self, tmp_path: Path) -> None:
        self.home = tmp_path / "user"
        self.work = tmp_path / "work"
        for directory in (self.home, self.work):
            directory.mkdir(exist_ok=True)
        # No instance of this machine is seen by a test: CELADON_HOST or CELADON_HOME says which platform there is.
        self.env = {"HOME": str(self.home), "PATH": PATH, "TZ": "UTC", "LANG": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}

    @property
    def argv(self) -> list[str]:
        return [sys.executable, "-m", "celadon"]

    def __call__(self, *words: str, input: str = "", env: dict[str, str] | None = None) -> Run:
        done = subprocess.run(
            [*self.argv, *words],
            input=input.encode(),
            capture_output=True,
            cwd=self.work,
            env={**self.env, **(env or {})},
            timeout=60,
            check=False,
        )
        return Run(done.stdout.decode(), done.stderr.decode(), done.returncode)

    def terminal(self, *words: str, env: dict[str, str] | None = None) -> "pexpect.spawn[str]":
        """The program on a terminal of its own."""
        return pexpect.spawn(
            self.argv[0],
            [*self.argv[1:], *words],
            cwd=str(self.work),
            env={**self.env, "TERM": "xterm", **(env or {})},
            timeout=60,
            encoding="utf-8",
            dimensions=(33, 111),
        )

    def start(self, *words: str, **options: Any) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([*self.argv, *words], cwd=self.work, env=self.env, **options)

    def interrupted(self, *words: str, after: str) -> Run:
        """Ctrl-C once standard output has this."""
        with self.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            assert running.stdout is not None and running.stderr is not None
            shown = b""
            while after.encode() not in shown:
                block = running.stdout.read(1)
                assert block, f"{shown!r} {running.stderr.read()!r}"
                shown += block
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=60)
        return Run((shown + out).decode(), err.decode(), running.returncode)

    def log_in(self, machine: str, email: str, token: str) -> None:
        file = self.home / ".netrc"
        before = file.read_text() if file.exists() else ""
        file.write_text(f"{before}machine {machine}\n  login {email}\n  password {token}\n")
        file.chmod(0o600)

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=self.work, env=self.env, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def repository(self, **remotes: str) -> None:
        self.git("init", "-q")
        for name, url in remotes.items():
            self.git("remote", "add", name, url)
