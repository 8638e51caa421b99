"""Large pushes go through in bounded memory, and too large ones are refused."""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.git.town import Builder, Relay, Town, Tree, wait_until

from celadon.actions import apps
from celadon.store import builds


@pytest.fixture(params=["ssh", "http"])
def door(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def deploy(town: Town, door: str, megabytes: int) -> int:
    """Push that much of what cannot be compressed; returns by how many KB the role has grown."""
    relay = Relay(town.socket)
    builder = Builder(town)
    try:
        name = town.create_app().name
        tree = Tree(town, town.ssh_url(name) if door == "ssh" else relay.url(name, town.token))
        tree.commit()
        assert tree.push().returncode == 0
        before = memory(town)
        for n in range(megabytes // 10):
            (tree.path / f"{n}.bin").write_bytes(os.urandom(10 << 20))
        tree.commit()
        done = tree.push()
        assert done.returncode == 0, done.stderr
        with tarfile.open(town.context.blobs.source(builder.taken[-1].id)) as archive:
            assert sum(member.size for member in archive) > megabytes << 20
        return memory(town) - before
    finally:
        builder.close()
        relay.close()


def memory(town: Town) -> int:
    """The most memory the role ever had, in KB."""
    assert town.role is not None
    status = Path(f"/proc/{town.role.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


@pytest.fixture
def own_town() -> Iterator[Town]:
    town = Town()
    try:
        town.start_role()
        yield town
    finally:
        town.close()


def test_50_mb_go_through_in_bounded_memory(own_town: Town, door: str) -> None:
    assert deploy(own_town, door, 50) < 30_000


@pytest.mark.long
def test_200_mb_go_through_in_bounded_memory(own_town: Town, door: str) -> None:
    assert deploy(own_town, door, 200) < 30_000


def test_a_push_to_a_large_repository_is_told_so(own_town: Town) -> None:
    app = own_town.create_app()
    tree = Tree(own_town, own_town.ssh_url(app.name))
    tree.commit()
    assert "The repository of" not in tree.push("main:topic").stderr
    # A hole counts as what it stands for, as git itself would read it.
    ballast = own_town.context.blobs.repository(app.id) / "objects" / "ballast"
    with ballast.open("wb") as file:
        file.truncate(600 << 20)
    tree.commit()
    done = tree.push("main:topic")
    assert done.returncode == 0
    assert f" !     The repository of {app.name} has 600 MB: pushes to it and clones of it take long." in done.stderr
    wait_until(lambda: (apps.find(own_town.context, own_town.actor, app.name).repo_size or 0) > 600 << 20)


@pytest.fixture
def narrow_town() -> Iterator[Town]:
    town = Town(source_limit=1 << 20)
    try:
        town.start_role()
        yield town
    finally:
        town.close()


def test_what_is_over_the_limit_is_refused(narrow_town: Town) -> None:
    tree = Tree(narrow_town, narrow_town.ssh_url(narrow_town.create_app().name))
    # It packs to almost nothing and would unpack to 20 MB.
    tree.commit(zeros__txt="0" * (20 << 20))
    bomb = tree.push()
    assert bomb.returncode == 1
    assert "cannot build this: its files are larger than 1 MB together" in bomb.stderr
    (tree.path / "random.bin").write_bytes(os.urandom(2 << 20))
    tree.commit()
    pack = tree.push("main:topic")
    assert pack.returncode == 1 and "exceeds maximum allowed size" in pack.stderr
    assert list((narrow_town.home / "sources").iterdir()) == []
    with narrow_town.context.database.read() as tx:
        assert builds.list_pending(tx) == []


@pytest.mark.parametrize(
    ("prefix", "count", "sentence"),
    [
        ("b", 10_000, "cannot take 10,001 refs in one push"),
        ("b" * 200 + "/", 16_000, "cannot take that many refs in one push"),
    ],
)
def test_more_refs_than_anybody_has_are_refused(own_town: Town, prefix: str, count: int, sentence: str) -> None:
    tree = Tree(own_town, own_town.ssh_url(own_town.create_app().name))
    sha = tree.commit()
    names = sorted(f"refs/heads/{prefix}{n}" for n in range(count))
    # Git would make a file for each.
    packed = ["# pack-refs with: peeled fully-peeled sorted", *(f"{sha} {name}" for name in names)]
    (tree.path / ".git" / "packed-refs").write_text("\n".join(packed) + "\n")
    done = tree.push("refs/heads/b*:refs/heads/b*", "main")
    assert done.returncode == 1 and sentence in done.stderr, done.stderr[:2000]
    assert tree.git("ls-remote", "celadon") == ""
