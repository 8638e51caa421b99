import signal
import subprocess
import time
from pathlib import Path

import pytest

from celadon.runtime import cgroups, protocol


def test_the_three_ways_of_mounting_are_told_apart(tmp_path: Path) -> None:
    v2, hybrid, v1, none = (tmp_path / name for name in ("v2", "hybrid", "v1", "none"))
    for path in (v2, hybrid / "unified", v1 / "memory", none):
        path.mkdir(parents=True)
    (v2 / "cgroup.controllers").touch()
    (hybrid / "unified" / "cgroup.controllers").touch()
    assert cgroups.hierarchy(v2) is cgroups.Hierarchy.UNIFIED
    assert cgroups.hierarchy(hybrid) is cgroups.Hierarchy.HYBRID
    assert cgroups.hierarchy(v1) is cgroups.Hierarchy.LEGACY
    with pytest.raises(protocol.RuntimeFailure, match="no control groups"):
        cgroups.hierarchy(none)


def test_memory_of_v1_counts_shared_memory_as_used(tmp_path: Path) -> None:
    group = tmp_path / "memory" / "celadon7" / "web"
    group.mkdir(parents=True)
    (group / "memory.stat").write_text(
        "cache 1\ntotal_cache 5000\ntotal_rss 70000\ntotal_shmem 1000\ntotal_swap 300\ntotal_pgpgin 7\ntotal_pgpgout 8\n"
    )
    found = cgroups.Cgroups(root="/celadon7", kind=cgroups.Hierarchy.LEGACY, mount=tmp_path).memory("web")
    assert found == protocol.MemoryUse(rss=71000, cache=4000, swap=300, pgpgin=7, pgpgout=8)


def test_memory_of_v2(tmp_path: Path) -> None:
    group = tmp_path / "celadon7" / "web"
    group.mkdir(parents=True)
    (group / "memory.stat").write_text("anon 70000\nfile 5000\nshmem 1000\npgfault 7\npgsteal 8\n")
    (group / "memory.swap.current").write_text("300\n")
    found = cgroups.Cgroups(root="/celadon7", kind=cgroups.Hierarchy.UNIFIED, mount=tmp_path).memory("web")
    assert found == protocol.MemoryUse(rss=71000, cache=4000, swap=300, pgpgin=7, pgpgout=8)


def test_a_share_is_one_of_processors_and_of_disks_where_the_kernel_shares_those_out(tmp_path: Path) -> None:
    disks = tmp_path / "blkio" / "celadon7" / "build-dynos"
    disks.mkdir(parents=True)
    (disks / "blkio.bfq.weight").touch()
    cgroups.weigh("/celadon7/build-dynos", 0.1, cgroups.Hierarchy.HYBRID, tmp_path)
    assert (tmp_path / "cpu/celadon7/build-dynos/cpu.shares").read_text() == "102"
    assert (disks / "blkio.bfq.weight").read_text() == "10"
    v2 = tmp_path / "v2"
    group = v2 / "celadon7"
    group.mkdir(parents=True)
    for name in ("cpu.weight", "io.weight"):
        (group / name).touch()
    cgroups.weigh("/celadon7", 8, cgroups.Hierarchy.UNIFIED, v2)
    assert {path.name: path.read_text() for path in group.iterdir()} == {"cpu.weight": "800", "io.weight": "800"}
    assert (v2 / "cgroup.subtree_control").read_text() == "+io"


def test_a_container_that_is_gone_uses_no_memory(tmp_path: Path) -> None:
    groups = cgroups.Cgroups(root="/celadon7", kind=cgroups.Hierarchy.UNIFIED, mount=tmp_path)
    assert groups.memory("web") is None


def test_processes_below_the_containers_group_are_its_own(tmp_path: Path) -> None:
    group = tmp_path / "celadon7" / "web"
    (group / "below").mkdir(parents=True)
    for directory, text in ((tmp_path, "1\n"), (group, "12\n13\n"), (group / "below", "14\n")):
        (directory / "cgroup.procs").write_text(text)
    groups = cgroups.Cgroups(root="/celadon7", kind=cgroups.Hierarchy.UNIFIED, mount=tmp_path)
    assert groups.pids("web") == {12, 13, 14}


def test_what_is_left_of_all_containers_is_killed_at_once(instance: int) -> None:
    kind = cgroups.hierarchy()
    groups = cgroups.Cgroups(root=f"/celadon{instance}", kind=kind)
    top = cgroups.MOUNT if kind is cgroups.Hierarchy.UNIFIED else cgroups.MOUNT / "memory"
    group = top / f"celadon{instance}/addons/left"
    group.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as left:
        try:
            (group / "cgroup.procs").write_text(str(left.pid))
            groups.kill("", time.monotonic() + 10)
            assert left.wait(timeout=10) == -signal.SIGKILL
        finally:
            left.kill()
    groups.remove_root()
    assert not group.exists()
