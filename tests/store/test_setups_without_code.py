"""App setups from an app.json alone: what is done once the first code of the app is released."""

import json

import pytest
import sqlalchemy as sa
from tests.store.test_app_setups import WANTED, advance, gone, now, owner, provide, world

from celadon.actions import app_setups, apps, builds, config_vars, context, provisioning, releases
from celadon.actions.builds import Compiled
from celadon.actions.context import Context
from celadon.model.account import Actor
from celadon.model.addon import AddOnState
from celadon.model.app_setup import AppSetup, SetupStep
from celadon.model.dyno import Dyno
from celadon.model.errors import InvalidParams
from celadon.store import addons as stored_addons
from celadon.store import apps as stored_apps
from celadon.store import dynos as stored_dynos
from celadon.store import formations, tables
from celadon.store import releases as stored_releases

__all__ = ["owner", "world"]


def prepare(world: Context, owner: Actor, **keys: object) -> AppSetup:
    return app_setups.prepare(world, owner, json.dumps(keys).encode(), name="example")[0]


def deploy(world: Context, owner: Actor, **types: str) -> None:
    """As a push and the build role."""
    build = builds.create(world, owner, "example", commit="c0ffee", source_url="https://example.com/source.tgz")
    compiled = Compiled(
        slug_id=f"slug-{build.id}",
        process_types=types or {"web": "serve", "worker": "work"},
        language="Python",
        checksum="SHA256:0",
        size=1,
        config_vars={},
    )
    assert builds.succeed(world, build.id, compiled)


def dynos_of(world: Context, setup: AppSetup) -> list[Dyno]:
    with world.database.read() as tx:
        return stored_dynos.list_of(tx, setup.app_id)


def test_from_an_app_json_alone_formation_and_script_follow_the_first_release_once(
    world: Context, owner: Actor
) -> None:
    setup = prepare(
        world,
        owner,
        env={"A": "1"},
        formation={"worker": {"quantity": 1, "size": "standard-2x"}},
        scripts={"postdeploy": {"command": "seed", "size": "standard-2x"}},
    )
    advance(world)
    assert now(world, owner, setup).step is SetupStep.AWAITING
    # A change of config makes a release, but brings no code.
    config_vars.update(world, owner, "example", {"B": "2"})
    assert app_setups.due(world) == []
    deploy(world, owner, web="serve", worker="work", release="migrate")
    assert app_setups.due(world) == []
    with world.database.read() as tx:
        (pending,) = stored_releases.list_pending(tx)
    releases.finish(world, pending.id, succeeded=False)
    assert app_setups.due(world) == []
    deploy(world, owner)
    # Two looks at once, as of a role that was killed and one that has taken its place.
    for _ in range(2):
        app_setups.advance(world, setup.id)
    with world.database.read() as tx:
        assert {entry.type: entry.quantity for entry in formations.list_of(tx, setup.app_id)} == {"web": 1, "worker": 1}
    (dyno,) = dynos_of(world, setup)
    assert (dyno.command, dyno.size, app_setups.is_postdeploy(world, dyno.id)) == ("seed", "2X", True)
    app_setups.postdeployed(world, dyno.id, b"seeded", 0, stopped=False)
    assert now(world, owner, setup).status == "succeeded"
    formations_before = dynos_of(world, setup)
    deploy(world, owner)
    advance(world)
    assert dynos_of(world, setup) == formations_before


def test_from_an_app_json_alone_the_script_waits_for_the_add_ons_and_not_for_what_will_never_be(
    world: Context, owner: Actor
) -> None:
    setup = prepare(world, owner, addons=WANTED, scripts={"postdeploy": "seed"})
    deploy(world, owner)
    database, cache = setup.addons
    assert app_setups.due(world) == []
    provide(world, database)
    assert app_setups.due(world) == []
    with world.database.transaction() as tx:
        stored_addons.update(tx, cache, now=context.now(), state=AddOnState.DEPROVISIONED)
    advance(world)
    assert now(world, owner, setup).step is SetupStep.POSTDEPLOY


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"formation": {"clock": {"quantity": 1}}}, "clock"),
        ({"scripts": {"postdeploy": "false"}}, "the postdeploy script ended with exit code 1"),
    ],
)
def test_what_fails_after_the_first_release_leaves_the_app(
    world: Context, owner: Actor, keys: dict[str, object], words: str
) -> None:
    setup = prepare(world, owner, addons=["scheduler"], **keys)
    deploy(world, owner)
    for addon_id in setup.addons:
        provisioning.provisioned(world, addon_id, provider_id=addon_id, config={})
    advance(world)
    for dyno in dynos_of(world, setup):
        app_setups.postdeployed(world, dyno.id, b"", 1, stopped=False)
    present = now(world, owner, setup)
    assert (present.status, words in (present.failure_message or "")) == ("failed", True)
    assert not gone(world)
    with world.database.read() as tx:
        assert [addon.state for addon in stored_addons.list_of_app(tx, setup.app_id)] == [AddOnState.PROVISIONED]
        assert not stored_apps.find(tx, "example").maintenance  # type: ignore[union-attr]


def test_an_app_that_is_destroyed_before_it_has_code_ends_its_setup(world: Context, owner: Actor) -> None:
    setup = prepare(world, owner)
    apps.destroy(world, owner, "example")
    advance(world)
    assert now(world, owner, setup).failure_message == "the app was destroyed"
    assert app_setups.due(world) == []


def test_a_wrong_app_json_alone_makes_nothing_and_says_all_of_it(world: Context, owner: Actor) -> None:
    with pytest.raises(InvalidParams) as raised:
        prepare(
            world,
            owner,
            env={"A": {}},
            buildpacks=["; rm"],
            formation={"web": {"size": "huge"}},
            scripts={"postdeploy": {"command": "x", "size": "vast"}},
        )
    first, *rest = raised.value.message.splitlines()
    assert first == "cannot create an app from this app.json"
    assert len(rest) == 4
    with pytest.raises(InvalidParams, match="Couldn't find either the add-on service"):
        prepare(world, owner, env={"A": "1"}, addons=["scheduler", "no-such:plan"])
    assert gone(world)
    with world.database.read() as tx:
        assert tx.connection.execute(sa.select(tables.app_setups)).all() == []
        assert tx.connection.execute(sa.select(tables.addons)).all() == []
