"""App setups on SQLite and on PostgreSQL, step by step as the build role and the dyno manager take them."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from celadon.actions import (
    accounts,
    addons,
    app_setups,
    apps,
    builds,
    context,
    dynos,
    provisioning,
    releases,
)
from celadon.actions.builds import Compiled
from celadon.actions.context import Context
from celadon.model.account import Actor
from celadon.model.addon import GIVE_UP_AFTER, AddOnState
from celadon.model.app_setup import AppSetup, SetupStep
from celadon.model.build import BuildStatus
from celadon.model.errors import Conflict, InvalidParams
from celadon.platform.settings import Settings
from celadon.store import addons as stored_addons
from celadon.store import apps as stored_apps
from celadon.store import buildpacks, configs, formations, tables
from celadon.store import builds as stored_builds
from celadon.store import dynos as stored_dynos
from celadon.store import releases as stored_releases
from celadon.store.database import Database

SECRET = "not-for-everybody"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Context:
    return context.Context(database, Settings(home=tmp_path))


@pytest.fixture
def owner(world: Context) -> Actor:
    return Actor(account=accounts.create_operator(world.database, email="admin@localhost", password="long enough"))


def begin(world: Context, owner: Actor, **values: object) -> AppSetup:
    url = "https://example.com/source.tgz"
    return app_setups.create(world, owner, source_url=url, name="example", **values)[0]  # type: ignore[arg-type]


def configure(world: Context, setup: AppSetup, **keys: object) -> None:
    app_setups.configure(world, setup.build_id, json.dumps(keys).encode())


def build(world: Context, setup: AppSetup, **types: str) -> None:
    compiled = Compiled(
        slug_id=f"slug-{setup.id}",
        process_types=types or {"web": "serve", "worker": "work"},
        language="Python",
        checksum="SHA256:0",
        size=1,
        config_vars={},
    )
    assert builds.succeed(world, setup.build_id, compiled)


def advance(world: Context) -> None:
    """Until nothing is due."""
    while found := app_setups.due(world):
        for setup_id in found:
            app_setups.advance(world, setup_id)


def now(world: Context, owner: Actor, setup: AppSetup) -> AppSetup:
    return app_setups.find(world, owner, setup.id)[0]


def gone(world: Context) -> bool:
    with world.database.read() as tx:
        return stored_apps.find(tx, "example") is None


def test_the_steps_of_a_setup(world: Context, owner: Actor) -> None:
    setup = begin(world, owner, env={"GIVEN": SECRET})
    advance(world)
    assert app_setups.wants_app_json(world, setup.build_id)
    configure(
        world,
        setup,
        env={"MADE": {"generator": "secret"}, "GIVEN": {}},
        buildpacks=[{"url": "urn:buildpack:heroku/python"}],
        formation={"web": {"quantity": 2}, "worker": {"quantity": 1, "size": "standard-2x"}},
        scripts={"postdeploy": "seed"},
    )
    advance(world)
    assert not app_setups.wants_app_json(world, setup.build_id)
    with world.database.read() as tx:
        newest = stored_releases.newest(tx, setup.app_id)
        assert newest and newest.description == "Set GIVEN, MADE config vars"
        found = configs.find(tx, newest.config_id)
        assert [entry.url for entry in buildpacks.list_of(tx, setup.app_id)] == ["heroku/python"]
    assert (len(found["MADE"]), found["GIVEN"]) == (64, SECRET)
    assert builds.find(world, owner, "example", setup.build_id)[1].buildpacks == ("heroku/python",)
    build(world, setup)
    assert app_setups.due(world) == [setup.id]
    advance(world)
    present = now(world, owner, setup)
    assert (present.step, present.status) == (SetupStep.POSTDEPLOY, "pending")
    assert present.dyno_id and app_setups.is_postdeploy(world, present.dyno_id)
    with world.database.read() as tx:
        scaled = {entry.type: (entry.quantity, entry.size) for entry in formations.list_of(tx, setup.app_id)}
        dyno = stored_dynos.find_by_id(tx, present.dyno_id)
    assert scaled == {"web": (2, "1X"), "worker": (1, "2X")}
    assert dyno and (dyno.command, dyno.type, dyno.attach) == ("seed", "run", False)
    app_setups.postdeployed(world, present.dyno_id, b"seeded\n", 0, stopped=False)
    # A manager that was killed says it again, and may know less then.
    app_setups.postdeployed(world, present.dyno_id, b"", None, stopped=False)
    present = now(world, owner, setup)
    assert (present.status, present.output, present.exit_code) == ("succeeded", "seeded\n", 0)
    assert not gone(world)
    assert app_setups.due(world) == []


def test_a_step_that_is_taken_again_changes_nothing(world: Context, owner: Actor) -> None:
    setup = begin(world, owner)
    configure(world, setup, env={"A": "1"}, scripts={"postdeploy": "seed"})
    with pytest.raises(InvalidParams, match="its setup is over"):
        app_setups.configure(world, "no such build", b"{}")
    build(world, setup)
    for _ in range(2):
        app_setups.advance(world, setup.id)
    with world.database.read() as tx:
        assert len(stored_dynos.list_of(tx, setup.app_id)) == 1
        assert [release.version for release in stored_releases.list_of(tx, setup.app_id)] == [1, 2, 3, 4]


def test_without_a_script_a_setup_ends_with_its_release(world: Context, owner: Actor) -> None:
    setup = begin(world, owner)
    configure(world, setup)
    build(world, setup, web="serve", release="migrate")
    advance(world)
    assert now(world, owner, setup).step is SetupStep.BUILDING
    with world.database.read() as tx:
        (pending,) = stored_releases.list_pending(tx)
    releases.finish(world, pending.id, succeeded=True)
    advance(world)
    assert now(world, owner, setup).status == "succeeded"


def test_overrides_of_buildpacks_win(world: Context, owner: Actor) -> None:
    setup = begin(world, owner, buildpack_urls=["heroku/nodejs"])
    configure(world, setup, buildpacks=[{"url": "heroku/python"}])
    assert builds.find(world, owner, "example", setup.build_id)[1].buildpacks == ("heroku/nodejs",)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"env": {"A": {}}}, "config var A is required"),
        ({"buildpacks": [{"url": "; rm -rf /"}]}, "as buildpack"),
        ({"formation": {"web": {"size": "huge"}}}, "the sizes here are"),
        ({"addons": ["no-such-service:plan"]}, "Couldn't find either the add-on service or the add-on plan"),
        ({"addons": ["scheduler", "scheduler"]}, "needs but one"),
        ({"addons": [{"plan": "ssl", "as": "A"}], "env": {"A_URL": "x"}}, "has a config var A_URL already"),
    ],
)
def test_a_wrong_app_json_leaves_no_app(world: Context, owner: Actor, keys: dict[str, object], words: str) -> None:
    setup = begin(world, owner)
    with pytest.raises(InvalidParams, match="cannot be used"):
        configure(world, setup, **keys)
    present = now(world, owner, setup)
    assert (present.status, present.failure_message) == ("failed", "invalid app.json")
    assert words in present.manifest_errors[0]
    assert gone(world)


def test_config_vars_beyond_the_limit_leave_no_app(world: Context, owner: Actor) -> None:
    setup = begin(world, owner)
    with pytest.raises(InvalidParams, match="bytes together"):
        configure(world, setup, env={"A": "x" * 70_000})
    assert "bytes together" in (now(world, owner, setup).failure_message or "")
    assert gone(world)


def test_a_source_without_app_json_leaves_no_app(world: Context, owner: Actor) -> None:
    setup = begin(world, owner)
    with pytest.raises(InvalidParams, match="there is no app"):
        app_setups.configure(world, setup.build_id, None)
    assert (now(world, owner, setup).failure_message or "").startswith("there is no app.json of at most 256 KB")
    assert gone(world)


WANTED = ["heroku-postgresql:mini", {"plan": "heroku-redis", "as": "CACHE", "options": {"size": "3"}}]


def provide(world: Context, addon_id: str) -> None:
    """As its provider, by what the addons role calls then."""
    addon = provisioning.find(world, addon_id)
    assert addon is not None
    name = {"heroku-postgresql": "HEROKU_POSTGRESQL_URL", "heroku-redis": "REDIS_URL"}[addon.service]
    provisioning.provisioned(world, addon_id, provider_id=addon_id, config={name: f"at:{addon.service}"})


def test_the_build_waits_for_the_add_ons_and_finds_their_config(world: Context, owner: Actor) -> None:
    setup = begin(world, owner)
    builds.begin(world, setup.build_id)
    assert app_setups.configure(world, setup.build_id, json.dumps({"addons": WANTED}).encode()) is None
    present = now(world, owner, setup)
    assert (present.step, present.status, len(present.addons)) == (SetupStep.PROVISIONING, "pending", 2)
    assert app_setups.waiting_builds(world) == {setup.build_id}
    assert [provisioning.options(world, one) for one in present.addons] == [{}, {"size": "3"}]
    provide(world, present.addons[0])
    assert app_setups.due(world) == []
    provide(world, present.addons[1])
    # A role that is killed may take the step more than once.
    for _ in range(2):
        app_setups.advance(world, setup.id)
    assert (now(world, owner, setup).step, app_setups.waiting_builds(world)) == (SetupStep.BUILDING, frozenset())
    assert not app_setups.wants_app_json(world, setup.build_id)
    assert builds.find(world, owner, "example", setup.build_id)[1].attempts == 0
    with world.database.read() as tx:
        newest = stored_releases.newest(tx, setup.app_id)
        assert newest is not None
        found = configs.find(tx, newest.config_id)
    assert (found["DATABASE_URL"], found["CACHE_URL"]) == ("at:heroku-postgresql", "at:heroku-redis")
    build(world, setup)
    advance(world)
    assert now(world, owner, setup).status == "succeeded"


def refuse(world: Context, owner: Actor, addon_id: str) -> None:
    provisioning.refused(world, addon_id, "no room")


def give_up(world: Context, owner: Actor, addon_id: str) -> None:
    with world.database.transaction() as tx:
        stored_addons.update(tx, addon_id, now=context.now(), begun_at=context.now() - GIVE_UP_AFTER)
    provisioning.failed(world, addon_id, "no answer")


def remove(world: Context, owner: Actor, addon_id: str) -> None:
    addons.destroy(world, owner, addon_id)


def cancel(world: Context, owner: Actor, addon_id: str) -> None:
    builds.cancel(world, owner, "example")


def destroy_app(world: Context, owner: Actor, addon_id: str) -> None:
    apps.destroy(world, owner, "example")


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (refuse, "add-on heroku-redis:mini was not made: no room"),
        (give_up, "add-on heroku-redis:mini was not made: given up after a day: no answer"),
        (remove, "add-on heroku-redis:mini was not made: it was destroyed"),
        (cancel, "the build was cancelled"),
        (destroy_app, "the app was destroyed"),
    ],
)
def test_an_add_on_that_is_not_made_leaves_no_app(world: Context, owner: Actor, end, reason: str) -> None:  # type: ignore[no-untyped-def]
    setup = begin(world, owner)
    configure(world, setup, addons=WANTED)
    made, other = now(world, owner, setup).addons
    provide(world, made)
    end(world, owner, other)
    advance(world)
    present = now(world, owner, setup)
    assert (present.status, present.failure_message) == ("failed", reason)
    assert gone(world)
    assert app_setups.waiting_builds(world) == frozenset()
    with world.database.read() as tx:
        states = {addon.state for addon in stored_addons.by_ids(tx, present.addons).values()}
        pending = stored_builds.find_by_id(tx, setup.build_id)
    assert states <= {AddOnState.DEPROVISIONING, AddOnState.DEPROVISIONED}
    assert pending and pending.cancel_requested


def fail_build(world: Context, owner: Actor, setup: AppSetup) -> None:
    builds.fail(world, setup.build_id, "no buildpack knows this app")


def fail_release(world: Context, owner: Actor, setup: AppSetup) -> None:
    configure(world, setup)
    build(world, setup, web="serve", release="migrate")
    with world.database.read() as tx:
        (pending,) = stored_releases.list_pending(tx)
    releases.finish(world, pending.id, succeeded=False)


def scale_what_is_not_there(world: Context, owner: Actor, setup: AppSetup) -> None:
    configure(world, setup, formation={"clock": {"quantity": 1}})
    build(world, setup)


def run(world: Context, owner: Actor, setup: AppSetup) -> str:
    configure(world, setup, scripts={"postdeploy": "seed"})
    build(world, setup)
    advance(world)
    return now(world, owner, setup).dyno_id or ""


def fail_script(world: Context, owner: Actor, setup: AppSetup) -> None:
    app_setups.postdeployed(world, run(world, owner, setup), b"", 7, stopped=False)


def stop_script(world: Context, owner: Actor, setup: AppSetup) -> None:
    app_setups.postdeployed(world, run(world, owner, setup), b"", 0, stopped=True)


def lose_script(world: Context, owner: Actor, setup: AppSetup) -> None:
    app_setups.postdeployed(world, run(world, owner, setup), b"", None, stopped=False)


def forget_script(world: Context, owner: Actor, setup: AppSetup) -> None:
    dyno_id = run(world, owner, setup)
    with world.database.transaction() as tx:
        stored_dynos.delete(tx, dyno_id)


def destroy(world: Context, owner: Actor, setup: AppSetup) -> None:
    apps.destroy(world, owner, "example")
    builds.fail(world, setup.build_id, "the build was cancelled")


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (fail_build, "the build failed: no buildpack knows this app"),
        (fail_release, "the release command of v3 failed"),
        (scale_what_is_not_there, "Couldn't find that process type (clock): the app's process types are web, worker."),
        (fail_script, "the postdeploy script ended with exit code 7"),
        (stop_script, "the postdeploy script was stopped"),
        (lose_script, "nobody saw how the postdeploy script ended"),
        (forget_script, "the postdeploy script was stopped before it had begun"),
        (destroy, "the app was destroyed"),
    ],
)
def test_whatever_fails_leaves_no_app_and_a_reason(world: Context, owner: Actor, end, reason: str) -> None:  # type: ignore[no-untyped-def]
    setup = begin(world, owner)
    end(world, owner, setup)
    advance(world)
    present = now(world, owner, setup)
    assert (present.status, present.failure_message) == ("failed", reason)
    assert gone(world)
    app_setups.fail(world, setup.id, "another reason")
    assert now(world, owner, setup) == present


def test_an_app_that_was_given_away_meanwhile_stays(world: Context, owner: Actor) -> None:
    setup = begin(world, owner)
    other = accounts.create(world, owner, email="grace@example.com", password="long enough")
    with world.database.transaction() as tx:
        stored_apps.update(tx, setup.app_id, now=context.now(), owner_id=other.id)
    fail_build(world, owner, setup)
    advance(world)
    assert now(world, owner, setup).status == "failed"
    assert not gone(world)


def test_what_is_secret_is_encrypted_and_goes_when_it_is_used(world: Context, owner: Actor) -> None:
    setup = begin(world, owner, env={"GIVEN": SECRET})
    assert now(world, owner, setup).env == {"GIVEN": SECRET}
    assert SECRET not in repr(setup)
    assert SECRET not in _everything(world)
    dyno_id = run(world, owner, setup)
    assert now(world, owner, setup).env == {}
    app_setups.postdeployed(world, dyno_id, SECRET.encode(), 1, stopped=False)
    assert now(world, owner, setup).output == SECRET
    assert SECRET not in _everything(world)


def _everything(world: Context) -> str:
    """All that is in the store."""
    with world.database.read() as tx:
        return "".join(str(tx.connection.execute(sa.select(table)).all()) for table in tables.metadata.sorted_tables)


def test_only_the_end_of_much_output_is_kept(world: Context, owner: Actor) -> None:
    setup = begin(world, owner)
    written = b"\xff\x00" + b"x" * (1 << 20) + b"end"
    app_setups.postdeployed(world, run(world, owner, setup), written, 0, stopped=False)
    output = now(world, owner, setup).output or ""
    assert (len(output), output[-4:]) == (64 << 10, "xend")


def test_a_build_that_waits_keeps_pushes_away(world: Context, owner: Actor) -> None:
    setup = begin(world, owner)
    assert builds.find(world, owner, "example", setup.build_id)[1].status is BuildStatus.PENDING
    with pytest.raises(Conflict, match="another build of it is running"):
        builds.create(world, owner, "example", commit="abc")


def test_another_one_off_is_no_postdeploy_script(world: Context, owner: Actor) -> None:
    setup = begin(world, owner)
    run(world, owner, setup)
    _, dyno, _, _ = dynos.run(world, owner, "example", command="ls")
    assert not app_setups.is_postdeploy(world, dyno.id)
    app_setups.postdeployed(world, dyno.id, b"", 1, stopped=False)
    assert now(world, owner, setup).status == "pending"
