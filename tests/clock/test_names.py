"""Where domains lead, with a real DNS server."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dns.exception
import dns.resolver
import pytest
from tests import dns_server, stores
from tests.dns_server import DnsServer
from tests.router.mesh import wait_for

from celadon.actions import accounts, apps, context, domains
from celadon.actions.context import Context, now
from celadon.clock.names import Names, addresses
from celadon.model.account import Actor
from celadon.platform.settings import Settings
from celadon.store import domains as stored


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with dns_server.running() as running:
        running.records["apps.test"] = running.records["*.apps.test"] = "192.0.2.7"
        yield running


@pytest.fixture
def world(tmp_path: Path, server: DnsServer) -> Iterator[Context]:
    settings = Settings(home=tmp_path, domain="apps.test", dns_server=server.address, domain_check_interval=0.0)
    stores.make(settings)
    opened = context.connect(settings)
    yield opened
    opened.database.close()


@pytest.fixture
def owner(world: Context) -> Actor:
    actor = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    apps.create(world, actor, name="hello")
    return actor


def status(world: Context, owner: Actor, hostname: str) -> str:
    _, found, _ = domains.list_of(world, owner, "hello")
    return next(str(domain.status) for domain in found if domain.hostname == hostname)


@pytest.mark.parametrize(
    ("hostname", "record", "expected"),
    [
        ("www.example.com", {"www.example.com": "hello.apps.test"}, "succeeded"),
        ("www.example.com", {"www.example.com": "cdn.example.net", "cdn.example.net": "hello.apps.test"}, "succeeded"),
        ("example.com", {"example.com": "192.0.2.7"}, "succeeded"),
        ("*.example.com", {"*.example.com": "hello.apps.test"}, "succeeded"),
        ("*.example.com", {"www.example.com": "hello.apps.test"}, "pending"),
        ("www.example.com", {"www.example.com": "192.0.2.8"}, "pending"),
        ("www.example.com", {}, "pending"),
        ("www.example.com", {"www.example.com": "www.example.com.loop", "www.example.com.loop": ""}, "pending"),
    ],
)
def test_a_domain_leads_here_when_its_address_is_ours(
    world: Context, owner: Actor, server: DnsServer, hostname: str, record: dict[str, str], expected: str
) -> None:
    domains.add(world, owner, "hello", hostname)
    server.records |= record
    Names(world).ensure()
    assert status(world, owner, hostname) == expected


def test_what_leads_here_later_is_seen_and_what_leads_away_too(world: Context, owner: Actor, server: DnsServer) -> None:
    names = Names(world)
    domains.add(world, owner, "hello", "www.example.com")
    assert names.ensure() == 0
    server.records["www.example.com"] = "hello.apps.test"
    wait_for("its turn comes", lambda: names.ensure() == 1)
    server.records["www.example.com"] = "192.0.2.9"
    assert names.ensure() == 0, "one that leads here is not asked about all the time"
    with world.database.transaction() as tx:
        (found,) = stored.list_of(tx, domains.list_of(world, owner, "hello")[0].id)
        assert found.check_at is not None
        assert timedelta(minutes=59) < found.check_at - now() < timedelta(minutes=61)
        stored.update(tx, found.id, check_at=now())
    assert names.ensure() == 1
    assert status(world, owner, "www.example.com") == "pending"


def test_a_thousand_domains_are_looked_at_in_a_few_rounds(world: Context, owner: Actor, server: DnsServer) -> None:
    server.records["*.example.com"] = "hello.apps.test"
    for number in range(1000):
        domains.add(world, owner, "hello", f"n{number}.example.com")
    names = Names(world)
    assert [names.ensure() for _ in range(6)] == [200] * 5 + [0]


def test_new_ones_do_not_wait_for_those_that_wait_long(world: Context, owner: Actor, server: DnsServer) -> None:
    for number in range(300):
        domains.add(world, owner, "hello", f"n{number}.example.com")
    names = Names(world)
    for _ in range(2):
        names.ensure()
    server.records["new.example.com"] = "hello.apps.test"
    domains.add(world, owner, "hello", "new.example.com")
    assert names.ensure() == 1


class Halting(dns.resolver.Resolver):
    """Says that there are no addresses of one kind, and nothing about the other."""

    def __init__(self, silent: str) -> None:
        super().__init__(configure=False)
        self._silent = silent

    def resolve(self, _: object, kind: object = "A", **__: object) -> Any:  # type: ignore[override]
        raise dns.exception.Timeout if kind == self._silent else dns.resolver.NoAnswer


@pytest.mark.parametrize("silent", ["A", "AAAA"])
def test_a_name_of_which_half_is_unknown_is_unknown(silent: str) -> None:
    assert addresses(Halting(silent), "www.example.com") is None
    assert addresses(Halting(""), "www.example.com") == set()


def test_a_server_that_is_not_there_changes_nothing(world: Context, owner: Actor, server: DnsServer) -> None:
    domains.add(world, owner, "hello", "www.example.com")
    server.records["www.example.com"] = "hello.apps.test"
    assert Names(world).ensure() == 1
    with world.database.transaction() as tx:
        (found,) = stored.list_of(tx, domains.list_of(world, owner, "hello")[0].id)
        stored.update(tx, found.id, check_at=now())
    silent = replace(world.settings, dns_server="127.0.0.1:9")
    assert Names(Context(world.database, silent)).ensure() == 0
    assert status(world, owner, "www.example.com") == "succeeded"
