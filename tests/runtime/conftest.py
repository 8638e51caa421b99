"""Fixtures for tests that run real containers: a root filesystem, an instance number of one's own, a runtime."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.running import OPEN_PORT, Place

from celadon.runtime import cgroups, crun, network

CACHE = Path("/var/cache/celadon")
LOCKS = Path("/run/celadon-tests")
# Numbers below are left to platforms that people run on the same machine.
INSTANCES = range(20, 40)


@contextlib.contextmanager
def flocked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a file's lock; gives False when somebody else has it and we do not wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


@pytest.fixture(scope="session")
def stack_root() -> Path:
    """The stack image when it was built on this machine, else a small root filesystem of Debian's."""
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    for image in sorted(CACHE.glob("images/cedar-*/rootfs")):
        if (image.parent / "trust").exists() and (image / "app").is_dir():
            return image
    root = CACHE / "test-root"
    with flocked(LOCKS / "root.lock", wait=True):
        if not (root / "app").is_dir():
            shutil.rmtree(root, ignore_errors=True)
            root.parent.mkdir(parents=True, exist_ok=True)
            mirror = os.environ.get("CELADON_DEBIAN_MIRROR", "http://deb.debian.org/debian")
            argv = ["mmdebstrap", "--variant=minbase", "--include=python3,ca-certificates", "trixie", str(root), mirror]
            subprocess.run(argv, check=True, capture_output=True)
            (root / "app").mkdir()
    return root


@pytest.fixture(scope="session")
def instance() -> Iterator[int]:
    """A platform's number that nobody else on this machine uses while this worker runs."""
    with contextlib.ExitStack() as stack:
        yield free_instance(stack)


@pytest.fixture
def other_network() -> Iterator[network.Network]:
    """The network of another platform on this machine."""
    with contextlib.ExitStack() as stack:
        found = network_of(free_instance(stack))
        found.ensure()
        yield found
        found.teardown()


def free_instance(stack: contextlib.ExitStack) -> int:
    for number in INSTANCES:
        if stack.enter_context(flocked(LOCKS / f"instance-{number}.lock", wait=False)):
            return number
    raise AssertionError("no instance number is free")


def network_of(instance: int) -> network.Network:
    name = f"celadon{instance}"
    return network.Network(
        name=name,
        bridge=f"{name}br",
        subnet=f"10.{200 + instance}.0.0/16",
        nft_table=name,
        resolvers=network.host_resolvers(),
        open_ports=(OPEN_PORT,),
    )


@pytest.fixture
def place(tmp_path: Path, stack_root: Path, instance: int) -> Iterator[Place]:
    name = f"celadon{instance}"
    net = network_of(instance)
    found = Place(home=tmp_path, root=stack_root, instance=instance, network=net)
    (tmp_path / "slug").mkdir()
    try:
        yield found
    finally:
        runtime = found.runtime()
        for container_id in runtime.list():
            runtime.remove(container_id)
        net.teardown()
        groups = cgroups.Cgroups(root=found.cgroup, kind=cgroups.hierarchy())
        groups.kill("", time.monotonic() + 60)
        groups.remove_root()
        shutil.rmtree(f"/run/{name}", ignore_errors=True)


@pytest.fixture(params=["crun", "runc"])
def runtime(request: pytest.FixtureRequest, place: Place) -> crun.CrunRuntime:
    """The contract is the same for both programs."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return place.runtime(request.param)
