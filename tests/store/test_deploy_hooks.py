"""Deploy hooks on SQLite and on PostgreSQL: which releases they are told of, and that nothing is told by two at once."""

import threading
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from celadon.actions import accounts, apps, builds, config_vars, context, deploy_hooks, releases
from celadon.actions.builds import Compiled
from celadon.actions.context import Context, now
from celadon.actions.deploy_hooks import Attempt
from celadon.model.account import Actor
from celadon.model.deploy_hook import Letter
from celadon.model.errors import InvalidParams
from celadon.model.release import Release
from celadon.platform.settings import Settings
from celadon.store import deploy_hooks as stored
from celadon.store import mails, tables
from celadon.store import releases as stored_releases
from celadon.store.database import Database

_LEASE = timedelta(seconds=30)
SECRET = "https://example.com/not-for-everybody"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Context:
    return context.Context(database, Settings(home=tmp_path))


@pytest.fixture
def owner(world: Context) -> Actor:
    actor = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    apps.create(world, actor, name="hello")
    return actor


def hook(world: Context, owner: Actor, plan: str = "http", **options: str) -> str:
    addon_id = str(uuid.uuid4())
    app = apps.find(world, owner, "hello")
    deploy_hooks.provision(world, addon_id, app.id, plan, options or {"url": SECRET})
    return addon_id


def deploy(world: Context, owner: Actor, commit: str = "abc", git_log: str | None = None, **types: str) -> Release:
    build = builds.create(world, owner, "hello", commit=commit, git_log=git_log)
    compiled = Compiled(
        slug_id=str(uuid.uuid4()),
        process_types=types or {"web": "serve"},
        language="Python",
        checksum="SHA256:0",
        size=1,
        config_vars={},
    )
    made = builds.succeed(world, build.id, compiled)
    assert made is not None
    return made


def begin(world: Context, delivery_lease: timedelta = _LEASE) -> Attempt:
    (delivery, *_) = deploy_hooks.due(world, 10)
    found = deploy_hooks.begin(world, delivery, delivery_lease)
    assert found is not None
    return found


def told_versions(world: Context) -> list[int]:
    with world.database.read() as tx:
        table, release = tables.deploy_hook_deliveries, tables.releases
        query = sa.select(release.c.version).join(table, table.c.release_id == release.c.id).order_by(release.c.version)
        return list(tx.connection.execute(query).scalars())


def test_other_code_is_told_and_other_config_is_not(world: Context, owner: Actor) -> None:
    deploy(world, owner, "before")
    hook(world, owner)
    config_vars.update(world, owner, "hello", {"A": "1"})
    assert told_versions(world) == []
    second = deploy(world, owner, "second")
    config_vars.update(world, owner, "hello", {"A": "2"})
    third = deploy(world, owner, "third")
    back = releases.rollback(world, owner, "hello", second.name)
    assert told_versions(world) == [second.version, third.version, back.version]
    assert deploy_hooks.scheduled(world, third.id)


def test_a_release_phase_is_told_when_it_has_succeeded(world: Context, owner: Actor) -> None:
    hook(world, owner)
    bad = deploy(world, owner, "bad", web="serve", release="migrate")
    releases.finish(world, bad.id, succeeded=False)
    good = deploy(world, owner, "good", web="serve", release="migrate")
    assert told_versions(world) == []
    releases.finish(world, good.id, succeeded=True)
    releases.finish(world, good.id, succeeded=True)
    assert told_versions(world) == [good.version]


def test_what_a_message_can_speak_of(world: Context, owner: Actor) -> None:
    hook(world, owner)
    deploy(world, owner, "a" * 40)
    with world.database.transaction() as tx:
        tx.connection.execute(tables.deploy_hook_deliveries.delete())
    config_vars.update(world, owner, "hello", {"A": "1"})
    assert (told := deploy_hooks.awaited(world, apps.find(world, owner, "hello").id)) is not None
    assert told.since == "a" * 40
    made = deploy(world, owner, "b" * 40, "  * Ada: more")
    values = begin(world).deploy.values
    assert values.pop("app_uuid") == made.app_id
    assert values == {
        "app": "hello",
        "git_log": "  * Ada: more",
        "head": "b" * 7,
        "head_long": "b" * 40,
        "prev_head": "a" * 7,
        "release": made.name,
        "url": "http://hello.localhost:8080/",
        "user": "a@b",
    }


def test_a_hook_goes_with_its_deliveries(world: Context, owner: Actor) -> None:
    addon_id = hook(world, owner)
    deploy(world, owner)
    deploy_hooks.deprovision(world, addon_id)
    deploy_hooks.deprovision(world, addon_id)
    assert deploy_hooks.due(world, 10) == []
    assert deploy_hooks.awaited(world, apps.find(world, owner, "hello").id) is None


def test_a_destroyed_app_tells_nothing(world: Context, owner: Actor) -> None:
    hook(world, owner)
    deploy(world, owner)
    apps.destroy(world, owner, "hello")
    assert deploy_hooks.due(world, 10) == []


def test_a_hook_is_made_once_and_its_options_are_encrypted(world: Context, owner: Actor) -> None:
    addon_id = hook(world, owner)
    app = apps.find(world, owner, "hello")
    deploy_hooks.provision(world, addon_id, app.id, "http", {"url": "https://other.example.com/"})
    with world.database.read() as tx:
        (found,) = stored.list_of(tx, app.id)
        assert found.options == {"url": SECRET}
        assert SECRET.encode() not in bytes(
            tx.connection.execute(sa.select(tables.deploy_hooks.c.options)).scalar_one()
        )
    for plan, options in (("pigeon", {"url": SECRET}), ("http", {}), ("http", {"to": "you"})):
        with pytest.raises(InvalidParams, match="cannot"):
            deploy_hooks.provision(world, str(uuid.uuid4()), app.id, plan, options)


def test_four_begin_one_attempt(world: Context, owner: Actor) -> None:
    hook(world, owner)
    deploy(world, owner)
    (delivery,) = deploy_hooks.due(world, 10)
    begun = []
    threads = [
        threading.Thread(target=lambda: begun.append(deploy_hooks.begin(world, delivery, _LEASE))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(attempt is not None for attempt in begun) == 1
    assert deploy_hooks.due(world, 10) == []


def test_who_dies_in_an_attempt_is_followed_when_the_lease_has_ended(world: Context, owner: Actor) -> None:
    hook(world, owner)
    deploy(world, owner)
    dead = begin(world, timedelta(0))
    other = begin(world)
    assert other.delivery.attempts == 2
    deploy_hooks.end(world, dead, "it answered 500")
    deploy_hooks.end(world, other, None)
    with world.database.read() as tx:
        (found,) = stored.deliveries_of(tx, other.delivery.release_id)
    assert (found.state, found.error) == ("succeeded", None), "the dead one has nothing to say"


def test_it_fails_for_good_after_four_attempts(world: Context, owner: Actor) -> None:
    hook(world, owner)
    deploy(world, owner)
    waits = []
    for _ in range(4):
        again = deploy_hooks.end(world, begin(world), "it answered 500")
        waits.append(again is not None)
        with world.database.transaction() as tx:
            table = tables.deploy_hook_deliveries
            tx.connection.execute(
                table.update().where(table.c.next_attempt_at.is_not(None)).values(next_attempt_at=now())
            )
    assert waits == [True, True, True, False]
    assert deploy_hooks.due(world, 10) == []
    with world.database.transaction() as tx:
        stored.prune(tx, now() + timedelta(seconds=1))
        assert tx.connection.execute(sa.select(tables.deploy_hook_deliveries)).all() == []


def test_letters_are_written_with_the_end_of_their_delivery(world: Context, owner: Actor) -> None:
    hook(world, owner, "email", recipient="ops@example.com dev@example.com")
    deploy(world, owner)
    dead = begin(world, timedelta(0))
    attempt = begin(world)
    letter = Letter(recipients=("ops@example.com", "dev@example.com"), subject="s", text="t")
    assert deploy_hooks.mail(world, attempt, letter) == []
    assert deploy_hooks.mail(world, attempt, letter) == []
    assert deploy_hooks.mail(world, dead, letter) == []
    with world.database.read() as tx:
        assert sorted(mail.recipient for mail in mails.list_all(tx)) == ["dev@example.com", "ops@example.com"]
        (current,) = stored.deliveries_of(tx, attempt.delivery.release_id)
        assert stored_releases.find_by_id(tx, current.release_id) is not None
    assert current.state == "succeeded"
