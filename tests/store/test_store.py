"""What the store promises, on SQLite and on PostgreSQL."""

import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from celadon.actions import accounts, apps, builds, config_vars, context, formations, releases
from celadon.actions import dynos as dyno_actions
from celadon.actions.builds import Compiled
from celadon.actions.context import Context
from celadon.model.account import Actor
from celadon.model.errors import Conflict, InvalidParams
from celadon.model.formation import Update
from celadon.platform.settings import Settings
from celadon.store import apps as stored_apps
from celadon.store import changes, dynos, events, tables
from celadon.store import configs as stored_configs
from celadon.store.database import Database, upgrade
from celadon.store.secrets import Secrets, SecretsError


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Context:
    return context.Context(database, Settings(home=tmp_path))


@pytest.fixture
def owner(world: Context) -> Actor:
    return Actor(account=accounts.create_operator(world.database, email="admin@localhost", password="long enough"))


def deployed(world: Context, owner: Actor, name: str = "hello", types: tuple[str, ...] = ("web", "worker")) -> None:
    build = builds.create(world, owner, name, commit="0123456789abcdef")
    compiled = Compiled(
        slug_id=str(uuid.uuid4()),
        process_types={process_type: f"run {process_type}" for process_type in types},
        language="Python",
        checksum="SHA256:00",
        size=1,
        config_vars={},
    )
    assert builds.succeed(world, build.id, compiled) is not None


def test_migration_is_safe_to_repeat(database: Database) -> None:
    upgrade(database)
    assert changes.latest(database) == 0


def test_migrations_make_the_tables_that_the_code_expects(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), tables.metadata)
    assert [change for change in differences if change[0] != "remove_table"] == []


def test_changes_are_seen_by_another_connection_in_order(database: Database) -> None:
    feed = changes.Feed(database)
    seen = feed.look()
    with database.transaction() as tx:
        changes.record(tx, "app", "a")
    assert feed.wait(seen, 60) == seen + 1
    feed.close()


def test_what_changes_are_about_is_told_once_for_all(database: Database) -> None:
    with database.transaction() as tx:
        first = changes.record(tx, "app", "a")
        for topic in ("dyno", "dyno", "engine"):
            last = changes.record(tx, topic)
    with database.read() as tx:
        assert changes.topics_after(tx, first) == (last, {"dyno", "engine"})
        assert changes.topics_after(tx, last) == (last, frozenset())


def test_wait_ends_without_a_change(database: Database) -> None:
    assert changes.wait(database, changes.latest(database), 0.05) == 0


def test_three_writers_lose_no_change_and_a_reader_misses_none(database: Database) -> None:
    """A reader that keeps the highest number it saw has seen every change that was committed."""
    each, writers = 40, 3

    def write() -> None:
        for _ in range(each):
            with database.transaction() as tx:
                changes.record(tx, "app")

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    last, counted = 0, 0
    while counted < each * writers:
        now = changes.wait(database, last, 60)
        assert now > last, "a change is missing"
        with database.read() as tx:
            query = sa.select(sa.func.count()).where(tables.changes.c.seq > last, tables.changes.c.seq <= now)
            counted += tx.connection.execute(query).scalar_one()
        last = now
    for thread in threads:
        thread.join()
    assert counted == each * writers


def test_config_vars_are_not_readable_in_the_database(world: Context, owner: Actor, url: str) -> None:
    apps.create(world, owner, name="hello")
    config_vars.update(world, owner, "hello", {"SECRET": "correct horse battery"})
    with world.database.read() as tx:
        stored = tx.connection.execute(sa.select(tables.configs.c.vars)).scalars().all()
    assert stored and not any(b"correct horse" in token for token in stored)
    assert config_vars.find(world, owner, "hello") == {"SECRET": "correct horse battery"}


def test_another_key_cannot_read_config_vars(world: Context, owner: Actor, tmp_path: Path) -> None:
    apps.create(world, owner, name="hello")
    config_vars.update(world, owner, "hello", {"A": "1"})
    (tmp_path / "other").mkdir()
    stranger = Database(str(world.database.url.render_as_string(hide_password=False)), Secrets.make(tmp_path / "other"))
    with stranger.read() as tx:
        sealed = sa.select(tables.configs.c.id).where(sa.func.length(tables.configs.c.vars) > 0)
        config_id = tx.connection.execute(sealed).scalar_one()
        with pytest.raises(SecretsError, match=r"secret\.key"):
            stored_configs.find(tx, config_id)
    stranger.close()


def test_an_action_that_fails_changes_nothing(world: Context, owner: Actor) -> None:
    apps.create(world, owner, name="hello")
    before = changes.latest(world.database)
    with pytest.raises(InvalidParams):
        config_vars.update(world, owner, "hello", {"GOOD": "1", "1BAD": "2"})
    assert config_vars.find(world, owner, "hello") == {}
    assert changes.latest(world.database) == before


def test_one_pending_build_per_app(world: Context, owner: Actor) -> None:
    apps.create(world, owner, name="hello")
    builds.create(world, owner, "hello", commit="a")
    with pytest.raises(Conflict, match="another build"):
        builds.create(world, owner, "hello", commit="b")


def test_concurrent_builds_of_one_app_one_wins(world: Context, owner: Actor) -> None:
    apps.create(world, owner, name="hello")
    outcomes: list[str] = []

    def push() -> None:
        try:
            outcomes.append(builds.create(world, owner, "hello", commit="a").id)
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=push) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes).count("conflict") == 5


def test_concurrent_config_changes_each_make_one_release(world: Context, owner: Actor) -> None:
    apps.create(world, owner, name="hello")
    threads = [
        threading.Thread(target=config_vars.update, args=(world, owner, "hello", {f"KEY{number}": "1"}))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _, found, _ = releases.list_of(world, owner, "hello")
    assert [release.version for release in found] == list(range(1, 11))
    assert set(config_vars.find(world, owner, "hello")) == {f"KEY{number}" for number in range(8)}


def test_release_descriptions_are_herokus(world: Context, owner: Actor) -> None:
    apps.create(world, owner, name="hello")
    deployed(world, owner)
    config_vars.update(world, owner, "hello", {"B": "1", "A": "2"})
    config_vars.update(world, owner, "hello", {"B": None})
    releases.rollback(world, owner, "hello", "v3")
    _, found, current = releases.list_of(world, owner, "hello")
    assert [release.description for release in found] == [
        "Initial release",
        "Enable Logplex",
        "Deploy 01234567",
        "Set A, B config vars",
        "Remove B config vars",
        "Rollback to v3",
    ]
    assert current == found[-1]


def test_first_deploy_wants_one_web_dyno_and_no_other(world: Context, owner: Actor) -> None:
    apps.create(world, owner, name="hello")
    deployed(world, owner)
    _, found = formations.list_of(world, owner, "hello")
    assert {entry.type: entry.quantity for entry, _ in found} == {"web": 1, "worker": 0}


def test_a_release_phase_keeps_the_release_pending(world: Context, owner: Actor) -> None:
    apps.create(world, owner, name="hello")
    deployed(world, owner, types=("web",))
    deployed(world, owner, types=("web", "release"))
    _, found, current = releases.list_of(world, owner, "hello")
    assert (found[-1].status, current) == ("pending", found[-2])
    releases.finish(world, found[-1].id, succeeded=False)
    releases.finish(world, found[-1].id, succeeded=True)
    _, found, current = releases.list_of(world, owner, "hello")
    assert (found[-1].status, current) == ("failed", found[-2])


def test_events_are_in_order_and_name_no_secret(world: Context, owner: Actor) -> None:
    apps.create(world, owner, name="hello")
    config_vars.update(world, owner, "hello", {"TOKEN": "correct horse battery"})
    formations_line = "Release v3 created by user admin@localhost"
    with world.database.read() as tx:
        found = events.list_after(tx, 0)
    assert [event.seq for event in found] == sorted(event.seq for event in found)
    assert formations_line in [event.line for event in found]
    assert not any("correct horse" in f"{event.line} {event.payload}" for event in found)


def test_a_destroyed_apps_name_is_free_and_its_uid_is_not(world: Context, owner: Actor) -> None:
    first = apps.create(world, owner, name="hello")
    apps.destroy(world, owner, "hello")
    second = apps.create(world, owner, name="hello")
    assert second.id != first.id
    assert second.number != first.number
    with world.database.read() as tx:
        assert stored_apps.find(tx, first.id) is None


def test_a_name_is_unique(world: Context, owner: Actor) -> None:
    apps.create(world, owner, name="hello")
    with pytest.raises(InvalidParams, match="taken"):
        apps.create(world, owner, name="hello")
    apps.create(world, owner, name="other")
    with pytest.raises(InvalidParams, match="taken"):
        apps.update(world, owner, "other", name="hello")


def test_route_is_claimed_only_while_the_dyno_serves(world: Context, owner: Actor) -> None:
    apps.create(world, owner, name="hello")
    deployed(world, owner)
    _, dyno, _, _ = dyno_actions.run(world, owner, "hello", command="true")
    moment = datetime.now(UTC)
    with world.database.transaction() as tx:
        assert not dynos.claim_routes(tx, [dyno.id])
        dynos.update(tx, dyno.id, now=moment, state="up")
        assert [found.id for found in dynos.claim_routes(tx, [dyno.id])] == [dyno.id]
        dynos.update(tx, dyno.id, now=moment, draining_at=moment)
        assert not dynos.claim_routes(tx, [dyno.id])


def test_scale_is_all_or_nothing(world: Context, owner: Actor) -> None:
    apps.create(world, owner, name="hello")
    deployed(world, owner)
    with pytest.raises(InvalidParams):
        formations.update(world, owner, "hello", [Update(type="web", quantity="3"), Update(type="nope", quantity="1")])
    _, found = formations.list_of(world, owner, "hello")
    assert {entry.type: entry.quantity for entry, _ in found} == {"web": 1, "worker": 0}
