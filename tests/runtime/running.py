"""A platform's worth of containers for one test, and how to wait for them."""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from celadon.runtime import crun, network, protocol

OPEN_PORT = 8080


@dataclass(kw_only=True)
class Place:
    """One platform's worth of containers, with everything named after its instance."""

    home: Path
    root: Path
    instance: int
    network: network.Network
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    @property
    def bundles(self) -> Path:
        return self.home / "dynos"

    @property
    def cgroup(self) -> str:
        return f"/celadon{self.instance}"

    @property
    def uid(self) -> int:
        return 200_000 + self.instance * 10_000 + 1

    def runtime(self, program: str = "crun") -> crun.CrunRuntime:
        run = Path(f"/run/celadon{self.instance}")
        return crun.CrunRuntime(
            bundles=self.bundles, run=run, cgroup=self.cgroup, network=self.network, program=program
        )

    def address(self) -> str:
        number = next(self.numbers)
        return f"10.{200 + self.instance}.{number // 250}.{number % 250 + 2}"

    def spec(self, *argv: str, **changes: object) -> protocol.ContainerSpec:
        """A container as a dyno would have it, with what the test wants changed."""
        container_id = f"test-{uuid.uuid4()}"
        directory = self.bundles / container_id
        values: dict[str, object] = {
            "id": container_id,
            "root": self.root,
            "argv": argv,
            "env": {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/app"},
            "cwd": "/app",
            "uid": self.uid,
            "hostname": "web-1",
            "limits": protocol.Limits(memory=256 << 20, swap=256 << 20, pids=64),
            "bundle": directory,
            "log_path": self.home / f"{container_id}.log",
            "address": self.address(),
            "mounts": (protocol.Overlay(lower=(self.home / "slug",), scratch=directory / "scratch", target="/app"),),
        }
        return protocol.ContainerSpec(**{**values, **changes})  # type: ignore[arg-type]


def until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait for a condition; fails with `what` when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.005)


def output(spec: protocol.ContainerSpec) -> str:
    """What the container has written so far, without conmon's prefixes; parts of lines are joined."""
    found = []
    # What has no line end yet is just being written.
    records, _, _ = spec.log_path.read_text("utf-8", "replace").rpartition("\n")
    for line in records.splitlines():
        _, _, kind, text = line.split(" ", 3)
        found.append(text if kind == "P" else f"{text}\n")
    return "".join(found)


def finish(runtime: crun.CrunRuntime, spec: protocol.ContainerSpec, seconds: float = 60.0) -> tuple[int | None, str]:
    """Wait until a started container has ended: its exit status and all it wrote."""
    until(lambda: spec.id in runtime.exits(), f"{spec.id} ends", seconds)
    found = runtime.inspect(spec.id)
    assert found is not None
    return found.exit_status, output(spec)


def run(runtime: crun.CrunRuntime, spec: protocol.ContainerSpec, seconds: float = 60.0) -> tuple[int | None, str]:
    """Start a container and wait until it has ended."""
    runtime.start(spec)
    return finish(runtime, spec, seconds)
