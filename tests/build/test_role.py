"""What the build role does with the disks of apps."""

import os
from pathlib import Path

import pytest
from tests import stores

from celadon.actions import accounts, apps, builds, context
from celadon.actions.context import Context
from celadon.build.compiler import Compiler
from celadon.build.role import Builds
from celadon.build.workspace import Workspace
from celadon.model.account import Actor
from celadon.platform import runtimes
from celadon.platform.settings import Settings


@pytest.fixture
def world(tmp_path: Path) -> Context:
    settings = Settings(home=tmp_path, acme_email="ops@example.com")
    stores.make(settings)
    (tmp_path / "cache").mkdir()
    return context.connect(settings)


def test_a_purged_cache_is_gone_and_asked_for_no_more(world: Context) -> None:
    owner = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    purged, other = (apps.create(world, owner, name=name) for name in ("purged", "other"))
    for app in (purged, other):
        world.blobs.cache(app.id).mkdir()
        (world.blobs.cache(app.id) / "kept").touch()
        world.blobs.cache(app.id).with_name(f"{app.id}.img").touch()
    builds.purge_cache(world, owner, "purged")
    compiler = Compiler(context=world, runtime=runtimes.builds(world.settings), stack_root=Path("/"), uv=Path("/"))
    assert Builds(world, compiler).ensure() == ""
    assert {path.name for path in (world.settings.home / "cache").iterdir()} == {other.id, f"{other.id}.img"}
    assert builds.caches_to_purge(world) == []
    world.database.close()


def test_a_workspace_that_never_was_can_be_removed(tmp_path: Path) -> None:
    Workspace(tmp_path / "cache" / "app", os.getuid(), 1 << 20).remove()
