"""A platform for the tests of the doors: a real store, the git role in a process of its own, and a builder.

The builder stands in for the build role: it takes up builds and ends them by the same actions, without compiling.
"""

import dataclasses
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests import ports, stores

from celadon.actions import accounts, apps, authorizations, builds, keys
from celadon.actions import context as contexts
from celadon.actions.builds import Compiled
from celadon.model.account import Actor
from celadon.model.app import App
from celadon.model.build import Build
from celadon.platform import mounts
from celadon.platform import settings as platform_settings
from celadon.platform.install import make_directories
from celadon.platform.settings import Settings
from celadon.store import builds as stored_builds
from celadon.store import changes

PATIENCE = 60.0
EMAIL, PASSWORD = "admin@localhost", "a long password"


def wait_until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What `condition` gives once that is true; fails when it is not in time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "this did not come true in time"
        time.sleep(0.01)
    return found


class Town:
    """One platform under test."""

    def __init__(self, **settings: Any) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="celadon-git-"))
        # It stays ours while no role listens.
        self._port = ports.reserved()
        self.settings = Settings(
            home=self.home,
            instance=self._own_number(),
            ssh_port=self._port.getsockname()[1],
            **{"push_wait": 2.0, **settings},
        )
        make_directories(self.settings)
        platform_settings.save(self.settings)
        stores.make(self.settings)
        self.context = contexts.connect(self.settings)
        accounts.create_operator(self.context.database, email=EMAIL, password=PASSWORD)
        self.actor = accounts.log_in(self.context, EMAIL, PASSWORD)
        self.token = self.new_token(self.actor)
        self.key = self.new_key(self.actor)
        self.role: subprocess.Popen[bytes] | None = None
        self.log = self.home / "git-role.log"
        self.trees = self.home / "trees"
        self.trees.mkdir()

    def _own_number(self) -> int:
        """One that no other town on this machine has while this one is there: what is in /run is called after it."""
        self._claim = socket.socket(socket.AF_UNIX)
        while True:
            number = random.SystemRandom().randint(1000, 4000)
            with suppress(OSError):
                # An abstract address: it goes with its socket.
                self._claim.bind(f"\0celadon-instance-{number}")
                return number

    def start_role(self, *program: str) -> None:
        """`program` is what Python runs in place of the platform's own."""
        argv = [sys.executable, *(program or ("-m", "celadon")), "role", "git", "--home", str(self.home)]
        with self.log.open("ab") as log:
            self.role = subprocess.Popen(argv, stdout=log, stderr=log)
        # The socket of a role that was killed is still there: only an answer says that this one listens.
        wait_until(lambda: _answers(self.socket) and _answers(("127.0.0.1", self.settings.ssh_port)))

    def stop_role(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.role:
            self.role.send_signal(number)
            self.role.wait(PATIENCE)
            self.role = None

    def close(self) -> None:
        self.stop_role()
        self._port.close()
        self.context.database.close()
        mounts.unmount_below(self.settings.run)
        shutil.rmtree(self.home)
        shutil.rmtree(self.settings.run, ignore_errors=True)
        self._claim.close()

    @property
    def socket(self) -> str:
        return str(self.settings.run / "git.sock")

    def create_app(self, name: str | None = None, actor: Actor | None = None) -> App:
        return apps.create(self.context, actor or self.actor, name=name)

    def new_token(self, actor: Actor, scope: tuple[str, ...] = ("global",)) -> str:
        return authorizations.create(self.context, actor, scope=scope)[1]

    def new_key(self, actor: Actor, kind: str = "ed25519", *options: str) -> Path:
        """A new key pair whose public half belongs to the actor's account."""
        path = self.home / f"key-{uuid.uuid4().hex}"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-C", "me", "-f", str(path)], check=True)
        keys.create(self.context, actor, path.with_suffix(".pub").read_text())
        return path

    def new_account(self, email: str) -> Actor:
        return Actor(account=accounts.create(self.context, self.actor, email=email, password=PASSWORD))

    def ssh_argv(self, key: Path | None = None) -> list[str]:
        known = self.home / "known_hosts"
        options = (
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=accept-new",
            f"UserKnownHostsFile={known}",
            "BatchMode=yes",
        )
        return ["ssh", "-F", "none", "-i", str(key or self.key), *(f"-o{option}" for option in options)]

    def ssh(
        self, *words: str, key: Path | None = None, options: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        port = str(self.settings.ssh_port)
        argv = [*self.ssh_argv(key), *options, "-p", port, "git@127.0.0.1", *words]
        return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

    def environment(self, key: Path | None = None) -> dict[str, str]:
        """What git and ssh see in a test: nothing of the machine's own settings."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.trees),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_SSH_COMMAND": " ".join(self.ssh_argv(key)),
            "GIT_AUTHOR_NAME": "Ann",
            "GIT_AUTHOR_EMAIL": "ann@localhost",
            "GIT_COMMITTER_NAME": "Ann",
            "GIT_COMMITTER_EMAIL": "ann@localhost",
            "GIT_TERMINAL_PROMPT": "0",
            "LANG": "C.UTF-8",
        }

    def ssh_url(self, name: str) -> str:
        return f"ssh://git@127.0.0.1:{self.settings.ssh_port}/{name}.git"


class Tree:
    """A work tree of a developer, with the platform as its remote `celadon`."""

    def __init__(self, town: Town, url: str, key: Path | None = None) -> None:
        self.town = town
        self.key = key
        self.path = Path(tempfile.mkdtemp(dir=town.trees))
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "celadon", url)

    def git(self, *words: str, stdin: str | None = None, **environment: str) -> str:
        """What git prints; fails when git does."""
        done = self.attempt(*words, stdin=stdin, **environment)
        assert done.returncode == 0, f"git {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def attempt(self, *words: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *words],
            check=False,
            cwd=self.path,
            env=self.town.environment(self.key) | environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Git in the background; its error output is to be read while it runs."""
        return subprocess.Popen(
            ["git", *words],
            cwd=self.path,
            env=self.town.environment(self.key),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def commit(self, message: str = "Change", **files: str) -> str:
        """Write files (`name__py` stands for `name.py`), commit all; the commit's name."""
        for name, text in (files or {"app__py": f"# {uuid.uuid4()}\n"}).items():
            (self.path / name.replace("__", ".")).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def push(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.attempt("push", "celadon", *(words or ("main",)))


class Builder:
    """Ends builds as the build role does, at once or when `go` is set. `error` makes them fail."""

    def __init__(self, town: Town, process_types: Mapping[str, str] | None = None) -> None:
        self.town = town
        self.process_types = {"worker": "work"} if process_types is None else process_types
        self.error: str | None = None
        self.go = threading.Event()
        self.go.set()
        self.taken: list[Build] = []
        self.after_release: Callable[[Build], None] = lambda build: None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self.go.set()
        self._thread.join()

    def _run(self) -> None:
        context = contexts.connect(self.town.settings)
        feed = changes.Feed(context.database)
        while not self._stop.is_set():
            seen = feed.look()
            with context.database.read() as tx:
                pending = stored_builds.list_pending(tx)
            for build in pending:
                self._build(context, build)
            feed.wait(seen, 0.2)
        feed.close()
        context.database.close()

    def _build(self, context: contexts.Context, build: Build) -> None:
        builds.begin(context, build.id)
        self.taken.append(build)
        self.write(build, "-----> Python app detected\n")
        self.go.wait(PATIENCE)
        if self.error:
            self.write(build, f" !     {self.error}\n")
            builds.fail(context, build.id, self.error)
            return
        compiled = Compiled(
            slug_id=str(uuid.uuid4()),
            process_types=self.process_types,
            language="Python",
            checksum="SHA256:0",
            size=9_000_000,
            config_vars={},
        )
        self.write(build, "-----> Compiled slug size: 9.0MB\n")
        release = builds.succeed(context, build.id, compiled)
        assert release is not None
        # Before the last line, which is waited for: what comes after it would have to be there within `push_wait`.
        self.after_release(dataclasses.replace(build, release_id=release.id))
        self.write(build, f"-----> Launching... done, {release.name}\n")
        self.write(build, "       http://app.localhost:8080/ deployed to Celadon\n")

    def write(self, build: Build, text: str) -> None:
        with self.town.context.blobs.build_output(build.id).open("a") as file:
            file.write(text)


class Relay:
    """A loopback TCP port in front of the role's Unix socket, in place of the router; it copies bytes and no more."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def url(self, name: str, password: str | None = None, user: str = "anybody") -> str:
        login = f"{user}:{password}@" if password is not None else ""
        return f"http://{login}127.0.0.1:{self.port}/{name}.git"

    def close(self) -> None:
        for opened in (self._listener, *list(self._open)):
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join(PATIENCE)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(self._target)
                except OSError:
                    client.close()
                    server.close()
                    continue
                self._open |= {client, server}
                for source, target in ((client, server), (server, client)):
                    thread = threading.Thread(target=self._copy, args=(source, target), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(1 << 16):
                target.sendall(chunk)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        # Each socket is the source of one thread, which lets go of it.
        self._open.discard(source)


def _answers(address: str | tuple[str, int]) -> bool:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        return probe.connect_ex(address) == 0
