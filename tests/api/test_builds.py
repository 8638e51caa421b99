"""Builds by the API: what is asked of the build role."""

import pytest
from tests.api.world import World

from celadon.actions import builds


def test_purge_of_the_cache_is_asked_for_and_done_once(world: World) -> None:
    reply = world.call("DELETE", "/apps/example/build-cache")
    assert (reply.status, reply.json) == (202, {})
    assert [app.name for app in builds.caches_to_purge(world.context)] == ["example"]
    builds.cache_purged(world.context, world.made["app"])
    assert builds.caches_to_purge(world.context) == []


@pytest.mark.parametrize("scope", ["read", "write", "read-protected"])
def test_a_token_that_may_not_build_may_not_purge(world: World, scope: str) -> None:
    reply = world.call("DELETE", "/apps/example/build-cache", token=world.new_token(scope))
    assert (reply.status, reply.error) == (403, "forbidden")
    assert builds.caches_to_purge(world.context) == []


def test_a_destroyed_app_has_no_cache_to_purge(world: World) -> None:
    world.call("DELETE", "/apps/example/build-cache")
    world.call("DELETE", "/apps/example")
    assert builds.caches_to_purge(world.context) == []
