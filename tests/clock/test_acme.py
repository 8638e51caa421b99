"""Automatic certificates, from a real ACME server (pebble) that looks at the domain through a real router."""

import contextlib
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from tests import certified, dns_server, ports
from tests.dns_server import DnsServer
from tests.router import mesh as meshes
from tests.router import servers, tls
from tests.router.mesh import Mesh, now, wait_for

from celadon.actions import acm
from celadon.actions.context import Context
from celadon.clock.acme import Authority
from celadon.model.domain import Domain, DomainStatus
from celadon.platform import certificates
from celadon.store import acme_challenges, apps, changes, domains, sni_endpoints


@dataclass(frozen=True)
class World:
    mesh: Mesh
    context: Context
    dns: DnsServer
    app_id: str

    def domain(self, hostname: str) -> str:
        row = Domain(
            id=str(uuid.uuid4()),
            app_id=self.app_id,
            hostname=hostname,
            created_at=now(),
            updated_at=now(),
            status=DomainStatus.SUCCEEDED,
        )
        with self.mesh.database.transaction() as tx:
            domains.insert(tx, row)
            changes.record(tx, "domain", self.app_id)
        return row.id

    def find(self, domain_id: str) -> Domain:
        with self.mesh.database.read() as tx:
            found = domains.find(tx, self.app_id, domain_id)
        assert found is not None
        return found

    def switch(self, on: bool) -> None:
        with self.mesh.database.transaction() as tx:
            apps.update(tx, self.app_id, now=now(), acm=on)

    def chain(self, domain_id: str) -> str:
        with self.mesh.database.read() as tx:
            found = sni_endpoints.find(tx, self.app_id, self.find(domain_id).sni_endpoint_id or "")
        assert found is not None
        return found.certificate_chain


@contextlib.contextmanager
def pebble(directory: Path, http_port: int, dns_address: str) -> Iterator[tuple[str, Path]]:
    """An ACME server that looks at domains by this port and this DNS server; its directory and its own authority."""
    with ports.held(2) as (listen, manage):
        with _pebble(directory, http_port, dns_address, listen, manage) as found:
            yield found


@contextlib.contextmanager
def _pebble(directory: Path, http_port: int, dns_address: str, listen: int, manage: int) -> Iterator[tuple[str, Path]]:
    root = certified.root()
    own = root.issue("localhost", "localhost")
    (directory / "own.pem").write_text(own.pem)
    (directory / "own.key").write_text(own.key)
    bundle = directory / "root.pem"
    bundle.write_text(root.pem)
    told = {
        "listenAddress": f"127.0.0.1:{listen}",
        "managementListenAddress": f"127.0.0.1:{manage}",
        "certificate": str(directory / "own.pem"),
        "privateKey": str(directory / "own.key"),
        "httpPort": http_port,
        "tlsPort": 1,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
    }
    config = directory / "pebble.json"
    config.write_text(json.dumps({"pebble": told}))
    environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0", "PEBBLE_WFE_NONCEREJECT": "0"}
    with (directory / "pebble.log").open("wb") as log:
        argv = ["pebble", "-config", str(config), "-dnsserver", dns_address]
        process = subprocess.Popen(argv, env=environment, stdout=log, stderr=log)
        try:
            # It says so before it does.
            wait_for("pebble listens", lambda: ports.listens(listen))
            yield f"https://localhost:{listen}/dir", bundle
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with meshes.mesh() as mesh, dns_server.running() as dns:
        certificates.issue(mesh.settings, now())
        with pebble(tmp_path, mesh.settings.http_port, dns.address) as (directory, bundle):
            settings = replace(mesh.settings, acme_directory=directory, acme_ca_bundle=bundle)
            found = World(mesh, Context(mesh.database, settings), dns, mesh.app("hello", deployed=False))
            found.switch(True)
            yield found


def test_a_domain_gets_a_certificate_that_the_router_serves(world: World) -> None:
    world.dns.records["www.example.com"] = "127.0.0.1"
    domain_id = world.domain("www.example.com")
    authority = Authority(world.context)
    assert authority.ensure() == 1
    found = world.find(domain_id)
    assert (found.acm_status, found.acm_tries) == ("cert issued", 0)
    certificate = x509.load_pem_x509_certificates(world.chain(domain_id).encode())[0]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["www.example.com"]
    wait_for("it is served", lambda: tls.certificate_of(world.mesh, "www.example.com") == certificate)
    assert authority.ensure() == 0
    with world.mesh.database.read() as tx:
        assert acme_challenges.all_of(tx) == {}


def test_one_that_ends_soon_is_renewed_in_its_place_and_by_the_same_account(world: World) -> None:
    world.dns.records["www.example.com"] = "127.0.0.1"
    domain_id = world.domain("www.example.com")
    assert Authority(world.context).ensure() == 1
    before, first = world.find(domain_id), world.chain(domain_id)
    with world.mesh.database.transaction() as tx:
        (endpoint,) = sni_endpoints.list_of(tx, world.app_id)
        assert endpoint.renew_at is not None
        assert now() < endpoint.renew_at < endpoint.expires_at
        sni_endpoints.replace(tx, replace(endpoint, renew_at=now()), "old key")
        domains.update(tx, domain_id, acm_next_at=now())
    assert Authority(world.context).ensure() == 1
    assert world.find(domain_id).sni_endpoint_id == before.sni_endpoint_id
    assert world.chain(domain_id) != first
    assert len(list((world.context.settings.home / "acme").iterdir())) == 1


def test_a_domain_that_leads_elsewhere_fails_with_the_authoritys_words_and_later_again(world: World) -> None:
    with servers.Dyno("127.0.0.9") as other:
        world.dns.records["www.example.com"] = other.address
        domain_id = world.domain("www.example.com")
        authority = Authority(world.context)
        assert authority.ensure() == 0
    found = world.find(domain_id)
    assert found.acm_status == "failing"
    assert "the certificate authority looked and says" in (found.acm_status_reason or "")
    assert found.acm_next_at is not None and found.acm_next_at > now()
    assert authority.ensure() == 0
    assert world.find(domain_id).acm_tries == 1, "not before its time"
    world.dns.records["www.example.com"] = "127.0.0.1"
    with world.mesh.database.transaction() as tx:
        domains.update(tx, domain_id, acm_next_at=now())
    assert authority.ensure() == 1


def test_after_many_tries_it_is_tried_only_when_somebody_asks(world: World) -> None:
    domain_id = world.domain("www.example.com")
    for _ in range(8):
        acm.refuse(world.context, world.find(domain_id), "no")
    assert world.find(domain_id).acm_status == "failed"
    with world.mesh.database.transaction() as tx:
        domains.update(tx, domain_id, acm_next_at=now())
    assert acm.due(world.context, 10) == []


def test_a_renewal_that_fails_for_months_is_still_tried_once_a_day(world: World) -> None:
    world.dns.records["www.example.com"] = "127.0.0.1"
    domain_id = world.domain("www.example.com")
    assert Authority(world.context).ensure() == 1
    with world.mesh.database.transaction() as tx:
        domains.update(tx, domain_id, acm_tries=100)
    acm.refuse(world.context, world.find(domain_id), "no")
    found = world.find(domain_id)
    assert (found.acm_status, found.acm_tries) == ("failing", 101)
    assert found.acm_next_at is not None
    assert timedelta(hours=23) < found.acm_next_at - now() < timedelta(hours=25)


def test_wildcards_and_apps_without_it_get_none(world: World) -> None:
    world.domain("*.example.com")
    assert acm.due(world.context, 10) == []
    domain_id = world.domain("www.example.com")
    assert [domain.id for domain in acm.due(world.context, 10)] == [domain_id]
    world.switch(False)
    assert acm.due(world.context, 10) == []


def test_an_authority_that_is_not_there_is_said_and_tried_again(world: World) -> None:
    domain_id = world.domain("www.example.com")
    with ports.held() as (port,):
        settings = replace(world.context.settings, acme_directory=f"https://localhost:{port}/dir")
        assert Authority(Context(world.mesh.database, settings)).ensure() == 0
    found = world.find(domain_id)
    assert found.acm_status == "failing"
    assert found.acm_status_reason == "cannot reach the certificate authority: ConnectionError"
    assert found.acm_tries == 0, "that is not the domain's failure"
