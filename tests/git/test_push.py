"""A push, from the client's side: real git, both doors, a real store. What a builder would write is written by the test."""

import io
import json
import stat
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.git.town import Builder, Relay, Town, Tree, wait_until

from celadon.actions import apps, dynos, releases
from celadon.actions import builds as build_actions
from celadon.actions.context import now
from celadon.model.build import Build
from celadon.model.dyno import DynoState
from celadon.store import apps as stored_apps
from celadon.store import builds, changes
from celadon.store import dynos as stored_dynos


def told(stderr: str) -> list[str]:
    """The lines of the platform that git shows."""
    return [line.removeprefix("remote: ").rstrip() for line in stderr.splitlines() if line.startswith("remote: ")]


@pytest.fixture(params=["ssh", "http"])
def tree(request: pytest.FixtureRequest, town: Town, relay: Relay) -> Tree:
    """A work tree with a new app as its remote."""
    name = town.create_app().name
    return Tree(town, town.ssh_url(name) if request.param == "ssh" else relay.url(name, town.token))


def app_name(tree: Tree) -> str:
    return tree.git("remote", "get-url", "celadon").strip().rpartition("/")[2].removesuffix(".git")


def builds_of(tree: Tree) -> list[Build]:
    with tree.town.context.database.read() as tx:
        app = stored_apps.find(tx, app_name(tree))
        return builds.list_of(tx, app.id) if app else []


def test_a_push_deploys_and_can_be_cloned(tree: Tree, builder: Builder) -> None:
    sha = tree.commit("The first commit\n\nand its text", app__py="print(1)\n")
    done = tree.push()
    assert done.returncode == 0, done.stderr
    assert told(done.stderr) == [
        "-----> Celadon receiving push",
        "-----> Python app detected",
        "-----> Compiled slug size: 9.0MB",
        "-----> Launching... done, v3",
        "       http://app.localhost:8080/ deployed to Celadon",
        "-----> v3 is released; it has no web process type: to serve requests, write `web: COMMAND` in a Procfile",
    ]
    (build,) = builds_of(tree)
    assert (build.commit, build.commit_description) == (sha, "The first commit")
    tree.git("clone", "-q", tree.git("remote", "get-url", "celadon").strip(), "copy")
    assert (tree.path / "copy" / "app.py").read_text() == "print(1)\n"
    assert "Everything up-to-date" in tree.push().stderr


def test_the_source_archive_is_the_commit(tree: Tree, builder: Builder) -> None:
    (tree.path / "bin").mkdir()
    (tree.path / "bin" / "run").write_text("#!/bin/sh\n")
    (tree.path / "bin" / "run").chmod(0o755)
    (tree.path / "away").symlink_to("/etc/passwd")
    tree.commit(
        **{".gitattributes": "secret.py export-ignore\nid.txt export-subst\n"},
        secret__py="kept\n", id__txt="$Format:%H$\n", Procfile="web: x\n",
    )  # fmt: skip
    assert tree.push().returncode == 0
    (build,) = builds_of(tree)
    path = tree.town.context.blobs.source(build.id)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as archive:
        members = {member.name: member for member in archive}
        assert set(members) == {".gitattributes", "Procfile", "away", "bin", "bin/run", "id.txt", "secret.py"}
        assert members["bin/run"].mode == 0o755 and members["Procfile"].mode == 0o644
        assert members["away"].issym()
        content = archive.extractfile("id.txt")
        assert isinstance(content, io.BufferedIOBase | io.BufferedReader) and content.read() == b"$Format:%H$\n"


def test_output_arrives_while_the_build_goes_on(tree: Tree, builder: Builder) -> None:
    builder.go.clear()
    tree.commit()
    push = tree.start("push", "celadon", "main")
    assert push.stderr is not None
    while "Python app detected" not in push.stderr.readline():
        assert push.poll() is None
    assert builds_of(tree)[0].status == "pending"
    builder.go.set()
    assert "deployed to Celadon" in push.stderr.read()
    assert push.wait() == 0
    push.stderr.close()


def test_a_failed_build_refuses_the_push_and_says_why(tree: Tree, builder: Builder) -> None:
    builder.error = "cannot install the requirements: pip says no"
    tree.commit()
    done = tree.push()
    assert done.returncode == 1
    assert told(done.stderr)[-1] == f" !     {builder.error}"
    assert "pre-receive hook declined" in done.stderr
    assert tree.git("ls-remote", "celadon") == ""
    builder.error = None
    assert tree.push().returncode == 0


def test_other_branches_and_tags_are_stored_without_a_build(tree: Tree) -> None:
    tree.commit()
    tree.git("tag", "v1.0")
    done = tree.push("main:topic", "v1.0")
    assert done.returncode == 0
    assert told(done.stderr)[1:] == ["-----> Stored topic, v1.0 without a build: only main or master deploys"]
    assert builds_of(tree) == []
    assert told(tree.push(":topic").stderr)[1:] == ["-----> Deleted topic"]


def test_master_deploys_too_and_is_what_a_clone_checks_out(tree: Tree, builder: Builder) -> None:
    tree.commit()
    assert tree.push("main:master", "main:topic").returncode == 0
    assert len(builds_of(tree)) == 1
    wait_until(lambda: "ref: refs/heads/master\tHEAD" in tree.git("ls-remote", "--symref", "celadon"))


def test_the_deploy_branch_is_not_deleted(tree: Tree, builder: Builder) -> None:
    tree.commit()
    tree.push()
    done = tree.push(":main")
    assert done.returncode == 1
    assert "cannot delete main" in done.stderr


def test_only_force_pushes_what_is_no_fast_forward(tree: Tree, builder: Builder) -> None:
    tree.commit(app__py="one\n")
    tree.commit(app__py="two\n")
    tree.push()
    tree.git("reset", "-q", "--hard", "HEAD~")
    sha = tree.commit(app__py="three\n")
    refused = tree.push()
    assert refused.returncode == 1 and "non-fast-forward" in refused.stderr
    assert tree.push("--force", "main").returncode == 0
    assert sha in tree.git("ls-remote", "celadon", "main")


def test_of_two_pushes_at_once_one_wins_and_the_other_is_told(tree: Tree, builder: Builder) -> None:
    other = Tree(tree.town, tree.git("remote", "get-url", "celadon").strip())
    builder.go.clear()
    sha = tree.commit()
    first = tree.start("push", "celadon", "main")
    wait_until(lambda: builds_of(tree))
    other.commit(app__py="other\n")
    second = other.push()
    assert second.returncode == 1
    assert "another push to it is not over yet" in second.stderr
    builder.go.set()
    _, stderr = first.communicate()
    assert first.returncode == 0, stderr
    assert sha in tree.git("ls-remote", "celadon", "main")
    assert len(builds_of(tree)) == 1


def test_a_push_while_a_build_from_the_api_runs_is_told(tree: Tree) -> None:
    build_actions.create(tree.town.context, tree.town.actor, app_name(tree), source_url="https://example.com/x.tar.gz")
    sources = tree.town.home / "sources"
    before = set(sources.iterdir())
    tree.commit()
    done = tree.push()
    assert done.returncode == 1
    assert "another build of it is running" in done.stderr
    # Nothing is left of the archive that had been made.
    assert len(builds_of(tree)) == 1
    wait_until(lambda: set(sources.iterdir()) <= before)


def test_the_app_knows_the_size_of_its_repository(tree: Tree, builder: Builder) -> None:
    tree.commit(blob__txt="x" * 5000)
    tree.push()
    town = tree.town
    size = wait_until(lambda: apps.find(town.context, town.actor, app_name(tree)).repo_size)
    assert 100 < size < 100_000


def test_submodules_are_listed_for_the_builder_and_bad_ones_refused(tree: Tree, builder: Builder) -> None:
    sha = tree.commit(app__py="1\n")
    (tree.path / ".gitmodules").write_text('[submodule "x"]\n\tpath = lib/x\n\turl = https://example.com/a/x.git\n')
    tree.git("update-index", "--add", "--cacheinfo", f"160000,{sha},lib/x")
    tree.git("add", ".gitmodules")
    tree.git("commit", "-q", "-m", "With a submodule")
    assert tree.push().returncode == 0
    (build,) = builds_of(tree)
    listed = json.loads((tree.town.home / "sources" / f"{build.id}.submodules.json").read_text())
    assert listed == [{"path": "lib/x", "url": "https://example.com/a/x.git", "sha": sha}]
    (tree.path / ".gitmodules").write_text('[submodule "x"]\n\tpath = lib/x\n\turl = file:///etc\n')
    tree.git("add", ".gitmodules")
    tree.git("commit", "-q", "-m", "With a bad submodule")
    refused = tree.push()
    assert refused.returncode == 1 and "cannot fetch the submodule 'lib/x' from 'file:///etc'" in refused.stderr


def test_an_old_history_with_harmless_faults_is_taken(tree: Tree, builder: Builder) -> None:
    blob = tree.git("hash-object", "-w", "--stdin", stdin="x\n").strip()
    tree_id = tree.git("mktree", stdin=f"100644 blob {blob}\tx\n").strip()
    commit = f"tree {tree_id}\nauthor A <a@b> 1 -051800\ncommitter A <a@b> 1 +051800\n\nOld\n"
    sha = tree.git("hash-object", "-w", "-t", "commit", "--literally", "--stdin", stdin=commit).strip()
    done = tree.push(f"{sha}:refs/heads/main")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [".git", "..", ".GIT"])
def test_trees_that_reach_out_of_a_checkout_are_refused(tree: Tree, name: str) -> None:
    blob = tree.git("hash-object", "-w", "--stdin", stdin="x\n").strip()
    inner = tree.git("mktree", stdin=f"100644 blob {blob}\tconfig\n").strip()
    listed = tree.path / "tree"
    listed.write_bytes(f"40000 {name}\0".encode() + bytes.fromhex(inner))
    outer = tree.git("hash-object", "-w", "-t", "tree", "--literally", str(listed)).strip()
    sha = tree.git("commit-tree", "-m", "Bad", outer).strip()
    done = tree.push(f"{sha}:refs/heads/main")
    assert done.returncode == 1 and builds_of(tree) == []


def test_what_is_no_commit_is_not_deployed(tree: Tree) -> None:
    tree.commit()
    blob = tree.git("rev-parse", "HEAD:app.py").strip()
    done = tree.attempt("push", "celadon", f"{blob}:refs/heads/main")
    assert done.returncode != 0 and builds_of(tree) == []
    tree.git("tag", "-a", "-m", "x", "v1")
    tagged = tree.push("v1:refs/heads/main")
    assert tagged.returncode == 1


def test_a_repository_without_commits_can_be_cloned(tree: Tree) -> None:
    tree.git("clone", "-q", tree.git("remote", "get-url", "celadon").strip(), "copy")
    assert (tree.path / "copy" / ".git").is_dir()


@pytest.fixture
def web_builder(town: Town) -> Iterator[Builder]:
    builder = Builder(town, {"web": "serve"})
    yield builder
    builder.close()


def add_dyno(town: Town, build: Build, state: DynoState, reached: bool = False) -> None:
    """What the dyno manager and the router would write."""
    assert build.release_id is not None
    made = dynos.new(build.app_id, build.release_id, "web", 1, "serve", "1X")
    with town.context.database.transaction() as tx:
        stored_dynos.insert(tx, made)
        stored_dynos.update(tx, made.id, now=now(), state=state, routed=reached, reached=reached)
        changes.record(tx, "dyno", build.app_id)


@pytest.mark.parametrize(
    ("state", "reached", "sentence"),
    [
        (DynoState.UP, True, "-----> Waiting for web.1 of v3... up"),
        (DynoState.CRASHED, False, " !     web.1 of v3 crashed: nothing serves requests; see `celadon logs`"),
    ],
)
def test_a_push_waits_for_the_first_web_dyno(
    tree: Tree, web_builder: Builder, state: DynoState, reached: bool, sentence: str
) -> None:
    web_builder.after_release = lambda build: add_dyno(tree.town, build, state, reached)
    tree.commit()
    done = tree.push()
    assert done.returncode == 0, done.stderr
    assert told(done.stderr)[-1] == sentence


def test_a_push_does_not_wait_for_ever(tree: Tree, web_builder: Builder) -> None:
    tree.commit()
    done = tree.push()
    assert done.returncode == 0, done.stderr
    assert told(done.stderr)[-1].startswith(" !     web.1 of v3 is not up after 2 seconds: nothing serves requests")


@pytest.mark.parametrize(
    ("succeeded", "last"), [(True, "-----> v3 is released"), (False, " !     Release command of v3 failed")]
)
def test_a_push_shows_the_release_phase(tree: Tree, town: Town, succeeded: bool, last: str) -> None:
    builder = Builder(town, {"worker": "work", "release": "migrate"})
    try:

        def run_phase(build: Build) -> None:
            assert build.release_id is not None
            town.context.blobs.release_output(build.release_id).write_text("migrating\n")
            releases.finish(town.context, build.release_id, succeeded=succeeded)

        builder.after_release = run_phase
        tree.commit()
        done = tree.push()
    finally:
        builder.close()
    assert done.returncode == 0, done.stderr
    assert told(done.stderr)[-1].startswith(last)
    assert "migrating" in told(done.stderr)


def test_hooks_and_git_run_as_the_owner_of_the_repository(tree: Tree, builder: Builder) -> None:
    builder.go.clear()
    tree.commit()
    push = tree.start("push", "celadon", "main")
    wait_until(lambda: builds_of(tree))
    town = tree.town
    app = apps.find(town.context, town.actor, app_name(tree))
    uid = town.settings.uid_base + app.number
    mine = [path for path in Path("/proc").glob("[0-9]*") if _owned_by(path, uid)]
    commands = {_read(path / "cmdline").split(b"\0")[0] for path in mine}
    assert any(b"python3" in command for command in commands) and any(b"git" in command for command in commands)
    environments = b"".join(_read(path / "environ") for path in mine)
    assert b"HOME=/nonexistent" in environments and b"CELADON_HOME" not in environments
    repository = town.context.blobs.repository(app.id)
    assert repository.stat().st_uid == uid and stat.S_IMODE(repository.stat().st_mode) == 0o700
    assert not any((repository / "hooks").glob("*")) if (repository / "hooks").exists() else True
    builder.go.set()
    push.communicate()
    assert push.returncode == 0


def _read(path: Path) -> bytes:
    """Nothing of a process that has ended: some of those are there for a moment only."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _owned_by(path: Path, uid: int) -> bool:
    try:
        return path.stat().st_uid == uid
    except FileNotFoundError:
        return False


def test_a_push_of_a_thousand_files_in_a_thousand_commits_arrives_whole(tree: Tree, builder: Builder) -> None:
    stream = ["reset refs/heads/main\n"]
    for n in range(1000):
        stream.append(
            f"commit refs/heads/main\ncommitter A <a@b> {n} +0000\ndata 1\nx\nM 644 inline d{n % 10}/f{n}.txt\ndata {len(str(n))}\n{n}\n"
        )
    tree.git("fast-import", "--quiet", stdin="".join(stream))
    assert tree.push().returncode == 0
    (build,) = builds_of(tree)
    with tarfile.open(tree.town.context.blobs.source(build.id)) as archive:
        assert sum(member.isfile() for member in archive) == 1000
    subprocess.run(["git", "-c", "safe.directory=*", "fsck", "--strict"], check=True, cwd=_repository(tree))


def _repository(tree: Tree) -> Path:
    return tree.town.context.blobs.repository(builds_of(tree)[0].app_id)


def test_a_tree_of_more_paths_than_memory_holds_is_refused(tree: Tree) -> None:
    """Eleven small objects that stand for ten thousand million files."""
    below = tree.git("hash-object", "-w", "--stdin", stdin="").strip()
    kind = "100644 blob"
    for _ in range(10):
        listing = "".join(f"{kind} {below}\t{number}\n" for number in range(10))
        below, kind = tree.git("mktree", stdin=listing).strip(), "040000 tree"
    commit = tree.git("commit-tree", below, "-m", "bomb").strip()
    done = tree.push(f"{commit}:refs/heads/main")
    assert done.returncode == 1
    assert "too many files" in done.stderr
