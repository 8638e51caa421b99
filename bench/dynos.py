"""Dynos: command to first byte of output, 40 at once, memory at rest and for each idle dyno.

    .venv/bin/python bench/dynos.py

Starts go through the runtime as the dyno manager's do (slug and image present); memory is of a running platform. In turn
with them: a plain subprocess, and `docker run --network none` of a busybox, whose daemon is Debian's, unpacked and not
installed, without a bridge. It has less to do: no network, no limits, no disk of its own.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import common
from processes import program

from celadon.platform import images, runtimes
from celadon.platform import settings as platform_settings
from celadon.platform.settings import Settings
from celadon.runtime.crun import CrunRuntime
from celadon.runtime.protocol import ContainerSpec, Limits, Overlay

_AT_ONCE = 40


def spec(settings: Settings, root: Path, lower: Path, number: int) -> ContainerSpec:
    container_id = f"dyno-{uuid.uuid4().hex[:13]}-1"
    # Not among the dyno manager's own, who removes what it has no row for.
    bundle = settings.home / "bench-dynos" / container_id
    return ContainerSpec(
        id=container_id,
        root=root,
        argv=("/bin/sh", "-c", "echo ready; exec sleep 600"),
        env={"PATH": "/usr/bin:/bin"},
        cwd="/app",
        uid=settings.uid_base + 9_000,
        hostname="bench",
        limits=Limits(memory=512 << 20, swap=512 << 20),
        bundle=bundle,
        log_path=bundle / "output.log",
        address=f"10.{200 + settings.instance}.220.{number + 1}",
        mounts=(Overlay(lower=(lower,), scratch=bundle / "scratch", target="/app", limit=settings.dyno_disk_limit),),
    )


def first_byte(runtime: CrunRuntime, container: ContainerSpec) -> None:
    runtime.start(container)
    while not (container.log_path.exists() and container.log_path.stat().st_size):
        time.sleep(0.0005)


def starts(
    settings: Settings, runtime: CrunRuntime, root: Path, lower: Path
) -> tuple[dict[str, list[float]], list[float]]:
    single: dict[str, list[float]] = {"dyno": [], "plain subprocess": [], "docker run": []}
    with docker() as docker_run:
        docker_run()
        for number in range(30):
            container = spec(settings, root, lower, number)
            single["dyno"].append(1000 * common.timed(lambda container=container: first_byte(runtime, container)))
            runtime.remove(container.id)
            single["plain subprocess"].append(subprocess_start())
            single["docker run"].append(docker_run())
    many = []
    for _ in range(3):
        batch = [spec(settings, root, lower, number) for number in range(_AT_ONCE)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            many.append(
                common.timed(lambda batch=batch, pool=pool: list(pool.map(lambda one: first_byte(runtime, one), batch)))
            )
            list(pool.map(lambda one: runtime.remove(one.id), batch))
    return single, many


def subprocess_start() -> float:
    began = time.perf_counter()
    with subprocess.Popen(["/bin/sh", "-c", "echo ready; exec sleep 600"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        taken = 1000 * (time.perf_counter() - began)
        process.kill()
    return taken


@contextlib.contextmanager
def docker() -> Iterator[Callable[[], float]]:
    """A Docker daemon of this benchmark; what is given starts one container and tells the milliseconds it took."""
    daemon = program("dockerd", "docker.io", "containerd")
    busybox = program("busybox", "busybox-static")
    with tempfile.TemporaryDirectory(prefix="docker-bench-") as name:
        home = Path(name)
        path = f"{Path(daemon).parent}:{Path(daemon).parents[1] / 'bin'}:{os.environ['PATH']}"
        client = [str(Path(daemon).parents[1] / "bin" / "docker"), "-H", f"unix://{home}/socket"]
        argv = [daemon, f"--data-root={home}/data", f"--exec-root={home}/run", f"--pidfile={home}/pid"]
        argv += ["-H", f"unix://{home}/socket", "--iptables=false", "--bridge=none"]
        with (home / "log").open("wb") as log:
            started = subprocess.Popen(argv, env={"PATH": path}, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 30
            while subprocess.run([*client, "version"], capture_output=True, check=False).returncode:
                if time.monotonic() > deadline:
                    sys.exit(f"no Docker daemon: {(home / 'log').read_text()[-500:]}")
                time.sleep(0.1)
            root = home / "root" / "bin"
            root.mkdir(parents=True)
            shutil.copy(busybox, root / "sh")
            packed = subprocess.run(["tar", "c", "-C", str(root.parent), "."], capture_output=True, check=True).stdout
            subprocess.run([*client, "import", "-", "bench:1"], input=packed, capture_output=True, check=True)
            yield lambda: docker_start(client)
        finally:
            started.terminate()
            started.wait()
            subprocess.run(f"umount {home}/data/* {home}/run/* 2>/dev/null", shell=True, check=False)  # noqa: S602


def docker_start(client: list[str]) -> float:
    began = time.perf_counter()
    argv = [*client, "run", "--rm", "--network=none", "bench:1", "/bin/sh", "-c", "echo ready"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        return 1000 * (time.perf_counter() - began)


def pss(pid: int) -> int:
    """Proportional set size in KiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def platform_pids(bench: common.Bench) -> list[int]:
    """Roles, engines, and everything that runs for a dyno but its own processes: the monitors."""
    info = json.loads(bench.celadon("platform:info", "--json"))
    pids = [pid for pid in (*info["pids"].values(), *info["engines"].values()) if pid]
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                words = (directory / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if words.startswith(b"/usr/bin/conmon") and os.fsencode(bench.home) in words:
                pids.append(int(directory.name))
    return sorted(set(pids))


def memory(bench: common.Bench) -> tuple[int, float]:
    """KiB of the platform at rest, and KiB more for each of 20 idle dynos (their own processes not counted)."""
    checkout = bench.directory / "idle"
    checkout.mkdir()
    (checkout / "Procfile").write_text("idle: sleep 3600\n")
    bench.run("git", "init", "-qb", "main", cwd=checkout)
    bench.run("git", "add", "-A", cwd=checkout)
    bench.run("git", "commit", "-qm", "idle", cwd=checkout)
    bench.celadon("create", "idle", cwd=checkout)
    bench.run("git", "push", "-q", "celadon", "main", cwd=checkout)
    before = sum(pss(pid) for pid in platform_pids(bench))
    bench.celadon("ps:scale", "idle=20", "--app", "idle")
    deadline = time.monotonic() + 60
    while bench.celadon("ps", "--app", "idle").count(": up") < 20:
        if time.monotonic() > deadline:
            sys.exit("20 dynos never came up")
    after = sum(pss(pid) for pid in platform_pids(bench))
    return before, (after - before) / 20


def main() -> None:
    with common.platform() as bench, tempfile.TemporaryDirectory() as lower:
        settings = platform_settings.load(bench.home)
        rest, each = memory(bench)
        runtime = CrunRuntime(
            bundles=settings.home / "bench-dynos",
            run=settings.run / "bench-dynos",
            cgroup=f"{settings.cgroup}/bench-dynos",
            network=runtimes.network(settings),
        )
        single, many = starts(settings, runtime, images.path(settings, "cedar"), Path(lower))
    rows = [
        *(
            (f"start: command to first byte, {name}", common.summary(values, "ms", 0))
            for name, values in single.items()
        ),
        (f"{_AT_ONCE} at once", common.summary(many)),
        ("platform at rest (roles and HAProxy, PSS)", f"{rest / 1024:.0f} MiB"),
        ("more for each idle dyno (PSS)", f"{each / 1024:.2f} MiB"),
    ]
    common.table("Dynos", rows)


if __name__ == "__main__":
    main()
