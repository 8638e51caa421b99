"""What a tenant of a Redis server may do and may not, by the real server."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import redis

from celadon.actions import caches
from celadon.caches import redis_files
from celadon.caches.provider import RedisProvider
from celadon.platform.settings import Settings
from tests.caches.conftest import client_of, config_of, connection_of, made, place_of


@pytest.fixture(scope="module")
def mini(redis_provider: RedisProvider) -> Iterator[str]:
    yield from made(redis_provider, "mini")


@pytest.fixture
def client(redis_provider: RedisProvider, settings: Settings, mini: str) -> Iterator["redis.Redis"]:
    with client_of(settings, config_of(redis_provider, mini)) as found:
        yield found
        found.flushall()


@pytest.mark.parametrize(
    "command",
    [
        "CONFIG GET *",
        "CONFIG SET dir /tmp",
        "CONFIG SET maxmemory 0",
        "CONFIG REWRITE",
        "CONFIG RESETSTAT",
        "DEBUG SLEEP 0",
        "DEBUG SEGFAULT",
        "SHUTDOWN NOSAVE",
        "REPLICAOF 127.0.0.1 6379",
        "SLAVEOF NO ONE",
        "PSYNC ? -1",
        "SYNC",
        "REPLCONF listening-port 1",
        "FAILOVER",
        "MODULE LIST",
        "MODULE LOAD /tmp/x.so",
        "ACL LIST",
        "ACL SETUSER other on nopass +@all",
        "ACL GETUSER celadon",
        "ACL LOAD",
        "ACL DELUSER celadon",
        "SAVE",
        "BGSAVE",
        "BGREWRITEAOF",
        "MIGRATE 127.0.0.1 6379 key 0 100",
        "RESTORE key 0 x",
        "CLUSTER INFO",
        "CLIENT PAUSE 100000",
        "CLIENT NO-EVICT on",
        "SCRIPT DEBUG SYNC",
        "PFDEBUG ENCODING key",
        "LATENCY RESET",
    ],
)
def test_a_command_that_reaches_beyond_its_keys_is_refused(client: "redis.Redis", command: str) -> None:
    refusal = "no permissions|not allowed|cluster support disabled"
    with pytest.raises(redis.ResponseError, match=refusal):
        client.execute_command(*command.split())  # type: ignore[no-untyped-call]
    words = ", ".join(f"'{word}'" for word in command.split())
    with pytest.raises(redis.ResponseError, match=refusal):
        client.eval(f"return redis.call({words})", 0)


@pytest.mark.parametrize(
    "command",
    [
        "INFO",
        "KEYS *",
        "FLUSHALL",
        "FLUSHDB",
        "CLIENT LIST",
        "CLIENT SETNAME web.1",
        "CLIENT ID",
        "SLOWLOG GET",
        "ROLE",
        "SELECT 3",
        "XADD stream * a b",
        "PUBLISH channel text",
        "OBJECT HELP",
        "MEMORY USAGE key",
        "HELLO 3",
        "FUNCTION LIST",
        "LASTSAVE",
    ],
)
def test_what_clients_need_is_there(client: "redis.Redis", command: str) -> None:
    client.execute_command(*command.split())  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "script",
    [
        "return os.execute('id')",
        "return io.open('/etc/passwd')",
        "return require('os')",
        "return dofile('/etc/passwd')",
        "return loadfile('/etc/passwd')",
        "return debug.getinfo(1)",
        "return package.loadlib('/lib/x86_64-linux-gnu/liblua.so', 'luaopen_io')",
        "return load(string.dump(function() end))",
        "redis.setresp = nil",
        "x = 1",
    ],
)
def test_a_script_stays_in_its_sandbox(client: "redis.Redis", script: str) -> None:
    with pytest.raises(redis.ResponseError):
        client.eval(script, 0)


def test_nobody_comes_in_without_a_password_or_with_anothers(
    redis_provider: RedisProvider, settings: Settings, mini: str
) -> None:
    url = config_of(redis_provider, mini)["REDIS_URL"]
    at = url.rpartition("@")[2]
    parts = urlsplit(url)
    context = ssl.create_default_context(cafile=str(settings.ca_file))
    for command in ("PING", "INFO", "GET key", "EVAL x 0", "FLUSHALL", "ACL WHOAMI", f"AUTH {redis_files.USER} x"):
        with socket.create_connection((parts.hostname, parts.port), timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname=parts.hostname) as stranger:
                stranger.sendall(f"{command}\r\n".encode())
                assert stranger.recv(1000).startswith((b"-NOAUTH", b"-WRONGPASS")), command
    for other in made(redis_provider, "mini"):
        password = place_of(redis_provider, other).password
        with pytest.raises(redis.AuthenticationError):
            client_of(settings, {"REDIS_URL": f"rediss://:{password}@{at}"}).ping()
    with pytest.raises(redis.AuthenticationError):
        client_of(settings, {"REDIS_URL": f"rediss://{redis_files.USER}:x@{at}"}).ping()


def test_without_tls_nobody_is_answered_and_the_platforms_authority_vouches(
    redis_provider: RedisProvider, settings: Settings, mini: str
) -> None:
    parts = urlsplit(config_of(redis_provider, mini)["REDIS_URL"])
    assert parts.hostname
    assert parts.port
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as plain:
        plain.sendall(f"AUTH {parts.password}\r\nPING\r\n".encode())
        with contextlib.suppress(ConnectionResetError):
            assert b"PONG" not in plain.recv(1000)
    with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
        redis.Redis.from_url(parts.geturl(), ssl_cert_reqs="required").ping()
    context = ssl.create_default_context(cafile=str(settings.ca_file))
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as plain:
        with context.wrap_socket(plain, server_hostname=parts.hostname) as secure:
            assert secure.version() == "TLSv1.3"


def test_no_password_is_in_a_file_or_a_command_line_but_the_platforms_own(
    redis_provider: RedisProvider, mini: str
) -> None:
    place, engines = place_of(redis_provider, mini), redis_provider.servers.engines
    directory = engines.directory(place.engine)
    for path in [path for path in directory.rglob("*") if path.is_file()]:
        assert place.password.encode() not in path.read_bytes(), path
        if path.parent.name == "conf":
            assert path.stat().st_mode & 0o077 == 0, path
    found = engines.runtime.inspect(place.engine.name)
    assert found is not None
    assert directory.stat().st_mode & 0o077 == 0


def test_a_full_server_refuses_instead_of_dying(
    redis_provider: RedisProvider, client: "redis.Redis", mini: str
) -> None:
    began = client.info("server")["run_id"]
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        for number in range(100):
            client.set(f"key-{number}", "x" * (1 << 20))
    assert client.get("key-0") == "x" * (1 << 20)
    assert client.info("server")["run_id"] == began
    client.delete("key-0", "key-1")
    client.set("again", "works")


def test_big_words_and_big_answers_do_not_kill_it(
    redis_provider: RedisProvider, settings: Settings, client: "redis.Redis", mini: str
) -> None:
    began, config = client.info("server")["run_id"], config_of(redis_provider, mini)
    with pytest.raises(redis.RedisError):
        client_of(settings, config).set("huge", "x" * (100 << 20))
    with pytest.raises(redis.ResponseError):
        client.setrange("key", 400 << 20, "x")
    client.rpush("list", *["x" * 100_000 for _ in range(100)])
    readers = []
    for _ in range(15):
        # Asks for ten megabytes ten times and never reads.
        reader = client_of(settings, config)
        reader.ping()
        readers.append(reader)
        # It may be cut off by then, which is what keeps the others' server alive.
        with contextlib.suppress(redis.ConnectionError):
            for _ in range(10):
                connection_of(reader).send_command("LRANGE", "list", "0", "-1")
    assert client_of(settings, config).info("server")["run_id"] == began
    for reader in readers:
        reader.close()


def test_no_more_connections_than_the_plan_has(redis_provider: RedisProvider, settings: Settings, mini: str) -> None:
    config = config_of(redis_provider, mini)
    opened: list[redis.Redis] = []
    with pytest.raises(redis.ConnectionError):
        for _ in range(30):
            opened.append(client_of(settings, config))
    assert len(opened) == 20
    # The platform has its say all the same, by a new start.
    caches.rotate(redis_provider.manager.context, mini)
    redis_provider.manager.apply(mini)
    assert client_of(settings, config_of(redis_provider, mini)).ping()
