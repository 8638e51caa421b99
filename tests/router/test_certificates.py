"""Certificates of apps: served by name from the moment they are wanted, without a reload, and none for another's name."""

import contextlib
import http.client
import socket
import ssl
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests import certified
from tests.router import mesh as meshes
from tests.router import servers
from tests.router.mesh import Mesh, now, wait_for
from tests.router.tls import connected, presented

from celadon.model.domain import Domain
from celadon.model.sni_endpoint import SniEndpoint
from celadon.platform import certificates
from celadon.router import haproxy
from celadon.store import changes, domains, sni_endpoints

ROOT = certified.root()
# What is presented where an app has nothing of its own.
OWN = "apps.test"


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    # No test waits for a time of these.
    with meshes.mesh(domain="apps.test", first_byte_timeout=20.0, idle_timeout=20.0) as running:
        yield running


@pytest.fixture
def secure(mesh: Mesh) -> Mesh:
    """A router with the platform's own certificate, whose domain may have a wildcard."""
    certificates.issue(mesh.settings, datetime.now(UTC))
    mesh.app("nudge")
    wait_for("HTTPS answers", lambda: presented(mesh, "apps.test"))
    return mesh


def endpoint(mesh: Mesh, app_id: str, issued: certified.Issued, *hostnames: str, chain: str | None = None) -> str:
    """A certificate of an app, served for these domains; returns its id."""
    row = SniEndpoint(
        id=str(uuid.uuid4()),
        app_id=app_id,
        name=f"e{uuid.uuid4().hex[:20]}",
        certificate_chain=issued.pem if chain is None else chain,
        names=hostnames,
        expires_at=now(),
        fingerprint=uuid.uuid4().hex,
        acm=False,
        created_at=now(),
        updated_at=now(),
    )
    with mesh.database.transaction() as tx:
        sni_endpoints.insert(tx, row, issued.key)
        for hostname in hostnames:
            domain_id = str(uuid.uuid4())
            made = {"created_at": now(), "updated_at": now(), "sni_endpoint_id": row.id}
            domains.insert(tx, Domain(id=domain_id, app_id=app_id, hostname=hostname, **made))
        changes.record(tx, "domain", app_id)
    return row.id


def renew(mesh: Mesh, endpoint_id: str, app_id: str, issued: certified.Issued) -> None:
    with mesh.database.transaction() as tx:
        found = sni_endpoints.find(tx, app_id, endpoint_id)
        assert found is not None
        values = {name: getattr(found, name) for name in SniEndpoint.__dataclass_fields__}
        sni_endpoints.replace(
            tx, SniEndpoint(**{**values, "certificate_chain": issued.pem, "fingerprint": uuid.uuid4().hex}), issued.key
        )
        changes.record(tx, "domain", app_id)


def remove(mesh: Mesh, endpoint_id: str) -> None:
    with mesh.database.transaction() as tx:
        sni_endpoints.delete(tx, [endpoint_id])
        changes.record(tx, "domain")


def ask(mesh: Mesh, sni: str, host: str) -> int:
    with connected(mesh, sni) as wrapped:
        wrapped.sendall(f"GET /sni HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        response = http.client.HTTPResponse(wrapped)
        response.begin()
        return response.status


def template(mesh: Mesh) -> tuple[str, int]:
    actual = mesh.actual()
    return actual.template, actual.process


def test_a_certificate_comes_is_replaced_and_goes_without_a_reload(secure: Mesh) -> None:
    app_id = secure.app("shop")
    before = template(secure)
    found = endpoint(secure, app_id, ROOT.issue("first", "www.example.com"), "www.example.com")
    wait_for("it is served", lambda: presented(secure, "www.example.com") == "first")
    assert presented(secure, "other.example.com") == OWN
    renew(secure, found, app_id, ROOT.issue("second", "www.example.com"))
    wait_for("the new one is served", lambda: presented(secure, "www.example.com") == "second")
    files = secure.settings.home / "router" / "certificates"
    wait_for("the old key is gone", lambda: len(list(files.iterdir())) == 2)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files.iterdir())
    remove(secure, found)
    wait_for("the platform's own is served", lambda: presented(secure, "www.example.com") == OWN)
    wait_for("its key is gone", lambda: [path.name for path in files.iterdir()] == ["platform.pem"])
    assert template(secure) == before


def test_certificates_are_there_after_a_reload_a_death_and_a_restart_of_the_role(secure: Mesh) -> None:
    app_id = secure.app("shop")
    endpoint(secure, app_id, ROOT.issue("mine", "www.example.com"), "www.example.com")
    wait_for("it is served", lambda: presented(secure, "www.example.com") == "mine")
    secure.stop_role()
    secure.engine.kill()
    other = endpoint(secure, app_id, ROOT.issue("late", "late.example.com"), "late.example.com")
    secure.start_role()
    wait_for("both are served", lambda: presented(secure, "late.example.com") == "late")
    assert presented(secure, "www.example.com") == "mine"
    for number in range(haproxy.FIRST_SLOTS - haproxy.SPARES + 1):
        secure.dyno(secure.app(f"filler-{number}"), servers.Dyno(f"127.0.0.{number + 2}"))
    wait_for("HAProxy has reloaded", lambda: secure.actual().slots > haproxy.FIRST_SLOTS)
    assert presented(secure, "www.example.com") == "mine"
    remove(secure, other)
    wait_for("one is gone", lambda: presented(secure, "late.example.com") == OWN)


def test_a_certificate_that_haproxy_refuses_keeps_nobody_else_from_being_served(secure: Mesh) -> None:
    app_id = secure.app("shop")
    bad = ROOT.issue("bad", "bad.example.com")
    endpoint(
        secure, app_id, bad, "bad.example.com", chain="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    )
    endpoint(secure, app_id, ROOT.issue("good", "www.example.com"), "www.example.com")
    wait_for("the good one is served", lambda: presented(secure, "www.example.com") == "good")
    assert presented(secure, "bad.example.com") == OWN
    secure.engine.kill()
    wait_for("it is served by the next HAProxy", lambda: presented(secure, "www.example.com") == "good")


def test_a_file_that_a_power_cut_has_cut_short_comes_again_from_the_store(secure: Mesh) -> None:
    app_id = secure.app("shop")
    endpoint(secure, app_id, ROOT.issue("mine", "www.example.com"), "www.example.com")
    wait_for("it is served", lambda: presented(secure, "www.example.com") == "mine")
    files = secure.settings.home / "router" / "certificates"
    for path in files.iterdir():
        path.write_text("")
    secure.engine.kill()
    wait_for("it is served again", lambda: presented(secure, "www.example.com") == "mine")
    assert presented(secure, OWN) == OWN


def test_what_a_killed_role_has_half_told_is_in_nobodys_way(secure: Mesh) -> None:
    files = secure.settings.home / "router" / "certificates"
    assert "New empty" in secure.tell(f"new ssl cert {files}/half.pem")
    issued = ROOT.issue("half", "half.example.com")
    assert "Transaction" in secure.tell(f"set ssl cert {files}/half.pem <<\n{issued.key}{issued.pem}")
    app_id = secure.app("shop")
    endpoint(secure, app_id, ROOT.issue("mine", "www.example.com"), "www.example.com")
    wait_for("it is served", lambda: presented(secure, "www.example.com") == "mine")


def test_the_platforms_own_is_not_taken_away_while_another_role_writes_it(secure: Mesh) -> None:
    partial = certificates.partial_of(certificates.server_pem(secure.settings))
    partial.write_text("not whole yet")
    app_id = secure.app("shop")
    endpoint(secure, app_id, ROOT.issue("first", "www.example.com"), "www.example.com")
    wait_for("it is served", lambda: presented(secure, "www.example.com") == "first")
    # The round after the one that has told it: that one has ended then.
    endpoint(secure, app_id, ROOT.issue("second", "shop.example.com"), "shop.example.com")
    wait_for("it is served", lambda: presented(secure, "shop.example.com") == "second")
    assert partial.exists()


def test_a_certificate_is_served_for_its_domains_and_not_for_all_it_speaks_for(secure: Mesh) -> None:
    app_id = secure.app("greedy")
    greedy = ROOT.issue("greedy", "www.example.com", "localhost", "*.apps.test", "*.example.org")
    endpoint(secure, app_id, greedy, "www.example.com")
    wait_for("it is served", lambda: presented(secure, "www.example.com") == "greedy")
    assert [presented(secure, name) for name in ("localhost", "shop.apps.test", "a.example.org")] == [OWN] * 3


def test_a_wildcard_is_served_for_the_names_under_it_and_an_exact_one_before_it(secure: Mesh) -> None:
    app_id = secure.app("shop")
    endpoint(secure, app_id, ROOT.issue("wild", "*.example.com"), "*.example.com")
    endpoint(secure, app_id, ROOT.issue("exact", "www.example.com"), "www.example.com")
    wait_for("both are served", lambda: presented(secure, "www.example.com") == "exact")
    wait_for("both are served", lambda: presented(secure, "any.example.com") == "wild")


def test_a_certificate_of_a_thousand_names_is_served_for_each(secure: Mesh) -> None:
    names = [f"n{number}.example.com" for number in range(1000)]
    app_id = secure.app("many")
    endpoint(secure, app_id, ROOT.issue("many", "*.example.com"), *names)
    wait_for("all are served", lambda: all(presented(secure, name) == "many" for name in names[::199]))


def test_old_protocols_are_refused_and_http_2_is_offered(secure: Mesh) -> None:
    with connected(secure, "apps.test", "h2", "http/1.1") as wrapped:
        assert wrapped.selected_alpn_protocol() == "h2"
        assert wrapped.version() == "TLSv1.3"
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", secure.settings.https_port), timeout=10) as raw:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            old.wrap_socket(raw)


def test_a_host_of_another_app_than_the_connections_name_is_h31(secure: Mesh) -> None:
    first, second = secure.app("first"), secure.app("second")
    endpoint(secure, first, ROOT.issue("first", "www.example.com"), "www.example.com", "shop.example.com")
    endpoint(secure, second, ROOT.issue("second", "*.example.org"), "*.example.org")
    with servers.Dyno("127.0.0.2") as one, servers.Dyno("127.0.0.3") as other:
        secure.serve(first, one)
        secure.serve(second, other)
        wait_for("both are served", lambda: presented(secure, "a.example.org") == "second")
        assert ask(secure, "www.example.com", "www.example.com") == 200
        assert ask(secure, "www.example.com", "shop.example.com") == 200
        assert ask(secure, "www.example.com", "FIRST.apps.test:443") == 200
        assert ask(secure, "www.example.com", "b.example.org") == 421
        assert ask(secure, "a.example.org", "www.example.com") == 421
        assert ask(secure, "nobody.example.net", "www.example.com") == 200
    line = secure.line(second, "code=H31")
    assert line.startswith('at=error code=H31 desc="Misdirected request" method=GET path="/sni" host=b.example.org')
    assert " dyno= connect= service= status=421 " in line


def test_under_a_name_of_one_part_every_app_has_a_certificate_that_programs_take() -> None:
    with meshes.mesh() as running:
        certificates.issue(running.settings, datetime.now(UTC))
        app_id = running.app("shop")
        with servers.Dyno() as dyno:
            running.serve(app_id, dyno)
            trusting = ssl.create_default_context(cafile=str(running.settings.ca_file))
            trusting.set_alpn_protocols(["h2", "http/1.1"])

            def spoken(name: str) -> str | None:
                with socket.create_connection(("127.0.0.1", running.settings.https_port), timeout=10) as raw:
                    with contextlib.suppress(ssl.SSLCertVerificationError):
                        with trusting.wrap_socket(raw, server_hostname=name) as wrapped:
                            return wrapped.selected_alpn_protocol()
                return None

            wait_for("HTTPS answers", lambda: presented(running, "localhost"))
            wait_for("the app's name is certified", lambda: spoken("shop.localhost") == "h2")
            assert spoken("localhost") == "h2"
            assert spoken("nobody.localhost") is None
            assert ask(running, "shop.localhost", "shop.localhost") == 200
