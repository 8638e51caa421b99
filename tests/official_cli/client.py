"""Heroku's own client, unmodified, as a user of a platform runs it: in the environment that `client:env` prints."""

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

# Commands are bound by time: one that asks a host which cannot be reached takes eight seconds on a quiet machine, and a
# busy one gives it a tenth of a core.
SECONDS = 180
_WATCH = Path(__file__).with_name("watch.cjs")
_TRACEBACK = re.compile(r"^\s+at .*\((?:file|node|/).*:\d+:\d+\)$|\bTypeError\b", re.MULTILINE)
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Client:
    """The client with a home of its own; `directory` is where its commands run."""

    env: dict[str, str]
    home: Path
    directory: Path

    def __call__(self, *words: str, status: int = 0, given: str = "") -> str:
        """What a command says; fails the test unless it ends with this status."""
        return self.run("heroku", *words, status=status, given=given)

    def run(self, *argv: str, status: int = 0, given: str = "", seconds: float = SECONDS) -> str:
        """The same for any program, which may be git."""
        found = subprocess.run(
            argv,
            cwd=self.directory,
            env=self.env,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        said = _COLOURS.sub("", found.stdout)
        if found.returncode != status:
            pytest.fail(f"{shlex.join(argv)} ended with {found.returncode}:\n{said}")
        self.check(said)
        return said

    def on_terminal(self, *words: str) -> "pexpect.spawn[str]":
        """A command on a terminal of 33 rows and 101 columns."""
        return pexpect.spawn(
            "heroku",
            list(words),
            cwd=str(self.directory),
            env={**self.env, "TERM": "xterm"},
            dimensions=(33, 101),
            timeout=SECONDS,
            encoding="utf-8",
        )

    def log_in(self, email: str, password: str) -> None:
        child = self.on_terminal("login", "-i")
        try:
            child.expect("Email")
            child.sendline(email)
            child.expect("Password")
            child.sendline(password)
            child.expect(f"Logged in as .*{re.escape(email)}")
            child.expect(pexpect.EOF)
            child.wait()
            assert child.exitstatus == 0
        finally:
            child.close(force=True)

    def check(self, said: str) -> None:
        """It neither crashed nor asked anybody but the platform."""
        assert not _TRACEBACK.search(said), said
        assert self.asked() <= {"localhost", "127.0.0.1"}, said

    def asked(self) -> set[str]:
        """The hosts it has connected to."""
        addresses = self.home / "addresses"
        return {line.rpartition(":")[0] for line in addresses.read_text().split()} if addresses.exists() else set()


def client(argv: list[str], home: Path, directory: Path, variables: dict[str, str]) -> Client:
    """The client of these words (`install.install()`); `home` is made, `variables` are those of `client:env`."""
    programs = home / "programs"
    programs.mkdir(parents=True)
    # git calls it by its name, for credentials.
    (programs / "heroku").write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
    (programs / "heroku").chmod(0o755)
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
    env = {
        **kept,
        **variables,
        "HOME": str(home),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "TERM": "xterm",
        # It starts a program of its own for that, which stays.
        "HEROKU_DISABLE_AUTOUPDATE": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "CELADON_TEST_ADDRESSES": str(home / "addresses"),
        "NODE_OPTIONS": f"--require {_WATCH}",
        # Node.js compiles the client once: a third of each command's time.
        "NODE_COMPILE_CACHE": str(Path(argv[0]).parents[2] / "compiled"),
    }
    return Client(env, home, directory)
