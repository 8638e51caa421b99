"""The files HAProxy reads: whole, valid, and the same template for as long as only servers and maps change."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.router.mesh import LocalEngine, MeshSettings

from celadon.model.routing import Answer, Backend, RoutingTable, Server
from celadon.platform import certificates
from celadon.router import haproxy

WHERE = haproxy.Site(
    files=Path("/f"), run=Path("/r"), bind="127.0.0.1", http_port=80, https_port=443, api_hosts=("localhost",)
)
EMPTY = RoutingTable(hosts={}, wildcards={}, backends=())


def app(name: str, *servers: Server, answer: Answer = Answer.SERVE) -> Backend:
    return Backend(app_id=f"id-{name}", app_name=name, answer=answer, servers=servers)


def server(number: int, *, draining: bool = False) -> Server:
    return Server(name=f"web.{number}_x", address="10.0.0.1", port=number, dyno_id="d", draining=draining)


TABLE = RoutingTable(
    hosts={"a.localhost": "id-a", "b.localhost": "id-b"},
    wildcards={".example.com": "id-a"},
    backends=(app("a", server(1), server(2), server(3, draining=True)), app("b", answer=Answer.BLANK)),
)


def test_maps_say_who_answers() -> None:
    texts = haproxy.render(TABLE, {"id-a": "slot1"}, 4, WHERE).texts
    assert texts["hosts.map"] == "a.localhost id-a\nb.localhost id-b\n"
    assert texts["wildcards.map"] == ".example.com id-a\n"
    assert texts["routes.map"] == "id-a slot1\nid-b H81\n"


def test_a_slot_has_the_servers_that_stay() -> None:
    config = haproxy.render(TABLE, {"id-a": "slot1"}, 3, WHERE).texts["haproxy.cfg"]
    assert config.endswith(
        "backend slot0 from slots\n"
        "backend slot1 from slots\n"
        f"  server web.1_x 10.0.0.1:1 {WHERE.server_options}\n"
        f"  server web.2_x 10.0.0.1:2 {WHERE.server_options}\n"
        "backend slot2 from slots\n\n"
    )


def test_the_template_changes_with_all_that_needs_a_reload_and_nothing_else() -> None:
    first = haproxy.render(EMPTY, {}, 4, WHERE).template
    assert haproxy.render(TABLE, {"id-a": "slot1"}, 4, WHERE).template == first
    assert haproxy.render(EMPTY, {}, 8, WHERE).template != first
    assert haproxy.render(EMPTY, {}, 4, replace(WHERE, idle_timeout=9.0)).template != first
    assert haproxy.render(EMPTY, {}, 4, replace(WHERE, boot_queue_timeout=9.0)).template != first
    secure = replace(WHERE, certificate=Path("/c.pem"), certificate_digest="1")
    assert haproxy.render(EMPTY, {}, 4, secure).template != first
    renewed = replace(secure, certificate_digest="2")
    assert haproxy.render(EMPTY, {}, 4, renewed).template != haproxy.render(EMPTY, {}, 4, secure).template


@pytest.mark.parametrize(
    ("present", "used", "slots"),
    [(0, 0, 64), (64, 48, 64), (64, 49, 128), (128, 3, 128), (0, 1000, 1024), (0, 10_000, 10_240)],
)
def test_slots_grow_before_the_spares_run_out(present: int, used: int, slots: int) -> None:
    assert haproxy.capacity(present, used) == slots


@pytest.mark.parametrize("secure", [False, True])
def test_haproxy_takes_the_files_without_a_warning(tmp_path: Path, secure: bool) -> None:
    settings = MeshSettings(home=tmp_path)
    (tmp_path / "router").mkdir()
    if secure:
        certificates.issue(settings, datetime.now(UTC))
    files = haproxy.render(TABLE, {"id-a": "slot1"}, 64, haproxy.site(settings))
    for name, text in files.texts.items():
        (tmp_path / "router" / name).write_text(text)
    argv = LocalEngine(settings).argv("haproxy", "-c", "-f", str(tmp_path / "router" / "haproxy.cfg"))
    found = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")
    assert ("crt-list" in files.texts["haproxy.cfg"]) is secure
