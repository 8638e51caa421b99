"""A throwaway build dyno and dyno for the buildpacks' tests: the stack's root filesystem in namespaces of its own.

Not the platform's runtime: this runs the scripts as any classic builder would, with the host's network or with none.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests import ports

from celadon.platform import images
from celadon.platform.settings import IMAGE_CACHE, Settings

BUILDPACKS = Path(__file__).parents[2] / "buildpacks"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
UV = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
UID = 64_123

# Namespaces of its own, the stack's root read-only with the folders put in, then the app's uid.
# Mounted below a private tmpfs so that many may run at once on one image.
ENTER = r"""
set -e
image=$1; shift
root=/mnt
mount --bind "$image" "$root"
mount -o remount,bind,ro "$root"
for folder in tmp app run var/tmp; do mount -t tmpfs -o mode=1777 none "$root/$folder"; done
mount --rbind /dev "$root/dev"
mount -t proc none "$root/proc"
while [ "$1" != -- ]; do
  mkdir -p "$(dirname "$root$2")"
  if [ -d "$1" ]; then mkdir -p "$root$2"; else [ -e "$root$2" ] || : >"$root$2"; fi
  mount --bind "$1" "$root$2"
  shift 2
done
shift
# Without the host's network a machine still has itself; with it, this changes nothing.
ip link set lo up
uid=$1 cwd=$2; shift 2
exec chroot "$root" setpriv --pdeathsig KILL --reuid "$uid" --regid "$uid" --clear-groups --no-new-privs env -C "$cwd" "$@"
"""


def image() -> Path:
    """The stack image, built first where this machine has none."""
    settings = Settings(home=Path("/nonexistent"), images=IMAGE_CACHE)
    images.build(settings, "cedar")
    return images.path(settings, "cedar")


def enter_argv(binds: Mapping[Path, str], cwd: str, argv: list[str], *, alone: bool = False) -> list[str]:
    same = [CA_BUNDLE, Path("/etc/resolv.conf"), Path("/etc/hosts")]
    files = {path: str(path) for path in same} | ({Path(UV): "/usr/local/bin/uv"} if UV else {})
    mounts = [part for source, target in {**files, **binds}.items() for part in (str(source), target)]
    spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    spaces += ["--net"] if alone else []
    return [*spaces, "bash", "-c", ENTER, "enter", str(image()), *mounts, "--", str(UID), cwd, *argv]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """How a script ended: `output` is stdout and stderr together, `seconds` the whole run."""

    status: int
    output: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One app's folders on disk: `source` is what was pushed, `cache` outlives a build, `slug` is what was built last.

    `build` names the build's folder: on a platform each build has another one.
    """

    folder: Path
    build: str = "build_1"

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def work(self) -> Path:
        """Cache and build folder on one mount, so that hard links between them are possible."""
        return self.folder / "work"

    @property
    def cache(self) -> Path:
        return self.work / "cache"

    @property
    def installed(self) -> Path:
        """The buildpack's own folder in the build: a copy, as if it had come from its git URL."""
        return self.folder / "buildpack"

    @property
    def slug(self) -> Path:
        return self.work / self.build

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            if name.startswith("bin/"):
                path.chmod(0o755)

    def detect(self, buildpack: str) -> str | None:
        ran = self._script(buildpack, "detect", self.source)
        return ran.stdout.strip() if ran.returncode == 0 else None

    def release(self, buildpack: str) -> str:
        ran = self._script(buildpack, "release", self.slug)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def _script(self, buildpack: str, script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
        binds = {BUILDPACKS / buildpack: "/run/buildpack", folder: "/run/build"}
        argv = enter_argv(binds, "/run/buildpack", [f"bin/{script}", "/run/build"])
        return subprocess.run(argv, capture_output=True, text=True, env=environment({}), check=False)

    def compile(
        self,
        buildpack: str,
        *,
        env: Mapping[str, str] | None = None,
        fresh: bool = True,
        apart: bool = False,
        alone: bool = False,
    ) -> Compiled:
        """Build the source as a push would: a fresh checkout, the cache of before.

        `fresh=False` builds on what is there (a second buildpack); `apart` puts the cache on a mount of its own;
        `alone` takes the network away, as a push that changes only code must not need it.
        """
        if fresh:
            shutil.rmtree(self.slug, ignore_errors=True)
            shutil.copytree(self.source, self.slug, symlinks=True)
        for folder in (self.work, self.cache, self.config, self.installed.parent):
            folder.mkdir(exist_ok=True, parents=True)
        shutil.rmtree(self.installed, ignore_errors=True)
        shutil.copytree(BUILDPACKS / buildpack, self.installed)
        own(self.installed)
        own(self.work)
        binds = {self.installed: "/run/buildpack", self.work: "/tmp/work", self.config: "/run/config"}
        if apart:
            binds |= {self.cache: "/run/cache"}
        argv = ["bin/compile", f"/tmp/work/{self.build}", "/run/cache" if apart else "/tmp/work/cache", "/run/config"]
        started = time.monotonic()
        ran = subprocess.run(
            enter_argv(binds, "/run/buildpack", argv, alone=alone),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(env or {}),
            check=False,
            timeout=300,
        )
        return Compiled(status=ran.returncode, output=ran.stdout, seconds=time.monotonic() - started)

    def run(self, command: str, *, env: Mapping[str, str] | None = None) -> Compiled:
        """Run a command in a dyno of the slug and wait for it."""
        started = time.monotonic()
        argv, full = self._dyno(command, env or {})
        ran = subprocess.run(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=full, check=False, timeout=300
        )
        return Compiled(status=ran.returncode, output=ran.stdout, seconds=time.monotonic() - started)

    @contextlib.contextmanager
    def serve(self, command: str, *, env: Mapping[str, str] | None = None) -> Iterator[str]:
        """Run a web dyno until the block ends; gives its URL once it accepts connections."""
        with ports.held() as (port,), tempfile.TemporaryFile("w+") as output:
            argv, full = self._dyno(command, {"PORT": str(port), **(env or {})})
            running = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT, env=full, start_new_session=True)
            try:
                wait_for_port(port, running, lambda: _text(output))
                yield f"http://127.0.0.1:{port}"
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)
                running.wait()

    def _dyno(self, command: str, env: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        start = 'for file in .profile.d/*.sh; do [ -e "$file" ] && . "$file"; done; eval "$0"'
        return enter_argv({self.slug: "/app"}, "/app", ["bash", "-c", start, command]), environment(env)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    path = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    return {"PATH": path, "HOME": "/app", "STACK": "heroku-24", **extra}


def own(folder: Path) -> None:
    subprocess.run(["chown", "-hR", f"{UID}:{UID}", folder], check=True)


def wait_for_port(port: int, running: "subprocess.Popen[bytes]", output: Callable[[], str]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert running.poll() is None, output()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing accepts on port {port}: {output()}")


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def get(url: str, **headers: str) -> tuple[int, str, Mapping[str, str]]:
    """Status, text and headers of a page, whatever the status."""
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read().decode(), dict(response.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)
