"""Certificates of servers that run are renewed before they end, and nobody is cut off; what is killed first."""

import socket
import ssl
import struct
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.caches.conftest import (
    client_of,
    config_of,
    connection_of,
    context,
    made,
    manager,
    place_of,
    redis_provider,
    told,
)
from tests.postgres.conftest import place as place
from tests.postgres.conftest import settings as settings
from tests.postgres.place import Place

from celadon.actions.context import now
from celadon.addons.engines import Engines
from celadon.addons.locks import Locks
from celadon.addons.renewals import Renewals
from celadon.caches.provider import RedisProvider
from celadon.caches.servers import ServerFailure
from celadon.model.engine import PORTS, Engine, EngineKind
from celadon.platform import certificates
from celadon.runtime.protocol import RuntimeFailure

__all__ = ["context", "manager", "redis_provider", "told"]
FAILURES = (RuntimeFailure, OSError, psycopg.Error, ServerFailure)


@pytest.fixture(scope="module")
def redis(redis_provider: RedisProvider) -> Iterator[str]:
    yield from made(redis_provider, "mini")


def presented(engines: Engines, engine: Engine) -> bytes:
    """The certificate that a new connection is shown."""
    trust = ssl.create_default_context(cafile=str(engines.settings.ca_file))
    address = engines.address(engine)
    with socket.create_connection((address, PORTS[engine.kind]), timeout=10) as connection:
        if engine.kind is EngineKind.POSTGRESQL:
            connection.sendall(struct.pack("!ii", 8, 80877103))
            assert connection.recv(1) == b"S"
        with trust.wrap_socket(connection, server_hostname=address) as secured:
            found = secured.getpeercert(binary_form=True)
    assert found is not None
    return found


def age(engines: Engines, engine: Engine, days: int) -> None:
    """Give it a certificate that was made so many days ago."""
    hosts = (engines.settings.engine_host, engines.address(engine))
    pem = certificates.for_hosts(engines.settings, hosts, now() - timedelta(days=days))
    key, end, chain = pem.partition("-----END PRIVATE KEY-----\n")
    engines.write(engine, "conf/server.crt", chain)
    engines.write(engine, "conf/server.key", f"{key}{end}")


def renewals(engines: Engines, engine: Engine, reload) -> Renewals:  # type: ignore[no-untyped-def]
    return Renewals(engines, Locks(), lambda: [engine], reload, FAILURES)


def test_a_database_has_a_new_certificate_and_sessions_go_on(place: Place) -> None:
    order, provided = place.provision("standard-0")
    (engine,) = [one for one in place.provider.pairs.published().values() if not one.shared]
    engines, clusters = place.clusters.engines, place.clusters
    age(engines, engine, certificates.SERVER_DAYS - 31)
    clusters.reload(engine)
    with place.connect(provided) as session:
        first = presented(engines, engine)
        # A role that has just begun has the server read what is there, which is good for another day.
        assert renewals(engines, engine, clusters.reload).ensure() == 1
        assert presented(engines, engine) == first
        age(engines, engine, certificates.SERVER_DAYS - 29)
        keeping = renewals(engines, engine, clusters.reload)
        assert [keeping.ensure(), keeping.ensure()] == [1, 0]
        assert certificates.lasts(engines.settings, *_files(engines, engine), now() + timedelta(days=700))
        assert presented(engines, engine) != first
        assert session.execute("select 1").fetchone() == (1,)
    place.connect(provided).close()
    place.provider.deprovision(order.addon_id, None)


def _files(engines: Engines, engine: Engine) -> tuple[Path, Path]:
    conf = engines.directory(engine) / "conf"
    return conf / "server.crt", conf / "server.key"


def test_a_redis_has_a_new_certificate_and_sessions_go_on(redis_provider: RedisProvider, redis: str) -> None:
    engine, engines, servers = (
        place_of(redis_provider, redis).engine,
        redis_provider.servers.engines,
        redis_provider.servers,
    )
    before = presented(engines, engine)
    client = client_of(engines.settings, config_of(redis_provider, redis))
    client.set("a", "1")
    connection = connection_of(client)
    age(engines, engine, certificates.SERVER_DAYS - 29)
    assert renewals(engines, engine, servers.reload).ensure() == 1  # type: ignore[attr-defined]
    assert presented(engines, engine) != before
    assert (client.get("a"), connection_of(client)) == ("1", connection)
    client.close()


def test_half_of_a_pair_is_none_and_is_made_again(redis_provider: RedisProvider, redis: str) -> None:
    engine, engines = place_of(redis_provider, redis).engine, redis_provider.servers.engines
    assert not engines.certify(engine)
    key = (engines.directory(engine) / "conf/server.key").read_text()
    age(engines, engine, 0)
    engines.write(engine, "conf/server.key", key)
    assert engines.certify(engine)
    assert certificates.lasts(engines.settings, *_files(engines, engine), now())


def test_one_that_cannot_read_it_is_told_again(
    redis_provider: RedisProvider, redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, engines = place_of(redis_provider, redis).engine, redis_provider.servers.engines
    asked = []

    def reload(_: Engine) -> None:
        asked.append(1)
        if len(asked) == 1:
            raise ServerFailure("busy")

    keeping = renewals(engines, engine, reload)
    assert keeping.ensure() == 0
    monkeypatch.setattr("celadon.addons.renewals.time.monotonic", lambda: float("inf"))
    assert (keeping.ensure(), len(asked)) == (1, 2)


def test_servers_of_data_are_killed_after_dynos(redis_provider: RedisProvider, redis: str) -> None:
    engine, engines = place_of(redis_provider, redis).engine, redis_provider.servers.engines
    found = engines.runtime.inspect(engine.name)
    assert found is not None and found.pid is not None
    # A dyno's is 500: see tests/runtime/test_bundle.py.
    assert Path(f"/proc/{found.pid}/oom_score_adj").read_text() == "100\n"
