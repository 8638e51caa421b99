"""The runit tree, with roles of the test's own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from celadon.platform import processes, runtimes, supervise
from celadon.platform.settings import Settings
from celadon.runtime import cgroups

# Stands in for the interpreter: `role NAME --home HOME` arrives in argv as it does for a real role.
SLEEPER = """#!{python}
import signal, sys
print("role", sys.argv[-3], "speaks", flush=True)
signal.pause()
"""


T = TypeVar("T")


def wait(condition: Callable[[], T], seconds: float = 60.0) -> T:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    # A number of its own: a platform of this machine has control groups.
    settings = Settings(home=tmp_path / "a home", instance=100_000 + os.getpid())
    # In memory: runsv writes what it does into its tree before it does it, and a disk may stand still for seconds.
    settings.home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", settings.home], check=True)
    program = tmp_path / "sleeper"
    program.write_text(SLEEPER.format(python=sys.executable))
    program.chmod(0o755)
    supervise.write_tree(settings, ("api", "clock"), python=str(program))
    yield settings
    supervise.stop(settings)
    # Whoever keeps the output may still have it open.
    subprocess.run(["umount", "--lazy", settings.home], check=True)


def test_started_tree_runs_every_role_and_keeps_its_output(settings: Settings) -> None:
    assert supervise.start(settings)
    wait(lambda: set(supervise.pids(settings)) == {"api", "clock"})
    log = settings.home / "log/api/current"
    # Who keeps it is a program of its own, which may start later than the role.
    wait(lambda: log.exists() and "role api speaks" in log.read_text())


def test_second_start_leaves_the_running_tree_alone(settings: Settings) -> None:
    supervise.start(settings)
    wait(lambda: len(supervise.pids(settings)) == 2)
    before = supervise.pids(settings)
    assert not supervise.start(settings)
    assert supervise.pids(settings) == before


def begun(pid: int) -> float:
    """When a process began, in seconds since the machine did."""
    status = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
    return int(status.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


def test_killed_role_is_back_within_a_second(settings: Settings) -> None:
    supervise.start(settings)
    wait(lambda: len(supervise.pids(settings)) == 2)
    first = supervise.pids(settings)["api"]
    # runsv waits a second before it starts again what ran for less than one.
    age = time.monotonic()
    wait(lambda: time.monotonic() - age > 1.1)
    killed = time.clock_gettime(time.CLOCK_BOOTTIME)
    os.kill(first, signal.SIGKILL)
    wait(lambda: supervise.pids(settings).get("api", first) != first)
    # As the kernel saw it: how long a program then takes to load is the machine's affair.
    assert begun(supervise.pids(settings)["api"]) - killed < 1.0


@pytest.fixture
def groups(settings: Settings) -> Iterator[None]:
    if cgroups.hierarchy() is cgroups.Hierarchy.UNIFIED:
        pytest.skip("on v2 roles stay where systemd keeps them")
    try:
        runtimes.weigh(settings)
    except OSError as error:
        pytest.skip(f"needs control groups: {error}")
    yield
    supervise.stop(settings)
    cgroups.Cgroups(root=settings.cgroup, kind=cgroups.hierarchy()).remove_root()


@pytest.mark.usefixtures("groups")
def test_a_role_has_its_part_of_the_processors_before_its_program_starts(settings: Settings) -> None:
    """Loading is nearly all of a start: without, it would take as long as others on the machine let it."""
    supervise.start(settings)
    pids = wait(lambda: found if len(found := supervise.pids(settings)) == 2 else {})
    for pid in pids.values():
        assert f":cpu:{settings.cgroup}/roles\n" in Path(f"/proc/{pid}/cgroup").read_text()


def test_stop_ends_the_whole_tree(settings: Settings) -> None:
    supervise.start(settings)
    wait(lambda: len(supervise.pids(settings)) == 2)
    everyone = [*supervise.pids(settings).values(), supervise.supervisor_pid(settings) or 0]
    supervise.stop(settings)
    assert not supervise.running(settings)
    assert not any(processes.alive(pid) for pid in everyone)
    assert supervise.pids(settings) == {}


def test_stop_ends_roles_whose_supervisor_was_killed(settings: Settings) -> None:
    supervise.start(settings)
    wait(lambda: len(supervise.pids(settings)) == 2)
    role = supervise.pids(settings)["api"]
    os.kill(supervise.supervisor_pid(settings) or 0, signal.SIGKILL)
    supervise.stop(settings)
    assert not processes.alive(role)


def test_tree_outlives_the_process_that_started_it(settings: Settings, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from celadon.platform import settings, supervise;"
        "supervise.start(settings.Settings(home=Path(sys.argv[1])))"
    )
    started = subprocess.run([sys.executable, "-c", code, str(settings.home)], start_new_session=True, check=True)
    assert started.returncode == 0
    wait(lambda: len(supervise.pids(settings)) == 2)


def test_unchanged_tree_is_not_written_again(settings: Settings, tmp_path: Path) -> None:
    run = settings.home / "roles/api/run"
    before = run.stat().st_ino
    supervise.write_tree(settings, ("api", "clock"), python=str(tmp_path / "sleeper"))
    assert run.stat().st_ino == before
