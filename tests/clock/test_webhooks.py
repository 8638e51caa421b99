"""Deliveries of webhooks to a real server that fails, redirects, is silent or slow; what is due and what is nobody's."""

import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests import certified, dns_server, receiver, stores
from tests.dns_server import DnsServer
from tests.receiver import Receiver
from tests.router.mesh import wait_for

from celadon.actions import accounts, apps, context, webhook_deliveries, webhooks
from celadon.actions.context import Context, now
from celadon.api.notifier import Notifier
from celadon.clock import posting, retention
from celadon.clock.webhooks import Courier
from celadon.model import webhook as rules
from celadon.model.account import Actor
from celadon.model.webhook import WebhookDelivery
from celadon.platform import settings as platform_settings
from celadon.platform.settings import Settings
from celadon.store import tables

# Long enough for anything local, on a machine that has much else to do; short enough to wait for.
_SECONDS, _SHORT = 30.0, 5.0


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver.running() as running:
        yield running


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with dns_server.running() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, dns: DnsServer) -> Iterator[Context]:
    settings = Settings(home=tmp_path, dns_server=dns.address, private_destinations="127.0.0.0/8")
    stores.make(settings)
    for directory in ("sources", "slugs", "builds", "uploads"):
        (tmp_path / directory).mkdir(exist_ok=True)
    opened = context.connect(settings)
    yield opened
    opened.database.close()


@pytest.fixture
def owner(world: Context) -> Actor:
    actor = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    apps.create(world, actor, name="hello")
    return actor


def add(world: Context, owner: Actor, url: str, level: str = "sync", app: str = "hello", **options: str) -> str:
    """A webhook's id."""
    return webhooks.create(world, owner, app, url=url, include=["api:app"], level=level, **options)[1].id


def happen(world: Context, owner: Actor, times: int = 1, app: str = "hello") -> None:
    for _ in range(times):
        apps.update(world, owner, app, maintenance=True)
    while Notifier(world).ensure():
        pass


def deliveries(world: Context, owner: Actor, app: str = "hello") -> list[WebhookDelivery]:
    keys = sorted(webhook_deliveries.keys(world, owner, app))
    found = webhook_deliveries.by_ids(world, [delivery_id for _, delivery_id in keys])
    return [found[delivery_id] for _, delivery_id in keys]


def deliver(world: Context, seconds: float = _SECONDS) -> None:
    """All that is due now, to its end."""
    courier = Courier(world, seconds)
    courier.ensure()
    wait_for("attempts have ended", lambda: not courier.busy())


def make_due(world: Context) -> None:
    """What waits for a later moment has waited long enough."""
    table = tables.webhook_deliveries
    with world.database.transaction() as tx:
        past = table.update().where(table.c.next_attempt_at.is_not(None)).values(next_attempt_at=now())
        tx.connection.execute(past)


def test_a_delivery_is_signed_and_says_what_happened(world: Context, owner: Actor, server: Receiver) -> None:
    webhook_id = add(world, owner, server.url("/200?a=b"), secret="s3cret", authorization="Bearer abc")
    server.answers["/200?a=b"] = 204
    happen(world, owner)
    deliver(world)
    (got,) = server.received
    (delivery,) = deliveries(world, owner)
    body = json.loads(got.content)
    assert got.path == "/200?a=b"
    assert got.headers["heroku-webhook-hmac-sha256"] == rules.signature("s3cret", got.content)
    assert got.headers["authorization"] == "Bearer abc"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"127.0.0.1:{server.port}"
    assert (body["resource"], body["action"], body["actor"]["email"]) == ("app", "update", "a@b")
    assert (body["data"]["name"], body["data"]["maintenance"]) == ("hello", True)
    assert body["previous_data"] == {"maintenance": False}
    assert body["version"] == "application/vnd.heroku+json; version=3"
    assert {"id", "created_at", "updated_at", "published_at", "sequence"} <= set(body)
    assert body["webhook_metadata"] == {
        "attempt": {"id": delivery.attempt_id},
        "delivery": {"id": delivery.id},
        "event": {"id": body["id"], "include": "api:app"},
        "webhook": {"id": webhook_id},
    }
    assert (delivery.status, delivery.num_attempts, delivery.attempt_code) == ("succeeded", 1, 204)
    assert (delivery.attempt_status, delivery.next_attempt_at) == ("succeeded", None)


@pytest.mark.parametrize(
    ("path", "code", "error"),
    [
        ("/500", 500, None),
        ("/404", 404, None),
        ("/redirect", 302, None),
        ("/silent", None, "TimeoutError"),
        ("/drip", None, "TimeoutError"),
    ],
)
def test_what_is_no_success_is_tried_again(
    world: Context, owner: Actor, server: Receiver, path: str, code: int | None, error: str | None
) -> None:
    add(world, owner, server.url(path))
    happen(world, owner)
    deliver(world, _SHORT if error else _SECONDS)
    (delivery,) = deliveries(world, owner)
    assert (delivery.status, delivery.attempt_status) == ("retrying", "failed")
    assert (delivery.attempt_code, delivery.attempt_error_class) == (code, error)
    assert delivery.next_attempt_at is not None and delivery.attempt_updated_at is not None
    assert delivery.next_attempt_at - delivery.attempt_updated_at <= timedelta(seconds=10)
    assert server.paths() == [path], "a redirect is not followed, nothing is tried again at once"
    deliver(world)
    assert server.paths() == [path], "it waits"


def test_it_succeeds_later(world: Context, owner: Actor, server: Receiver) -> None:
    add(world, owner, server.url("/503"))
    happen(world, owner)
    deliver(world)
    server.answers["/503"] = 200
    make_due(world)
    deliver(world)
    (delivery,) = deliveries(world, owner)
    assert (delivery.status, delivery.num_attempts, delivery.attempt_code) == ("succeeded", 2, 200)
    first, second = (json.loads(one.content) for one in server.received)
    assert first["id"] == second["id"]
    assert first["webhook_metadata"]["attempt"] != second["webhook_metadata"]["attempt"]


def test_after_three_days_it_has_failed(world: Context, owner: Actor, server: Receiver) -> None:
    add(world, owner, server.url("/500"))
    happen(world, owner)
    with world.database.transaction() as tx:
        long_ago = now() - timedelta(hours=71, minutes=59, seconds=58)
        tx.connection.execute(tables.webhook_deliveries.update().values(created_at=long_ago))
    deliver(world)
    (delivery,) = deliveries(world, owner)
    assert (delivery.status, delivery.next_attempt_at) == ("failed", None)


def test_a_notification_is_tried_once(world: Context, owner: Actor, server: Receiver) -> None:
    add(world, owner, server.url("/500"), "notify")
    happen(world, owner)
    deliver(world)
    make_due(world)
    deliver(world)
    (delivery,) = deliveries(world, owner)
    assert (delivery.status, delivery.num_attempts, len(server.received)) == ("failed", 1, 1)


def test_nobody_listens(world: Context, owner: Actor) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        add(world, owner, f"http://127.0.0.1:{taken.getsockname()[1]}/")
        happen(world, owner)
        deliver(world)
    (delivery,) = deliveries(world, owner)
    assert (delivery.status, delivery.attempt_error_class) == ("retrying", "ConnectionRefusedError")


def test_deliveries_of_a_webhook_arrive_in_order(world: Context, owner: Actor, server: Receiver) -> None:
    add(world, owner, server.url("/200"))
    happen(world, owner, 20)
    courier = Courier(world, _SECONDS)
    courier.ensure()
    wait_for("all have arrived", lambda: len(server.received) == 20)
    wait_for("all is said", lambda: not courier.busy())
    numbers = [json.loads(one.content)["sequence"] for one in server.received]
    assert numbers == sorted(set(numbers))


def test_a_silent_server_holds_up_its_own_webhook_only(world: Context, owner: Actor, server: Receiver) -> None:
    add(world, owner, server.url("/silent"))
    add(world, owner, server.url("/200"))
    happen(world, owner, 10)
    courier = Courier(world, 60.0)
    courier.ensure()
    wait_for("the other has all", lambda: server.paths().count("/200") == 10)
    assert server.paths().count("/silent") == 1
    server.release.set()
    wait_for("all have ended", lambda: not courier.busy())


def test_silent_servers_of_one_owner_leave_room_for_others(world: Context, owner: Actor, server: Receiver) -> None:
    other = Actor(account=accounts.create(world, owner, email="c@d", password="long enough"))
    apps.create(world, other, name="other")
    for _ in range(10):
        add(world, owner, server.url("/silent"))
    add(world, other, server.url("/200"), app="other")
    happen(world, owner, 2)
    happen(world, other, 1, "other")
    courier = Courier(world, 60.0)
    courier.ensure()
    wait_for("the other's has arrived", lambda: "/200" in server.paths())
    courier.ensure()
    assert server.paths().count("/silent") <= 4
    server.release.set()
    wait_for("all have ended", lambda: not courier.busy())


def test_what_is_too_much_is_dropped_and_said(world: Context, owner: Actor, server: Receiver) -> None:
    add(world, owner, server.url("/200"))
    happen(world, owner, rules.QUEUE + 2)
    dropped = [one for one in deliveries(world, owner) if one.status == "failed"]
    assert [(one.attempt_error_class, one.num_attempts) for one in dropped] == [("QueueFull", 0)] * 2


def test_a_removed_webhook_is_told_nothing_more(world: Context, owner: Actor, server: Receiver) -> None:
    webhook_id = add(world, owner, server.url("/200"))
    happen(world, owner)
    webhooks.remove(world, owner, "hello", webhook_id)
    deliver(world)
    assert not server.received and not deliveries(world, owner)


def test_a_destroyed_app_tells_of_it(world: Context, owner: Actor, server: Receiver) -> None:
    add(world, owner, server.url("/200"))
    apps.destroy(world, owner, "hello")
    Notifier(world).ensure()
    deliver(world)
    (got,) = server.received
    body = json.loads(got.content)
    assert (body["action"], body["data"]["name"]) == ("destroy", "hello")


# Where it goes


@pytest.mark.parametrize(
    ("records", "error"),
    [
        ({}, "NameNotFound"),
        ({"hooks.example.com": "10.200.0.2"}, "DestinationNotAllowed"),
        ({"hooks.example.com": "169.254.169.254"}, "DestinationNotAllowed"),
        ({"hooks.example.com": "inside.example.com", "inside.example.com": "192.168.1.1"}, "DestinationNotAllowed"),
    ],
)
def test_a_name_that_leads_inside_is_not_followed(
    world: Context, owner: Actor, dns: DnsServer, records: dict[str, str], error: str
) -> None:
    dns.records |= records
    add(world, owner, "http://hooks.example.com/")
    happen(world, owner)
    deliver(world)
    (delivery,) = deliveries(world, owner)
    assert delivery.attempt_error_class == error


@pytest.mark.parametrize("host", ["localhost", "hello.localhost", "hooks.example.com"])
def test_this_machine_is_not_sent_to_unless_that_is_allowed(
    world: Context, owner: Actor, server: Receiver, dns: DnsServer, host: str
) -> None:
    dns.records["hooks.example.com"] = "127.0.0.1"
    strict = Context(world.database, replace(world.settings, private_destinations="none"))
    add(strict, owner, server.url("/200", host))
    happen(world, owner)
    deliver(strict)
    (delivery,) = deliveries(world, owner)
    assert delivery.attempt_error_class == "DestinationNotAllowed" and not server.received
    make_due(world)
    loopback = Context(world.database, replace(world.settings, private_destinations="127.0.0.0/8,::1/128"))
    deliver(loopback)
    assert server.paths() == ["/200"]
    assert server.received[0].headers["host"] == f"{host}:{server.port}"


def test_of_this_machine_only_the_routers_ports_are_open(world: Context) -> None:
    # The way it would be with an address of the internet, which test machines seldom have.
    own = ipaddress.ip_address("127.0.0.1")
    assert posting.own_door_closed(world.settings, own, 5432, ())
    assert not posting.own_door_closed(world.settings, own, world.settings.https_port, ())
    assert not posting.own_door_closed(world.settings, ipaddress.ip_address("192.0.2.1"), 5432, ())


def test_a_name_is_asked_for_once(world: Context, owner: Actor, server: Receiver, dns: DnsServer) -> None:
    """Who answers a second time with an address of our own network has nobody to answer to."""
    dns.records["hooks.example.com"] = "127.0.0.1"
    add(world, owner, server.url("/200", "hooks.example.com"))
    happen(world, owner)
    deliver(world)
    assert server.paths() == ["/200"]
    assert dns.asked == ["hooks.example.com"] * 2, "A and AAAA"


def test_tls_wants_the_certificate_of_the_name(world: Context, owner: Actor, dns: DnsServer) -> None:
    dns.records["hooks.example.com"] = "127.0.0.1"
    authority = certified.root()
    results = {}
    for certified_name in ("hooks.example.com", "other.example.com"):
        issued = authority.issue(certified_name, certified_name)
        files = world.settings.home / "pair.pem"
        files.write_text(issued.key + issued.pem)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(files)
        with receiver.running(tls) as server:
            bundle = world.settings.home / "authorities.pem"
            bundle.write_text(authority.pem)
            trusting = Context(world.database, replace(world.settings, ca_bundle=bundle))
            webhook_id = add(world, owner, f"https://hooks.example.com:{server.port}/200", "notify")
            happen(world, owner)
            deliver(trusting)
        (delivery,) = [one for one in deliveries(world, owner) if one.webhook_id == webhook_id]
        results[certified_name] = (delivery.attempt_code, delivery.attempt_error_class)
    assert results == {
        "hooks.example.com": (200, None),
        "other.example.com": (None, "SSLCertVerificationError"),
    }


# Crashes

_DYING = """
import os, signal, sys, threading
from pathlib import Path
from celadon.actions import context
from celadon.clock.webhooks import Courier
from celadon.platform import settings
courier = Courier(context.connect(settings.load(Path(sys.argv[1]))), 60.0)
courier.ensure()
print("begun", flush=True)
threading.Event().wait()
"""


def test_a_courier_that_is_killed_loses_nothing(world: Context, owner: Actor, server: Receiver) -> None:
    platform_settings.save(world.settings)
    add(world, owner, server.url("/silent"), "notify")
    happen(world, owner, 3)
    argv = [sys.executable, "-c", _DYING, str(world.settings.home)]
    dying = subprocess.Popen(argv, stdout=subprocess.PIPE, env={**os.environ}, text=True)
    assert dying.stdout is not None and dying.stdout.readline() == "begun\n"
    wait_for("the request is there", lambda: len(server.received) == 1)
    dying.send_signal(signal.SIGKILL)
    dying.wait()
    dying.stdout.close()
    server.release.set()
    under_way = deliveries(world, owner)[0]
    assert (under_way.status, under_way.num_attempts) == ("scheduled", 1)
    deliver(world)
    assert len(server.received) == 1, "nobody knows that it is dead before its time has passed"
    make_due(world)
    server.answers["/silent"] = 200
    courier = Courier(world, _SECONDS)
    courier.ensure()
    wait_for("all have been attempted", lambda: len(server.received) == 4 and not courier.busy())
    assert [one.num_attempts for one in deliveries(world, owner)] == [2, 1, 1]
    assert len({json.loads(one.content)["id"] for one in server.received}) == 3


def test_a_notifier_that_is_killed_makes_nothing_twice(world: Context, owner: Actor, server: Receiver) -> None:
    add(world, owner, server.url("/200"))
    happen(world, owner)
    first = Notifier(world)
    apps.update(world, owner, "hello", maintenance=False)
    second = Notifier(world)
    while first.ensure() or second.ensure():
        pass
    assert len(deliveries(world, owner)) == 2


def test_two_couriers_attempt_nothing_twice(world: Context, owner: Actor, server: Receiver) -> None:
    for _ in range(4):
        add(world, owner, server.url("/200"))
    happen(world, owner, 5)
    couriers = [Courier(world, 10.0), Courier(world, 10.0)]

    def ended() -> bool:
        # Who is busy is asked one after the other: one may have begun what the other has just left.
        for courier in couriers:
            courier.ensure()
        return {one.status for one in deliveries(world, owner)} == {"succeeded"}

    wait_for("all have been attempted", ended)
    assert len(server.received) == 20
    assert {one.num_attempts for one in deliveries(world, owner)} == {1}


def test_what_was_told_long_ago_is_forgotten(world: Context, owner: Actor, server: Receiver) -> None:
    add(world, owner, server.url("/200"))
    happen(world, owner)
    retention.prune(world)
    assert len(deliveries(world, owner)) == 1
    with world.database.transaction() as tx:
        tx.connection.execute(tables.webhook_events.update().values(created_at=now() - timedelta(days=31)))
    retention.prune(world)
    assert deliveries(world, owner) == []
    with world.database.transaction() as tx:
        tx.connection.execute(tables.apps.update().values(deleted_at=now() - timedelta(days=8)))
    retention.prune(world)
    with world.database.read() as tx:
        assert tx.connection.execute(tables.webhooks.select()).all() == []
