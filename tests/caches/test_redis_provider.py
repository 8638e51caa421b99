"""heroku-redis as a provider: plans, moves between them, passwords, retries after a kill at each step."""

from collections.abc import Iterator, Mapping

import pytest
import redis

from celadon.actions import caches
from celadon.addons.provider import ProviderRefused
from celadon.caches.manager import Manager
from celadon.caches.provider import RedisProvider
from celadon.model.cache import Step
from celadon.platform.settings import Settings
from tests.caches.conftest import client_of, config_of, connection_of, given, made, place_of, wanted


class Killed(BaseException):
    """What stands for a SIGKILL: nothing of ours catches it."""


def killed(*_: object, **__: object) -> None:
    raise Killed


@pytest.fixture
def mini(redis_provider: RedisProvider) -> Iterator[str]:
    yield from made(redis_provider, "mini")


def test_a_cache_keeps_values_and_is_gone_when_it_is_removed(redis_provider: RedisProvider, settings: Settings) -> None:
    order = wanted("mini")
    provided = redis_provider.provision(order)
    with client_of(settings, given(provided)) as client:
        client.set("key", "value")
        assert client.get("key") == "value"
    assert redis_provider.provision(order) == provided
    directory = redis_provider.servers.engines.directory(place_of(redis_provider, order.addon_id).engine)
    for _ in range(2):
        redis_provider.deprovision(order.addon_id, provided.provider_id)
    assert caches.find(redis_provider.manager.context, order.addon_id) is None
    assert not directory.exists()
    with pytest.raises(redis.ConnectionError):
        client_of(settings, given(provided)).ping()


def test_options_are_settings_and_what_is_none_is_refused(redis_provider: RedisProvider, settings: Settings) -> None:
    order = wanted("mini", **{"maxmemory_policy": "allkeys-lru", "timeout": "60"})
    with client_of(settings, given(redis_provider.provision(order))) as client:
        assert client.info("memory")["maxmemory_policy"] == "allkeys-lru"
    redis_provider.deprovision(order.addon_id, None)
    bad: tuple[dict[str, str], ...] = ({"timeout": "soon"}, {"maxmemory_policy": "x"}, {"colour": "red"})
    for order in (wanted("huge"), *(wanted("mini", **options) for options in bad)):
        with pytest.raises(ProviderRefused, match="cannot "):
            redis_provider.provision(order)
        assert caches.find(redis_provider.manager.context, order.addon_id) is None


STEPS = ("_configure", "engines.start", "publish", "_answers", "done")


@pytest.mark.parametrize("step", STEPS)
def test_a_provision_that_was_killed_is_finished_by_the_next(
    redis_provider: RedisProvider, settings: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    order = wanted("premium-0")
    with monkeypatch.context() as patched:
        _kill_at(patched, redis_provider, step)
        with pytest.raises(Killed):
            redis_provider.provision(order)
    with client_of(settings, given(redis_provider.provision(order))) as client:
        client.set("key", "value")
    assert place_of(redis_provider, order.addon_id).cache.step is Step.AVAILABLE
    redis_provider.deprovision(order.addon_id, None)


def _kill_at(patched: pytest.MonkeyPatch, provider: RedisProvider, step: str) -> None:
    owner, _, name = step.rpartition(".")
    servers = provider.servers
    target: object = getattr(servers, owner) if owner else servers
    target = {"done": caches, "publish": provider.manager._ports}.get(name, target)
    patched.setattr(target, name, killed)


@pytest.mark.parametrize("step", [None, "_save", "engines.stop", "engines.start", "_answers", "publish", "done"])
@pytest.mark.parametrize(
    ("before", "after"), [("mini", "premium-0"), ("premium-0", "mini"), ("premium-0", "premium-1")]
)
def test_keys_survive_a_change_of_plan_also_one_that_was_killed(
    redis_provider: RedisProvider,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    after: str,
    step: str | None,
) -> None:
    order = wanted(before)
    with client_of(settings, given(redis_provider.provision(order))) as client:
        client.mset({f"key-{number}": "x" * 1000 for number in range(1000)})
    if step is not None:
        with monkeypatch.context() as patched:
            _kill_at(patched, redis_provider, step)
            with pytest.raises(Killed):
                redis_provider.change_plan(order.addon_id, order.addon_id, after)
    provided = redis_provider.change_plan(order.addon_id, order.addon_id, after)
    place = place_of(redis_provider, order.addon_id)
    with client_of(settings, given(provided)) as client:
        assert client.dbsize() == 1000
        assert client.info("memory")["maxmemory"] == place.size.memory
        assert client.info("persistence")["aof_enabled"] == int(place.size.persistent)
    assert redis_provider.servers.engines.fits(place.engine)
    redis_provider.deprovision(order.addon_id, None)


def test_more_keys_than_a_plan_has_memory_are_not_moved_there(
    redis_provider: RedisProvider, settings: Settings
) -> None:
    order = wanted("premium-0")
    with client_of(settings, given(redis_provider.provision(order))) as client:
        for number in range(30):
            client.set(f"key-{number}", "x" * (1 << 20))
    with pytest.raises(ProviderRefused, match=r"its keys take \d\d MB, and mini has 25 MB"):
        redis_provider.change_plan(order.addon_id, order.addon_id, "mini")
    assert place_of(redis_provider, order.addon_id).cache.plan == "premium-0"
    redis_provider.deprovision(order.addon_id, None)


@pytest.mark.parametrize(("plan", "left"), [("mini", 0), ("premium-0", 1)])
def test_a_server_that_dies_is_started_again_with_what_its_plan_keeps(
    redis_provider: RedisProvider, settings: Settings, plan: str, left: int
) -> None:
    order, manager = wanted(plan), redis_provider.manager
    config = given(redis_provider.provision(order))
    place = place_of(redis_provider, order.addon_id)
    with client_of(settings, config) as client:
        client.set("key", "value")
        # Said on disk before it is killed: the promise is a second, not more.
        _wait_until_on_disk(manager, redis_provider, order.addon_id)
    assert manager.ensure() == 0
    redis_provider.servers.engines.runtime.kill(place.engine.name)
    assert manager.ensure() == 1
    with client_of(settings, config) as client:
        assert client.dbsize() == left
    redis_provider.deprovision(order.addon_id, None)
    assert manager.ensure() == 0


def _wait_until_on_disk(manager: Manager, provider: RedisProvider, addon_id: str) -> None:
    place = place_of(provider, addon_id)
    if place.size.persistent:
        with provider.servers.connect(place.engine) as client:  # type: ignore[attr-defined]
            assert client.waitaof(1, 0, 5000)[0] == 1


@pytest.mark.parametrize("step", [None, "_configure", "publish", "tell", "done"])
def test_a_new_password_cuts_off_who_has_the_old_one_and_keeps_all_keys(
    redis_provider: RedisProvider,
    settings: Settings,
    told: dict[str, Mapping[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    mini: str,
    step: str | None,
) -> None:
    manager, before = redis_provider.manager, config_of(redis_provider, mini)
    old = client_of(settings, before)
    old.set("key", "value")
    caches.rotate(manager.context, mini)
    if step is not None:
        with monkeypatch.context() as patched:
            if step == "tell":
                patched.setattr(manager, "_tell", killed)
            else:
                _kill_at(patched, redis_provider, step)
            with pytest.raises(Killed):
                manager.apply(mini)
    assert manager.ensure() == 1
    assert place_of(redis_provider, mini).cache.step is Step.AVAILABLE
    with pytest.raises(redis.RedisError):
        # redis-py would come in again by itself: its own connection is asked.
        connection_of(old).send_command("PING")
        connection_of(old).read_response()
    with pytest.raises(redis.AuthenticationError):
        client_of(settings, before).ping()
    assert told[mini] == config_of(redis_provider, mini) != before
    with client_of(settings, told[mini]) as client:
        assert client.get("key") == "value"


def test_settings_change_while_it_runs_and_stay_over_a_restart(
    redis_provider: RedisProvider, settings: Settings, mini: str
) -> None:
    manager = redis_provider.manager
    place = place_of(redis_provider, mini)
    with client_of(settings, config_of(redis_provider, mini)) as client:
        client.set("key", "value")
        caches.configure(manager.context, mini, policy="allkeys-lfu", timeout=7, notifications="KEA")
        assert manager.ensure() == 1
        assert client.get("key") == "value"
    for _ in range(2):
        with redis_provider.servers.connect(place.engine) as admin:  # type: ignore[attr-defined]
            found = admin.config_get("maxmemory-policy", "timeout", "notify-keyspace-events")
        assert (found["maxmemory-policy"], found["timeout"]) == ("allkeys-lfu", "7")
        assert set(found["notify-keyspace-events"]) == set("AKE")
        redis_provider.servers.engines.runtime.kill(place.engine.name)
        assert manager.ensure() == 1


def test_a_server_that_a_script_has_to_itself_still_takes_a_new_password(
    redis_provider: RedisProvider, settings: Settings, mini: str
) -> None:
    config = config_of(redis_provider, mini)
    busy = client_of(settings, config)
    connection_of(busy).send_command("EVAL", "while true do end", "0")
    with pytest.raises(redis.ResponseError, match="BUSY"):
        client_of(settings, config).ping()
    caches.rotate(redis_provider.manager.context, mini)
    redis_provider.manager.apply(mini)
    with client_of(settings, config_of(redis_provider, mini)) as client:
        assert client.ping()


def test_what_was_asked_for_meanwhile_is_not_taken_for_done(
    redis_provider: RedisProvider, settings: Settings, monkeypatch: pytest.MonkeyPatch, mini: str
) -> None:
    manager, servers = redis_provider.manager, redis_provider.servers
    context, change = manager.context, servers.change
    asked: list[int] = []

    def changing(*words: object, **named: object) -> None:
        change(*words, **named)  # type: ignore[arg-type]
        if not asked:
            asked.append(1)
            caches.configure(context, mini, timeout=11)

    monkeypatch.setattr(servers, "change", changing)
    caches.rotate(context, mini)
    manager.apply(mini)
    place = place_of(redis_provider, mini)
    assert place.cache.step is Step.AVAILABLE
    with servers.connect(place.engine) as admin:  # type: ignore[attr-defined]
        assert admin.config_get("timeout") == {"timeout": "11"}
