"""What builds have of the processors beside dynos that leave some, and beside dynos that leave none."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.running import until

from celadon.build.shares import Shares, starved
from celadon.platform import runtimes
from celadon.platform.settings import Settings
from celadon.runtime import cgroups
from celadon.runtime.cgroups import Hierarchy, ProcessorUse

_SPIN = "while True: pass"
_LEAN, _FED = 0.01, 0.1


@pytest.mark.parametrize(
    ("had", "wanting", "processors", "expected"),
    [
        (0.02, 1, 2, True),
        (0.5, 1, 2, False),
        (0.02, 0, 2, False),
        (0.15, 4, 2, True),
        (0.25, 4, 2, False),
        # One thread can use one processor, of however many.
        (0.9, 1, 64, False),
    ],
)
def test_who_wants_a_processor_and_has_hardly_any_starves(
    had: float, wanting: int, processors: int, expected: bool
) -> None:
    assert starved(ProcessorUse(7, 1), ProcessorUse(7 + had, wanting), 1, processors) == expected


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    found = Settings(home=tmp_path, acme_email="ops@example.com", instance=100_000 + os.getpid())
    try:
        runtimes.weigh(found)
    except OSError as error:
        pytest.skip(f"needs control groups: {error}")
    yield found
    cgroups.Cgroups(root=found.cgroup, kind=cgroups.hierarchy()).remove_root()


def share(settings: Settings) -> float:
    """Of all builds, relative to all dynos."""
    if cgroups.hierarchy() is Hierarchy.UNIFIED:
        return int((cgroups.MOUNT / settings.name / "build-dynos/cpu.weight").read_text()) / 100
    return round(int((cgroups.MOUNT / "cpu" / settings.name / "build-dynos/cpu.shares").read_text()) / 1024, 2)


def put(settings: Settings, part: str, pid: int) -> None:
    for name in [""] if cgroups.hierarchy() is Hierarchy.UNIFIED else ["cpu", "cpuacct"]:
        group = cgroups.MOUNT / name / settings.name / part
        group.mkdir(parents=True, exist_ok=True)
        (group / "cgroup.procs").write_text(str(pid))


def test_builds_have_next_to_nothing_until_dynos_let_them_starve(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A minute is too long for a test.
    monkeypatch.setattr("celadon.build.shares._FED", 3.0)
    shares, programs = Shares(settings), []
    try:
        with shares.taken():
            assert share(settings) == _LEAN
            # On one processor, so that tests beside this one have the others.
            processor = min(os.sched_getaffinity(0))
            for part in ("build-dynos", "dynos"):
                programs.append(subprocess.Popen([sys.executable, "-c", _SPIN]))
                os.sched_setaffinity(programs[-1].pid, {processor})
                put(settings, part, programs[-1].pid)
            until(lambda: share(settings) == _FED, "builds starve, and are given more", 60)
            with shares.taken():
                pass
            # Again: of the three seconds that they are given more, this test may have missed the end.
            until(lambda: share(settings) == _FED, "the other one still runs, and is looked after", 60)
            for program in programs[1:]:
                program.kill()
            until(lambda: share(settings) == _LEAN, "they starve no more, and are not done", 30)
        until(lambda: share(settings) == _LEAN, "they are over")
    finally:
        for program in programs:
            program.kill()
            program.wait()
