"""A Docker daemon of a benchmark's own, from Debian's packages, with one image: the stack's root filesystem.

No image is pulled: `FROM stack` stands for the base image of a Dockerfile, and what a language's own base image would
bring is installed into one before anything is timed. Builds and containers have the host's network.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import common
from processes import program, running

sys.path.insert(0, str(common.CHECKOUT))

from tests.buildpacks import stack

_PROGRAMS = ("dockerd", "containerd", "runc")


@dataclass(frozen=True)
class Docker:
    client: str
    socket: Path

    def run(self, *words: str, check: bool = True) -> str:
        """What `docker …` says; ends the benchmark when it fails."""
        argv = [self.client, "--host", f"unix://{self.socket}", *words]
        env = {**os.environ, "DOCKER_BUILDKIT": "1", "HOME": str(self.socket.parent)}
        found = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        if check and found.returncode:
            sys.exit(f"{' '.join(words)} failed:\n{found.stdout}{found.stderr}")
        return found.stdout.strip()

    def build(self, tag: str, context: Path, *words: str) -> None:
        self.run("build", "--network", "host", "-t", tag, *words, str(context))

    def base(self, tag: str, commands: str) -> None:
        """An image of the stack with these commands of a Dockerfile run in it."""
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "Dockerfile").write_text(f"FROM stack\n{commands}")
            self.build(tag, Path(name))

    def forget_mounts(self) -> None:
        """Empty what `RUN --mount=type=cache` keeps, which `--no-cache` leaves."""
        self.run("builder", "prune", "--force", "--filter", "type=exec.cachemount")

    def size(self, tag: str) -> int:
        """Bytes of an image, its base included."""
        return int(self.run("image", "inspect", "--format", "{{.Size}}", tag))

    def start(self, name: str, tag: str, port: int) -> None:
        """Run an app on a port of the host, in place of what ran under that name."""
        self.run("rm", "--force", name, check=False)
        self.run("run", "--detach", "--network", "host", "--env", f"PORT={port}", "--name", name, tag)


@contextlib.contextmanager
def daemon() -> Iterator[Docker | None]:
    """None where no daemon can be started."""
    home = Path(tempfile.mkdtemp(prefix="celadon-docker-", dir="/var/lib"))
    try:
        server, *others = (program(name, "docker.io", "containerd", "runc") for name in _PROGRAMS)
        # Another client of the machine may lack what its daemon brings.
        client = str(Path(server).parents[1] / "bin" / "docker")
        found = Docker(client, home / "docker.sock")
        places = dict.fromkeys(str(Path(path).parent) for path in (server, *others))
        argv = ["env", f"PATH={':'.join(places)}:{os.environ['PATH']}", server]
        argv += ["--host", f"unix://{found.socket}", "--data-root", f"{home}/data", "--exec-root", f"{home}/exec"]
        argv += ["--pidfile", f"{home}/pid", "--bridge", "none", "--iptables=false", "--ip-masq=false"]
        with running(home / "log", *argv) as started:
            if not _answers(found, started):
                print(f"no Docker daemon: {(home / 'log').read_text()[-400:]}", file=sys.stderr)
                yield None
                return
            root = subprocess.Popen(["tar", "-C", stack.image(), "-c", "."], stdout=subprocess.PIPE)
            argv = [client, "--host", f"unix://{found.socket}", "import", "-", "stack"]
            subprocess.run(argv, stdin=root.stdout, check=True, stdout=subprocess.DEVNULL)
            try:
                yield found
            finally:
                for container in found.run("ps", "--all", "--quiet").split():
                    found.run("rm", "--force", container, check=False)
                started.terminate()
                started.wait(20)
    finally:
        subprocess.run(
            ["sh", "-c", f"umount -l {home}/data/overlay2/*/merged {home}/exec/netns/* 2>/dev/null"], check=False
        )
        shutil.rmtree(home, ignore_errors=True)


def _answers(docker: Docker, started: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and started.poll() is None:
        if docker.run("info", "--format", "{{.ServerVersion}}", check=False):
            return True
        time.sleep(0.1)
    return False
