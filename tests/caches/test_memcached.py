"""memcachier as a provider, by the real server and a client of the field."""

import socket
from collections.abc import Iterator, Mapping
from typing import Any

import bmemcached  # type: ignore[import-untyped]
import pytest
from bmemcached.exceptions import (  # type: ignore[import-untyped]
    AuthenticationNotSupported,
    InvalidCredentials,
    MemcachedException,
)

from celadon.actions import caches
from celadon.addons.provider import ProviderRefused
from celadon.caches.provider import MemcachedProvider
from celadon.model.cache import Step
from tests.caches.conftest import config_of, given, made, place_of, wanted


@pytest.fixture
def dev(memcached_provider: MemcachedProvider) -> Iterator[str]:
    yield from made(memcached_provider, "dev")


def client_of(config: Mapping[str, str], **other: str) -> Any:
    words = {"username": config["MEMCACHIER_USERNAME"], "password": config["MEMCACHIER_PASSWORD"], **other}
    # Of an answer that takes longer than its three seconds it would say nothing, and answer that there is none.
    return bmemcached.Client((config["MEMCACHIER_SERVERS"],), socket_timeout=30, **words)


def answer_of(config: Mapping[str, str], request: bytes) -> bytes:
    host, _, port = config["MEMCACHIER_SERVERS"].partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(request)
        try:
            return connection.recv(1000)
        except ConnectionResetError:
            return b""


def test_a_cache_keeps_values_and_is_gone_when_it_is_removed(memcached_provider: MemcachedProvider) -> None:
    order = wanted("dev")
    provided = memcached_provider.provision(order)
    client = client_of(given(provided))
    assert client.set("key", "value")
    assert client.get("key") == "value"
    assert memcached_provider.provision(order) == provided
    for _ in range(2):
        memcached_provider.deprovision(order.addon_id, None)
    assert caches.find(memcached_provider.manager.context, order.addon_id) is None
    with pytest.raises(OSError, match=r"."):
        answer_of(given(provided), b"version\r\n")


def test_what_is_no_plan_or_no_option_is_refused(memcached_provider: MemcachedProvider) -> None:
    for order in (wanted("huge"), wanted("dev", colour="red")):
        with pytest.raises(ProviderRefused, match="cannot make a cache"):
            memcached_provider.provision(order)


def test_nobody_comes_in_without_the_password(memcached_provider: MemcachedProvider, dev: str) -> None:
    config = config_of(memcached_provider, dev)
    client_of(config).set("key", "value")
    for wrong in ({"password": "wrong"}, {"username": "other"}, {"password": ""}):
        with pytest.raises((InvalidCredentials, AuthenticationNotSupported, MemcachedException)):
            client_of(config, **wrong).get("key")
    # GET, SET, FLUSH, STAT without a word of SASL before: "authentication required" (0x20).
    for opcode in (0x00, 0x08, 0x10):
        key = b"key" if opcode == 0 else b""
        header = bytes([0x80, opcode, 0, len(key)]) + bytes(7) + bytes([len(key)]) + bytes(12)
        assert answer_of(config, header + key)[6:8] == b"\x00\x20", opcode
    # Lines of the text protocol, longer than a binary header, which they are taken for.
    for line in (b"get key\r\n", b"stats\r\n", b"flush_all\r\n", b"shutdown\r\n"):
        assert answer_of(config, line * 5) == b""
    assert client_of(config).get("key") == "value"


def test_a_full_cache_forgets_instead_of_dying(memcached_provider: MemcachedProvider, dev: str) -> None:
    client = client_of(config_of(memcached_provider, dev))
    (began,) = [stats["pid"] for stats in client.stats().values()]
    uptime = next(iter(client.stats().values()))["uptime"]
    for size in (100, 1000, 10_000, 100_000, 500_000):
        for number in range(max(100, min(2000, (40 << 20) // size))):
            client.set(f"{size}-{number}", "x" * size, compress_level=0)
    stats = next(iter(client.stats().values()))
    assert int(stats["evictions"]) > 0
    assert int(stats["limit_maxbytes"]) == 25 << 20
    assert stats["pid"] == began
    assert int(stats["uptime"]) >= int(uptime)


def test_a_change_of_plan_and_of_password_by_a_new_start(
    memcached_provider: MemcachedProvider, told: dict[str, Mapping[str, str]], dev: str
) -> None:
    memcached_provider.change_plan(dev, dev, "100")
    before = config_of(memcached_provider, dev)
    stats = next(iter(client_of(before).stats().values()))
    assert int(stats["limit_maxbytes"]) == 100 << 20
    caches.rotate(memcached_provider.manager.context, dev)
    assert memcached_provider.manager.ensure() == 1
    assert told[dev] == config_of(memcached_provider, dev) != before
    with pytest.raises((InvalidCredentials, MemcachedException)):
        client_of(before).get("key")
    assert client_of(told[dev]).set("key", "value")
    assert place_of(memcached_provider, dev).cache.step is Step.AVAILABLE


def test_a_server_that_dies_is_started_again(memcached_provider: MemcachedProvider, dev: str) -> None:
    manager, place = memcached_provider.manager, place_of(memcached_provider, dev)
    assert manager.ensure() == 0
    memcached_provider.servers.engines.runtime.kill(place.engine.name)
    assert manager.ensure() == 1
    assert client_of(config_of(memcached_provider, dev)).set("key", "value")


def test_it_is_reached_at_no_port_of_the_host(memcached_provider: MemcachedProvider, dev: str) -> None:
    place = place_of(memcached_provider, dev)
    with pytest.raises(OSError, match=r"."):
        socket.create_connection((memcached_provider.servers.engines.settings.gateway, place.engine.port), timeout=2)


def test_its_password_is_in_no_command_line(memcached_provider: MemcachedProvider, dev: str) -> None:
    place, engines = place_of(memcached_provider, dev), memcached_provider.servers.engines
    bundle = engines.settings.home / "addons" / place.engine.name
    for path in [path for path in bundle.rglob("*") if path.is_file()]:
        assert place.password.encode() not in path.read_bytes(), path
    assert (engines.directory(place.engine) / "conf/sasldb").stat().st_mode & 0o077 == 0
