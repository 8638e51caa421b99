"""What is kept and what goes."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests import stores

from celadon.actions import (
    accounts,
    addon_services,
    addons,
    apps,
    builds,
    context,
    partners,
    provisioning,
    sign_ons,
    sources,
    transferring,
)
from celadon.actions.builds import Compiled
from celadon.actions.context import Context
from celadon.clock import retention
from celadon.model.account import Actor
from celadon.model.addon import AddOnState
from celadon.model.transfer import Check, TransferKind, TransferStatus
from celadon.platform.settings import Settings
from celadon.store import addon_sign_ons, tables
from celadon.store import addons as stored_addons
from celadon.store import apps as stored_apps
from celadon.store import authorizations as stored_authorizations
from celadon.store import page_tokens as stored_page_tokens
from celadon.store import sources as stored_sources
from celadon.store import transfers as stored_transfers
from celadon.store.addon_sign_ons import Link
from celadon.store.metrics import Batch, Metrics
from celadon.store.page_tokens import Opened

_TABLES = [(table.name, table) for table in (tables.addons, tables.addon_sign_ons, tables.page_tokens)]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[tuple[Context, Actor]]:
    """A store with the app `hello` and its owner."""
    for name in ("sources", "slugs", "builds", "uploads"):
        (tmp_path / name).mkdir()
    settings = Settings(home=tmp_path)
    stores.make(settings)
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


def test_what_is_gone_before_it_is_looked_at_keeps_nothing_else(made: tuple[Context, Actor]) -> None:
    world, _ = made
    for directory in ("uploads", "builds"):
        # Listed, and not there: as a part of an upload that has got its name meanwhile.
        (world.settings.home / directory / "0.part").symlink_to("nowhere")
        other = world.settings.home / directory / "1.part"
        other.write_text("")
        os.utime(other, (1, 1))
    retention.prune(world)
    assert not any((world.settings.home / directory / "1.part").exists() for directory in ("uploads", "builds"))


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


def test_what_became_of_transfers_goes_but_for_kept_backups_and_the_last_number(made: tuple[Context, Actor]) -> None:
    world, _ = made
    past = context.now() - retention.TRANSFERS - timedelta(days=1)
    with world.database.transaction() as tx:
        app = stored_apps.find(tx, "hello")
        assert app is not None
        words = {"app_id": app.id, "addon_id": "a", "from_name": "ROSE"}

        def add(kind: TransferKind, ended: datetime | None, status: TransferStatus, **values: Any) -> str:
            found = transferring.insert(tx, kind=kind, **words)
            stored_transfers.update(tx, found.id, now=past, status=status, finished_at=ended, **values)
            return found.name

        backup, restore = TransferKind.BACKUP, TransferKind.RESTORE
        succeeded, failed = TransferStatus.SUCCEEDED, TransferStatus.FAILED
        kept = [
            add(backup, past, succeeded),
            add(restore, None, TransferStatus.RUNNING),
            add(restore, context.now(), succeeded),
            add(backup, past, succeeded, deleted_at=context.now()),
            add(backup, past, succeeded, deleted_at=past, check=Check.RUNNING),
        ]
        add(restore, past, succeeded)
        add(backup, past, failed)
        add(backup, past, succeeded, deleted_at=past)
        last = add(TransferKind.COPY, past, failed)
    retention.prune(world)
    with world.database.transaction() as tx:
        found = tx.connection.execute(sa.select(tables.transfers.c.num).order_by(tables.transfers.c.num)).scalars()
        assert list(found) == [*(int(name[1:]) for name in kept), int(last[1:])]
        assert transferring.insert(tx, kind=backup, **words).num == int(last[1:]) + 1, "no number is given twice"


def test_tokens_of_a_partner_go_with_the_addon(made: tuple[Context, Actor]) -> None:
    world, owner = made
    service = {
        "id": "acme",
        "name": "Acme",
        "api": {"config_vars_prefix": "ACME", "password": "a" * 20, "production": {"base_url": "https://acme.example"}},
        "plans": [{"name": "free"}],
    }
    addon_services.register(world, owner, service)
    gone, older, alive = (addons.create(world, owner, "hello", plan="acme").addon for _ in range(3))

    def tokens() -> set[tuple[str, ...]]:
        with world.database.read() as tx:
            return {one.scope for one in stored_authorizations.list_of(tx, owner.account.id)}

    before = tokens()
    with world.database.transaction() as tx:
        for addon in (gone, older, alive):
            code = partners.grant_code(world, addon.id)
            assert partners.authorize(world, tx, code, "a" * 20) is not None
        # As it was left before tokens went with their add-ons.
        stored_addons.update(tx, older.id, now=context.now(), state=AddOnState.DEPROVISIONED)
    assert len(tokens() - before) == 3
    provisioning.refused(world, gone.id, "it will not")
    assert tokens() - before == {(f"addon:{older.id}",), (f"addon:{alive.id}",)}
    retention.prune(world)
    assert tokens() - before == {(f"addon:{alive.id}",)}
    assert before <= tokens()


def test_metrics_go_with_their_app(made: tuple[Context, Actor]) -> None:
    world, owner = made
    kept = apps.create(world, owner, name="kept")
    gone = apps.destroy(world, owner, "hello")
    with world.database.transaction() as tx:
        past = context.now() - retention.DESTROYED - timedelta(days=1)
        tx.connection.execute(tables.apps.update().where(tables.apps.c.id == gone.id).values(deleted_at=past))
    store = Metrics(world.settings.home)
    store.add([Batch(app_id, 0, 9) for app_id in (kept.id, gone.id)], 0)
    retention.prune(world)
    assert store.positions() == {kept.id: 9}
