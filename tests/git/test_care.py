"""What the git role does to repositories because the store asks for it."""

import signal
import subprocess
from pathlib import Path

import pytest
from tests.git.town import Builder, Relay, Town, Tree, wait_until

from celadon.actions import apps, releases, repositories
from celadon.git import claims
from celadon.model.app import App


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
    assert left(tree.town) == []


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
