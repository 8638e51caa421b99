import concurrent.futures
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runtime.running import until

from celadon.runtime import loops, protocol, slugs


@pytest.fixture
def slug(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    (source / "Procfile").write_text("web: ./server\n")
    path = tmp_path / "s1.squashfs"
    subprocess.run(["mksquashfs", source, path, "-quiet", "-no-progress", "-comp", "zstd"], check=True)
    return path


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "with blank" / "slugs"
    yield directory
    for slug_id in slugs.mounted(directory):
        slugs.unmount(directory / slug_id)
    assert loops.mounts(directory) == set()


def test_a_mounted_slug_is_readable_and_cannot_be_written(slug: Path, mounts: Path) -> None:
    found = slugs.mount(slug, mounts / "s1")
    assert (found / "Procfile").read_text() == "web: ./server\n"
    with pytest.raises(OSError, match="Read-only"):
        (found / "new").touch()


def test_many_at_once_mount_it_once(slug: Path, mounts: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: slugs.mount(slug, mounts / "s1"), range(16)))
    assert set(found) == {mounts / "s1"}
    assert loops.unmount(mounts / "s1")
    assert not loops.unmount(mounts / "s1")


def test_more_slugs_than_the_machine_has_loop_nodes(slug: Path, mounts: Path) -> None:
    wanted = {f"s{number}" for number in range(20)}
    for slug_id in wanted:
        slugs.mount(slug, mounts / slug_id)
    assert slugs.mounted(mounts) == wanted


def test_unmounting_twice_is_no_error_and_leaves_nothing(slug: Path, mounts: Path) -> None:
    slugs.mount(slug, mounts / "s1")
    slugs.unmount(mounts / "s1")
    slugs.unmount(mounts / "s1")
    assert slugs.mounted(mounts) == set()
    assert not (mounts / "s1").exists()
    # A container that is being started elsewhere on the machine has a copy of every mount for a moment.
    until(lambda: not loops.in_use(slug), "its device is free")


def test_keep_only_spares_what_is_wanted_and_what_was_asked_for_just_now(slug: Path, mounts: Path) -> None:
    for slug_id in ("old", "wanted"):
        slugs.mount(slug, mounts / slug_id)
    slugs.keep_only(mounts, {"wanted"})
    assert slugs.mounted(mounts) == {"old", "wanted"}
    slugs.keep_only(mounts, {"wanted"}, grace=0.0)
    assert slugs.mounted(mounts) == {"wanted"}


def test_what_is_no_slug_is_refused_with_a_reason(tmp_path: Path, mounts: Path) -> None:
    bad = tmp_path / "bad.squashfs"
    bad.write_bytes(b"x" * 8192)
    with pytest.raises(protocol.RuntimeFailure, match="cannot mount slug bad"):
        slugs.mount(bad, mounts / "bad")
    with pytest.raises(protocol.RuntimeFailure, match="missing"):
        slugs.mount(tmp_path / "none.squashfs", mounts / "none")
    assert slugs.mounted(mounts) == set()


def test_an_unpacked_slug_counts_as_mounted(slug: Path, mounts: Path) -> None:
    mounts.mkdir(parents=True)
    slugs.unpack(slug, mounts / "s1")
    assert slugs.mounted(mounts) == {"s1"}
    assert slugs.mount(slug, mounts / "s1") == mounts / "s1"
    assert loops.mounts(mounts) == set()
    assert (mounts / "s1" / "Procfile").exists()
    slugs.unmount(mounts / "s1")
    assert slugs.mounted(mounts) == set()
    assert not (mounts / "s1").exists()
