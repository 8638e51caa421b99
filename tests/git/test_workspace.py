"""An editor's commit and deploy: beside pushes of real git, and whoever is killed in between."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.git.town import Builder, Relay, Town, Tree, wait_until

from celadon.actions import builds
from celadon.git import claims, repository, workspace
from celadon.model.app import App
from celadon.model.errors import CeladonError, Conflict, Forbidden, InvalidParams, NotFound
from celadon.model.source_tree import Change


@pytest.fixture
def app(town: Town) -> App:
    return town.create_app()


def tree_of(town: Town, relay: Relay, app: App) -> Tree:
    return Tree(town, relay.url(app.name, town.token))


def commit(town: Town, app: App, *changes: Change, base: str | None = None, message: str = "Edit") -> str:
    base = base or workspace.look(town.context, town.actor, app.name).commit
    return workspace.commit(town.context, town.actor, app.name, base=base, message=message, changes=changes)


def files(town: Town, app: App) -> dict[str, str]:
    return {one.path: one.mode for one in workspace.look(town.context, town.actor, app.name).entries}


def test_a_commit_is_what_a_clone_has(town: Town, relay: Relay, app: App) -> None:
    first = commit(town, app, Change(path="app.py", text="print(1)\n"), Change(path="a/b c/ü.txt", text="ü\r\n"))
    second = commit(
        town,
        app,
        Change(path="app.py", text="print(2)\n"),
        Change(path="moved.txt", origin="a/b c/ü.txt"),
        message="Two\r\n\r\nMore",
    )
    tree = tree_of(town, relay, app)
    tree.git("pull", "-q", "celadon", "main")
    assert tree.git("log", "--format=%H|%an|%ae|%s|%b").splitlines()[0] == (
        f"{second}|{town.actor.email}|{town.actor.email}|Two|More"
    )
    assert tree.git("rev-parse", "HEAD~").strip() == first
    assert (tree.path / "app.py").read_text() == "print(2)\n" and (
        tree.path / "moved.txt"
    ).read_bytes() == "ü\r\n".encode()
    assert not (tree.path / "a").exists()
    repo = repository.of_app(town.settings, app)
    assert {path.stat().st_uid for path in repo.path.rglob("*")} == {repo.uid}
    tree.git("fsck", "--strict")


def test_a_push_in_between_is_a_conflict_and_loses_nothing(
    town: Town, relay: Relay, app: App, builder: Builder
) -> None:
    tree = tree_of(town, relay, app)
    tree.commit(app__py="one\n")
    assert tree.push().returncode == 0
    base = workspace.look(town.context, town.actor, app.name).commit
    pushed = tree.commit(app__py="two\n")
    assert tree.push().returncode == 0
    with pytest.raises(Conflict, match="main has moved"):
        commit(town, app, Change(path="app.py", text="mine\n"), base=base)
    assert workspace.look(town.context, town.actor, app.name).commit == pushed
    commit(town, app, Change(path="app.py", text="mine\n"))
    stale = tree.commit(app__py="three\n")
    refused = tree.push()
    assert refused.returncode and "fetch first" in refused.stderr
    assert workspace.look(town.context, town.actor, app.name).commit != stale


def test_while_a_push_is_under_way_nobody_commits(town: Town, relay: Relay, app: App) -> None:
    commit(town, app, Change(path="app.py", text="print(1)\n"))
    tree = tree_of(town, relay, app)
    tree.git("pull", "-q", "celadon", "main")
    tree.commit(app__py="two\n")
    push = tree.start("push", "celadon", "main")
    (build,) = wait_until(lambda: builds.list_of(town.context, town.actor, app.name)[1])
    for attempt in (
        lambda: commit(town, app, Change(path="x", text="x")),
        lambda: workspace.deploy(town.context, town.actor, app.name),
    ):
        with pytest.raises(Conflict, match="push"):
            attempt()
    builds.fail(town.context, build.id, "no")
    push.communicate(timeout=60)
    commit(town, app, Change(path="x", text="x"))


def test_while_somebody_commits_a_push_is_told_so(town: Town, relay: Relay, app: App) -> None:
    tree = tree_of(town, relay, app)
    tree.commit()
    with claims.held(town.settings, app, ""):
        assert "another push" in tree.push().stderr


def test_a_deploy_is_the_build_of_a_push(town: Town, app: App, builder: Builder) -> None:
    with pytest.raises(InvalidParams, match="no code"):
        workspace.deploy(town.context, town.actor, app.name)
    made = commit(town, app, Change(path="app.py", text="print(1)\n"), message="Say one")
    build = workspace.deploy(town.context, town.actor, app.name)
    assert (build.commit, build.commit_description) == (made, "Say one")
    names = subprocess.run(
        ["tar", "tf", town.context.blobs.source(build.id)], capture_output=True, text=True, check=True
    ).stdout
    assert names == "app.py\n"
    wait_until(lambda: builds.find(town.context, town.actor, app.name, build.id)[1].release_id)


def test_master_stays_master(town: Town, relay: Relay, app: App, builder: Builder) -> None:
    tree = tree_of(town, relay, app)
    tree.commit()
    assert tree.push("main:master").returncode == 0
    assert workspace.look(town.context, town.actor, app.name).branch == "master"
    made = commit(town, app, Change(path="x", text="x"))
    assert made in tree.git("ls-remote", "celadon", "refs/heads/master")


@pytest.mark.parametrize("step", ["hash-object", "update-index", "write-tree", "commit-tree", "update-ref"])
def test_who_is_killed_has_changed_nothing(town: Town, app: App, step: str, tmp_path: Path) -> None:
    """A process that stops before the step, is killed there, and another one that commits then."""
    first = commit(town, app, Change(path="app.py", text="print(1)\n"))
    program = f"""
import os, signal, sys
from pathlib import Path
from celadon.actions import accounts, context
from celadon.git import workspace
from celadon.model.source_tree import Change
from celadon.platform import settings
opened = context.connect(settings.load(Path(sys.argv[1])))
git = workspace._git
async def stops(found, *words, **options):
    if words[0] == {step!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    return await git(found, *words, **options)
workspace._git = stops
actor = accounts.actor_of_token(opened, sys.argv[2])
workspace.commit(opened, actor, sys.argv[3], base=sys.argv[4], message="Lost", changes=[Change(path="x", text="x")])
"""
    argv = [sys.executable, "-c", program, str(town.home), town.token, app.name, first]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, env=os.environ, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert workspace.look(town.context, town.actor, app.name).commit == first
    commit(town, app, Change(path="y", text="y"))
    assert set(files(town, app)) == {"app.py", "y"}


def test_what_an_editor_cannot_show_is_said(town: Town, relay: Relay, app: App, builder: Builder) -> None:
    tree = tree_of(town, relay, app)
    (tree.path / "image.png").write_bytes(b"\x89PNG\0\1")
    (tree.path / "long.txt").write_text("x" * (300 << 10))
    (tree.path / "link").symlink_to("/etc/passwd")
    (tree.path / "run").write_text("#!/bin/sh\n")
    (tree.path / "run").chmod(0o755)
    (tree.path / "latin.txt").write_bytes(b"caf\xe9")
    tree.commit()
    assert tree.push().returncode == 0

    def content(path: str) -> bytes | None:
        return workspace.read(town.context, town.actor, app.name, path)[2]

    assert content("long.txt") is None and content("link") == b"/etc/passwd"
    assert [workspace.is_text(content(path) or b"") for path in ("image.png", "latin.txt", "run")] == [
        False,
        False,
        True,
    ]
    commit(town, app, Change(path="run", text="#!/bin/bash\n"), Change(path="picture.png", origin="image.png"))
    assert files(town, app)["run"] == "100755" and "image.png" not in files(town, app)
    assert content("picture.png") == b"\x89PNG\0\1"


@pytest.mark.parametrize(
    "path", ["../../settings.toml", "/etc/passwd", ".git/config", "HEAD", ":/app.py", "--help", "*"]
)
def test_nothing_but_files_of_the_tree_is_read(town: Town, app: App, path: str) -> None:
    commit(town, app, Change(path="app.py", text="x"))
    with pytest.raises(NotFound):
        workspace.read(town.context, town.actor, app.name, path)


def test_git_refuses_what_our_rules_would_not(town: Town, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules of paths are not the only wall."""
    from celadon.model import source_tree

    monkeypatch.setattr(source_tree, "check_path", lambda path: path)
    for path in ("../x", ".git/config", ".GIT/hooks/x", "git~1/x", "a/./b"):
        with pytest.raises(CeladonError):
            commit(town, app, Change(path=path, text="x"))
    assert files(town, app) == {}


def test_the_repositorys_own_configuration_runs_nothing(town: Town, app: App, tmp_path: Path) -> None:
    commit(town, app, Change(path="app.py", text="x"))
    repo = repository.of_app(town.settings, app).path
    proof = Path("/tmp") / f"celadon-proof-{app.id}"
    hooks = repo / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-commit", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {proof}\n")
        (hooks / name).chmod(0o755)
    with (repo / "config").open("a") as config:
        config.write(
            f'[core]\n\thooksPath = {hooks}\n\tfsmonitor = touch {proof}\n[filter "x"]\n\tclean = touch {proof}\n'
        )
    commit(town, app, Change(path=".gitattributes", text="* filter=x\n"), Change(path="b", text="x"))
    workspace.look(town.context, town.actor, app.name)
    assert not proof.exists()


def test_who_may_not_push_may_not_commit(town: Town, app: App) -> None:
    commit(town, app, Change(path="app.py", text="x"))
    stranger = town.new_account("eve@example.com")
    for attempt in (
        lambda: workspace.look(town.context, stranger, app.name),
        lambda: workspace.read(town.context, stranger, app.name, "app.py"),
        lambda: workspace.deploy(town.context, stranger, app.name),
    ):
        with pytest.raises((NotFound, Forbidden)):
            attempt()


def test_a_commit_that_changes_nothing_is_refused(town: Town, app: App) -> None:
    commit(town, app, Change(path="app.py", text="x"))
    with pytest.raises(InvalidParams, match="as it was"):
        commit(town, app, Change(path="app.py", text="x"))
    with pytest.raises(InvalidParams, match="message"):
        commit(town, app, Change(path="app.py", text="y"), message="  \n")


def test_a_tree_with_too_many_paths_is_not_read_into_memory(town: Town, relay: Relay, app: App) -> None:
    """A few objects may stand for millions of paths."""
    commit(town, app, Change(path="x", text="x"))
    found = repository.of_app(town.settings, app)

    def git(*words: str, asked: bytes = b"") -> str:
        argv = [*found.argv(f"--git-dir={found.path}"), *words]
        return (
            subprocess.run(argv, env=found.environment(), input=asked, check=True, capture_output=True)
            .stdout.decode()
            .strip()
        )

    inner = f"100644 blob {git('rev-parse', 'main:x')}\tx\n"
    for _ in range(6):
        name = git("mktree", asked="".join(inner.replace("\tx", f"\t{n:02}") for n in range(20)).encode())
        inner = f"040000 tree {name}\tx\n"
    bomb = git("-c", "user.name=x", "-c", "user.email=x", "commit-tree", name, "-m", "bomb")
    git("update-ref", "refs/heads/main", bomb)
    for attempt in (
        lambda: workspace.look(town.context, town.actor, app.name),
        lambda: commit(town, app, Change(path="y", text="y"), base=bomb),
    ):
        with pytest.raises(InvalidParams, match="more than"):
            attempt()
