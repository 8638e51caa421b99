"""Dynos: command to first byte of output, 40 at once, memory at rest and for each idle dyno.

    .venv/bin/python bench/dynos.py

Starts go through the runtime as the dyno manager's do (slug and image present); memory is of a running platform.
"""

import json
import os
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import common

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


def starts(settings: Settings, runtime: CrunRuntime, root: Path, lower: Path) -> tuple[list[float], list[float]]:
    single = []
    for number in range(30):
        container = spec(settings, root, lower, number)
        single.append(1000 * common.timed(lambda container=container: first_byte(runtime, container)))
        runtime.remove(container.id)
    many = []
    for _ in range(3):
        batch = [spec(settings, root, lower, number) for number in range(_AT_ONCE)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            many.append(
                common.timed(lambda batch=batch, pool=pool: list(pool.map(lambda one: first_byte(runtime, one), batch)))
            )
            list(pool.map(lambda one: runtime.remove(one.id), batch))
    return single, many


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
        ("start: command to first byte", common.summary(single, "ms", 0)),
        (f"{_AT_ONCE} at once", common.summary(many)),
        ("platform at rest (roles and HAProxy, PSS)", f"{rest / 1024:.0f} MiB"),
        ("more for each idle dyno (PSS)", f"{each / 1024:.2f} MiB"),
    ]
    common.table("Dynos", rows)


if __name__ == "__main__":
    main()
