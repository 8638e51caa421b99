"""What is kept and what goes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from celadon.actions import accounts, addons, apps, builds, context, provisioning, sign_ons, sources
from celadon.actions.builds import Compiled
from celadon.actions.context import Context
from celadon.clock import retention
from celadon.model.account import Actor
from celadon.platform.settings import Settings
from celadon.store import addon_sign_ons, database, tables
from celadon.store import addons as stored_addons
from celadon.store import page_tokens as stored_page_tokens
from celadon.store import sources as stored_sources
from celadon.store.addon_sign_ons import Link
from celadon.store.page_tokens import Opened

_TABLES = [(table.name, table) for table in (tables.addons, tables.addon_sign_ons, tables.page_tokens)]


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


def test_what_is_gone_of_addons_goes(made: tuple[Context, Actor]) -> None:
    world, owner = made
    old, late, alive = (
        addons.create(world, owner, "hello", plan=plan).addon for plan in ("ssl", "scheduler", "deployhooks")
    )
    for addon in (old, late):
        provisioning.refused(world, addon.id, "it will not")
    past = context.now() - retention.DESTROYED
    with world.database.transaction() as tx:
        stored_addons.update(tx, old.id, now=past)
        for number, until in enumerate((past, context.now() + sign_ons.LASTS)):
            link = Link(
                token_hash=str(number),
                addon_id=alive.id,
                app_id=alive.app_id,
                account_id=owner.account.id,
                expires_at=until,
            )
            addon_sign_ons.insert(tx, link)
            opened = Opened(account_id=owner.account.id, app_id=alive.app_id, addon_id=alive.id)
            stored_page_tokens.insert(tx, str(number), opened, until)
    retention.prune(world)
    with world.database.read() as tx:
        found = {
            name: tx.connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for name, table in _TABLES
        }
    assert found == {"addon_sign_ons": 1, "page_tokens": 1, "addons": 2}
    assert provisioning.find(world, old.id) is None
    assert provisioning.find(world, late.id) is not None
