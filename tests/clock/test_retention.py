"""What is kept and what goes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from celadon.actions import accounts, apps, builds, context, sources
from celadon.actions.builds import Compiled
from celadon.actions.context import Context
from celadon.clock import retention
from celadon.model.account import Actor
from celadon.platform.settings import Settings
from celadon.store import database
from celadon.store import sources as stored_sources


@pytest.fixture
def made(tmp_path: Path) -> Iterator[tuple[Context, Actor]]:
    """A store with the app `hello` and its owner."""
    for name in ("sources", "slugs", "builds", "uploads"):
        (tmp_path / name).mkdir()
    settings = Settings(home=tmp_path)
    database.migrate(settings)
    world = context.connect(settings)
    owner = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    apps.create(world, owner, name="hello")
    yield world, owner
    world.database.close()


def test_files_without_a_row_go_and_those_with_one_stay(made: tuple[Context, Actor]) -> None:
    world, owner = made
    build = builds.create(world, owner, "hello", commit="a")
    compiled = Compiled(slug_id="kept", process_types={}, language="x", checksum="SHA256:0", size=1, config_vars={})
    builds.succeed(world, build.id, compiled)
    pending = builds.create(world, owner, "hello", commit="b")
    kept = [world.blobs.slug("kept"), world.blobs.source(pending.id), world.blobs.slug("fresh")]
    gone = [world.blobs.slug("stray"), world.blobs.source(build.id)]
    for path in (*kept, *gone):
        path.write_text("")
        if path.name != "fresh.squashfs":
            os.utime(path, (1, 1))
    retention.prune(world)
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)


def test_a_source_goes_when_it_has_expired_unless_a_build_waits_for_it(
    made: tuple[Context, Actor], tmp_path: Path
) -> None:
    world, owner = made
    fresh, built, expired = (sources.create(world, owner) for _ in range(3))
    for source in (fresh, built, expired):
        part = tmp_path / "uploads" / f"{source.id}.part"
        part.write_text("")
        os.utime(part, (1, 1))
        sources.written(world, source, part, 0, "SHA256:0")
    url = f"{world.settings.api_url}{sources.path(world, 'get', built.id)}"
    builds.create(world, owner, "hello", source_url=url)
    with world.database.transaction() as tx:
        for source in (built, expired):
            stored_sources.update(tx, source.id, expires_at=context.now())
    retention.prune(world)
    assert {path.name for path in (tmp_path / "uploads").iterdir()} == {fresh.id, built.id}
