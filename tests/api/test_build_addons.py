"""Add-ons and config vars of a buildpack: its apps get them with their first release."""

import uuid
from collections.abc import Mapping

from tests.api.world import World

from celadon.actions import apps, builds
from celadon.actions.builds import Compiled
from celadon.store import events


def _build(world: World, app: str, *addons: str, config_vars: Mapping[str, str] | None = None) -> None:
    build = builds.create(world.context, world.actor, app)
    compiled = Compiled(
        slug_id=str(uuid.uuid4()),
        process_types={"web": "run"},
        language="Python",
        checksum="SHA256:" + "0" * 64,
        size=1,
        config_vars=config_vars or {},
        addons=addons,
    )
    assert builds.succeed(world.context, build.id, compiled)


def _services(world: World, app: str) -> list[str]:
    return [addon["addon_service"]["name"] for addon in world.get(f"/apps/{app}/addons").json]


def test_the_first_build_adds_what_the_buildpack_names_and_says_what_cannot_be(world: World) -> None:
    apps.create(world.context, world.actor, name="first")
    _build(world, "first", "heroku-postgresql:mini", "no-such-service", "ssl", "ssl:endpoint")
    assert sorted(_services(world, "first")) == ["heroku-postgresql", "ssl"]
    with world.context.database.read() as tx:
        said = [event.line for event in events.list_after(tx, 0) if event.action == "addon:refuse"]
    assert len(said) == 1 and said[0] is not None
    assert said[0].startswith("Add-on no-such-service of the buildpack was not added -- Couldn't find")


def test_later_builds_add_nothing(world: World) -> None:
    _build(world, "example", "ssl")
    assert _services(world, "example") == []


def test_the_first_build_adds_config_vars_in_a_release_of_their_own_and_changes_none(world: World) -> None:
    java = {"PATH": "/app/.jdk/bin:/usr/bin:/bin", "JAVA_OPTS": "-Xmx384m"}
    apps.create(world.context, world.actor, name="first")
    world.call("PATCH", "/apps/first/config-vars", {"JAVA_OPTS": "-Xmx1g"})
    _build(world, "first", config_vars=java | {"MAVEN_OPTS": "-Xmx384m"})
    assert world.get("/apps/first/config-vars").json == java | {"JAVA_OPTS": "-Xmx1g", "MAVEN_OPTS": "-Xmx384m"}
    said = [release["description"] for release in world.get("/apps/first/releases").json]
    assert said[-2:] == ["Add MAVEN_OPTS, PATH config", "Deploy"]
    _build(world, "first", config_vars=java | {"LATER": "x"})
    assert "LATER" not in world.get("/apps/first/config-vars").json
