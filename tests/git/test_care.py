"""What the git role does to repositories because the store asks for it."""

import os
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest
from tests.git.town import Builder, Relay, Town, Tree, wait_until

from celadon.actions import apps, releases, repositories
from celadon.actions.context import now
from celadon.git import claims, leftovers
from celadon.model.app import App
from celadon.model.repository import Repository
from celadon.store import repositories as stored


@pytest.fixture(params=["ssh", "http"])
def tree(request: pytest.FixtureRequest, town: Town, relay: Relay) -> Tree:
    name = town.create_app().name
    return Tree(town, town.ssh_url(name) if request.param == "ssh" else relay.url(name, town.token))


def app_of(tree: Tree) -> App:
    name = tree.git("remote", "get-url", "celadon").strip().rpartition("/")[2].removesuffix(".git")
    return apps.find(tree.town.context, tree.town.actor, name)


def reset(tree: Tree) -> None:
    repositories.reset(tree.town.context, tree.town.actor, app_of(tree).name)


def waits(tree: Tree) -> bool:
    return repositories.waits_for_reset(tree.town.context, app_of(tree).id)


def test_after_a_reset_the_next_push_builds_anew(tree: Tree, builder: Builder) -> None:
    sha = tree.commit()
    assert tree.push().returncode == 0
    wait_until(lambda: app_of(tree).repo_size)
    assert "Everything up-to-date" in tree.push().stderr
    reset(tree)
    # No wait for it: whoever comes now waits in the door.
    assert tree.git("ls-remote", "celadon") == ""
    app = app_of(tree)
    assert app.repo_size is None and app.slug_size == 9_000_000
    done = tree.push()
    assert done.returncode == 0 and "Launching... done, v4" in done.stderr
    assert [build.commit for build in builder.taken] == [sha, sha]
    assert releases.list_of(tree.town.context, tree.town.actor, app.name)[1][-1].description == f"Deploy {sha[:8]}"
    wait_until(lambda: left(tree.town) == [])


def left(town: Town) -> list[Path]:
    return [path for path in (town.home / "git").iterdir() if path.name.startswith((".gone-", ".partial-"))]


def test_a_push_that_runs_is_waited_for_and_keeps_its_release(tree: Tree, builder: Builder) -> None:
    builder.go.clear()
    tree.commit()
    push = tree.start("push", "celadon", "main")
    assert push.stderr is not None
    while "Python app detected" not in push.stderr.readline():
        assert push.poll() is None
    reset(tree)
    clone = tree.start("ls-remote", "celadon")
    with pytest.raises(subprocess.TimeoutExpired):
        clone.wait(0.5)
    assert waits(tree)
    builder.go.set()
    assert "deployed to Celadon" in push.stderr.read()
    assert (push.wait(), clone.wait()) == (0, 0)
    wait_until(lambda: not waits(tree))
    assert tree.git("ls-remote", "celadon") == ""
    assert app_of(tree).slug_size == 9_000_000
    for program in (push, clone):
        assert program.stderr is not None
        program.stderr.close()


def test_an_editor_that_commits_is_waited_for(town: Town, relay: Relay, builder: Builder) -> None:
    tree = Tree(town, relay.url(town.create_app().name, town.token))
    tree.commit()
    assert tree.push("main:topic").returncode == 0
    with claims.held(town.settings, app_of(tree), "busy"):
        reset(tree)
        clone = tree.start("ls-remote", "celadon")
        with pytest.raises(subprocess.TimeoutExpired):
            clone.wait(0.5)
    assert clone.wait() == 0
    assert clone.stderr is not None
    clone.stderr.close()
    assert not waits(tree)


def test_a_role_that_is_killed_does_it_when_it_is_back() -> None:
    town = Town()
    try:
        town.start_role()
        tree = Tree(town, town.ssh_url(town.create_app().name))
        tree.commit()
        assert tree.push("main:topic").returncode == 0
        town.stop_role(signal.SIGKILL)
        # What a role was about to remove.
        (town.home / "git" / ".gone-1").mkdir()
        reset(tree)
        assert waits(tree)
        town.start_role()
        assert tree.git("ls-remote", "celadon") == ""
        wait_until(lambda: left(town) == [])
    finally:
        town.close()


def known(town: Town, app: App) -> Repository:
    return repositories.find(town.context, town.actor, app.name)[1]


def age(town: Town, app: App, pushes: int, came: int = 3) -> None:
    """So many pushes, the last of them a while ago, once those that came are counted."""
    wait_until(lambda: known(town, app).pushes == came)
    with town.context.database.transaction() as tx:
        stored.update(tx, app.id, pushes=pushes, pushed_at=now() - timedelta(minutes=20))


def packs(path: Path) -> list[Path]:
    return list((path / "objects" / "pack").glob("pack-*.pack"))


@pytest.fixture
def worn(town: Town) -> Tree:
    """Some pushes that are loose objects, and what killed programs have left long ago and just now."""
    tree = Tree(town, town.ssh_url(town.create_app().name))
    for _ in range(3):
        tree.commit()
        assert tree.push("main:topic").returncode == 0
    path = town.context.blobs.repository(app_of(tree).id)
    (path / "objects" / "tmp_objdir-incoming-x").mkdir()
    for name in (
        "packed-refs.lock",
        "refs/heads/main.lock",
        "objects/pack/tmp_pack_x",
        "objects/tmp_objdir-incoming-x",
    ):
        (path / name).exists() or (path / name).write_text("")
        os.utime(path / name, (time.time() - 90_000,) * 2)
    (path / "HEAD.lock").write_text("")
    return tree


def test_the_clock_asks_and_the_role_packs_one_repository(town: Town, worn: Tree) -> None:
    app = app_of(worn)
    path = town.context.blobs.repository(app.id)
    before = wait_until(lambda: known(town, app).pushes == 3 and app_of(worn).repo_size)
    assert repositories.ask_to_pack(town.context) == 0 and packs(path) == []
    age(town, app, 20)
    assert repositories.ask_to_pack(town.context) == 1
    wait_until(lambda: not known(town, app).gc_requested)
    assert len(packs(path)) == 1 and (path / "packed-refs").exists()
    assert app_of(worn).repo_size != before
    assert known(town, app).pushes == 0
    assert {path.name for path in path.glob("*.lock")} == {"HEAD.lock"}
    assert not (path / "refs/heads/main.lock").exists() and not list((path / "objects").rglob("tmp_*"))
    assert worn.git("fetch", "-q", "celadon", "topic") == ""
    assert repositories.ask_to_pack(town.context) == 0


def test_nothing_is_packed_while_something_is_built(town: Town, builder: Builder, worn: Tree) -> None:
    age(town, app_of(worn), 20)
    builder.go.clear()
    push = worn.start("push", "celadon", "main")
    assert push.stderr is not None
    while "Python app detected" not in push.stderr.readline():
        assert push.poll() is None
    assert repositories.ask_to_pack(town.context) == 0
    builder.go.set()
    push.stderr.read()
    push.wait()
    push.stderr.close()


def test_pushes_and_clones_go_on_while_a_repository_is_packed_again_and_again(town: Town, worn: Tree) -> None:
    app = app_of(worn)
    for n in range(4):
        wait_until(lambda: not known(town, app).gc_requested)
        with town.context.database.transaction() as tx:
            stored.update(tx, app.id, gc_requested=True, gc_at=None)
        worn.commit()
        assert worn.push(f"main:topic{n}").returncode == 0
        worn.git("clone", "-q", worn.git("remote", "get-url", "celadon").strip(), "-b", f"topic{n}", f"copy{n}")
    wait_until(lambda: not known(town, app).gc_requested)
    path = town.context.blobs.repository(app.id)
    subprocess.run(["git", "-c", "safe.directory=*", "-C", str(path), "fsck"], check=True, capture_output=True)


def test_packing_that_dies_in_the_middle_leaves_a_repository_that_serves_and_is_packed_later(worn: Tree) -> None:
    """What a machine leaves that went down while it wrote: half a pack, locks, and a git that is no more."""
    town = worn.town
    app = app_of(worn)
    path = town.context.blobs.repository(app.id)
    # Nobody has this number: the largest that Linux gives is 2^22.
    (path / "gc.pid").write_text(f"{1 << 22} {os.uname().nodename}")
    (path / "objects" / "pack" / ".tmp-1-pack-x.pack").write_bytes(b"PACK")
    worn.commit()
    assert worn.push("main:topic").returncode == 0
    age(town, app, 20, came=4)
    assert repositories.ask_to_pack(town.context) == 1
    wait_until(lambda: not known(town, app).gc_requested)
    assert known(town, app).pushes == 0 and len(packs(path)) == 1
    # What is fresh may be somebody's.
    assert (path / "HEAD.lock").exists()
    assert leftovers.clear(path, time.time() + 700) == 1


def test_what_cannot_be_packed_is_tried_again_no_sooner_than_in_an_hour(town: Town, worn: Tree) -> None:
    app = app_of(worn)
    path = town.context.blobs.repository(app.id)
    age(town, app, 20)
    ref = path / "refs" / "heads" / "broken"
    ref.write_text("1" * 40 + "\n")
    assert repositories.ask_to_pack(town.context) == 1
    wait_until(lambda: not known(town, app).gc_requested)
    assert known(town, app).pushes == 20
    assert repositories.ask_to_pack(town.context) == 0
    ref.unlink()
    with town.context.database.transaction() as tx:
        stored.update(tx, app.id, gc_at=now() - timedelta(minutes=61))
    assert repositories.ask_to_pack(town.context) == 1
    wait_until(lambda: known(town, app).pushes == 0)
