"""The role dies in the middle of a push: the client learns of it, the build goes on, nothing is half done."""

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.git.town import Builder, Town, Tree, wait_until

from celadon.store import builds


@pytest.fixture
def own_town() -> Iterator[Town]:
    town = Town()
    try:
        town.start_role()
        yield town
    finally:
        town.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_push_fails_and_its_build_goes_on(own_town: Town, number: signal.Signals) -> None:
    builder = Builder(own_town)
    builder.go.clear()
    app = own_town.create_app()
    tree = Tree(own_town, own_town.ssh_url(app.name))
    tree.commit()
    push = tree.start("push", "celadon", "main")
    wait_until(lambda: builder.taken)
    own_town.stop_role(number)
    push.communicate()
    assert push.returncode != 0
    uid = own_town.settings.uid_base + app.number
    wait_until(lambda: not _programs(uid))
    builder.go.set()

    def status() -> str:
        with own_town.context.database.read() as tx:
            return builds.list_of(tx, app.id)[0].status

    wait_until(lambda: status() == "succeeded")
    own_town.start_role()
    again = tree.push()
    assert again.returncode == 0, again.stderr
    assert "Launching... done, v4" in again.stderr
    assert "Everything up-to-date" in tree.push().stderr
    builder.close()


def test_half_a_repository_is_never_used(own_town: Town) -> None:
    app = own_town.create_app()
    repository = own_town.context.blobs.repository(app.id)
    (repository.parent / ".partial-left").mkdir()
    tree = Tree(own_town, own_town.ssh_url(app.name))
    tree.commit()
    assert tree.push("main:topic").returncode == 0
    assert (repository / "HEAD").exists()


def test_archives_that_no_build_uses_are_swept_when_they_are_old(own_town: Town) -> None:
    old, new = (own_town.context.blobs.source(name) for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    own_town.stop_role()
    own_town.start_role()
    assert new.exists() and not old.exists()


def test_the_hook_refuses_who_did_not_come_through_a_door(own_town: Town) -> None:
    app = own_town.create_app()
    tree = Tree(own_town, own_town.ssh_url(app.name))
    tree.commit()
    tree.push("main:topic")
    done = subprocess.run(
        [own_town.home / "git" / "hooks" / "pre-receive"], input=b"", capture_output=True, env={}, check=False
    )
    assert done.returncode == 1 and b"cannot ask the git role" in done.stdout
    assert stat.S_IMODE((own_town.home / "git" / "hooks" / "pre-receive").stat().st_mode) == 0o755


def _programs(uid: int) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if path.stat().st_uid == uid:
                found.append(path.name)
        except FileNotFoundError:
            continue
    return found
