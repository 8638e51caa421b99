"""Webhooks: which events they are told of, how often it is tried, how it is signed; where nothing is sent to."""

import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.model import destination
from celadon.model import webhook as rules
from celadon.model.errors import InvalidParams
from celadon.model.event import Event
from celadon.model.webhook import Level

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def event(action: str, payload: Mapping[str, object] | None = None, resource_id: str | None = "id") -> Event:
    return Event(
        seq=1,
        app_id="app",
        account_id=None,
        action=action,
        resource_id=resource_id,
        payload=payload or {},
        line=None,
        at=_BEGAN,
    )


@pytest.mark.parametrize(
    ("action", "payload", "expected"),
    [
        ("app:create", {}, [("api:app", "create", "app", {})]),
        (
            "app:update",
            {"name": "b", "previous": {"name": "a"}},
            [("api:app", "update", "app", {"name": "a"})],
        ),
        ("app:destroy", {}, [("api:app", "destroy", "app", {})]),
        ("acm:create", {}, [("api:app", "update", "app", {})]),
        ("app-transfer:accepted", {}, [("api:app", "update", "app", {})]),
        ("app:transfer", {}, [("api:app", "update", "app", {})]),
        ("app-transfer:create", {}, []),
        ("app-transfer:declined", {}, []),
        ("acm:issue", {}, [("api:domain", "update", "id", {})]),
        ("build:create", {}, [("api:build", "create", "id", {})]),
        (
            "build:finish",
            {"previous": {"status": "pending"}},
            [("api:build", "update", "id", {"status": "pending"})],
        ),
        ("build:cancel", {}, []),
        ("release:create", {}, [("api:release", "create", "id", {})]),
        ("release:name", {}, []),
        ("release:finish", {}, [("api:release", "update", "id", {})]),
        ("domain:create", {}, [("api:domain", "create", "id", {})]),
        ("domain:destroy", {}, [("api:domain", "destroy", "id", {})]),
        ("sni-endpoint:update", {}, [("api:sni-endpoint", "update", "id", {})]),
        ("collaborator:destroy", {}, [("api:collaborator", "destroy", "id", {})]),
        (
            "formation:update",
            {"previous": {"web": {"quantity": 1}, "worker": {}}},
            [
                ("api:formation", "update", "web", {"quantity": 1}),
                ("api:formation", "update", "worker", {}),
            ],
        ),
        (
            "dyno:state",
            {"began": True, "previous": {}},
            [("dyno", "create", "id", {}), ("api:dyno", "create", "id", {})],
        ),
        (
            "dyno:state",
            {"began": False, "previous": {"state": "starting"}},
            [("dyno", "update", "id", {"state": "starting"})],
        ),
        ("dyno:gone", {"previous": {"state": "up"}}, [("dyno", "destroy", "id", {"state": "up"})]),
        ("dyno:create", {}, []),
        ("dyno:restart", {}, []),
        ("feature:update", {}, []),
        ("key:create", {}, []),
        ("webhook:create", {}, []),
        ("account:update", {}, []),
        ("authorization:create", {}, []),
    ],
)
def test_an_event_is_told_in_the_apis_words(
    action: str, payload: Mapping[str, object], expected: list[tuple[str, str, str, object]]
) -> None:
    found = rules.notices(event(action, payload))
    assert [(one.include, one.action, one.resource_id, one.previous) for one in found] == expected


@given(st.text(max_size=30), st.dictionaries(st.sampled_from(["previous", "began"]), st.text() | st.none()))
def test_no_event_breaks_what_is_told(action: str, payload: dict[str, object]) -> None:
    for found in rules.notices(event(action, payload)):
        assert found.include in rules.ENTITIES
        assert found.resource in ("dyno", found.include.removeprefix("api:"))


@given(st.integers(min_value=0, max_value=600))
def test_waits_grow_and_end_after_three_days(seconds: int) -> None:
    moment, attempts, waits = _BEGAN + timedelta(seconds=seconds), 1, []
    while (again := rules.next_attempt(_BEGAN, Level.SYNC, attempts, moment)) is not None:
        waits.append(again - moment)
        moment, attempts = again, attempts + 1
        assert attempts < 100
    assert waits == sorted(waits)
    assert waits[0] == timedelta(seconds=10)
    assert timedelta(hours=60) < moment - _BEGAN <= timedelta(hours=72)


def test_a_notification_is_tried_once() -> None:
    assert rules.next_attempt(_BEGAN, Level.NOTIFY, 1, _BEGAN) is None


def test_the_signature_is_herokus() -> None:
    # As the well-known `openssl dgst -sha256 -hmac key -binary | base64` says.
    content = b"The quick brown fox jumps over the lazy dog"
    assert rules.signature("key", content) == "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg="


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.200.0.2", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "192.88.99.1",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::a00:1",
        "64:ff9b:1::808:808", "2002:7f00:1::", "2002:808:808::", "2001:0:1::1", "fe80::1", "fc00::1", "fec0::1", "ff02::1",
        "2001:db8::1",
    ],
)  # fmt: skip
def test_nothing_is_sent_to_what_is_not_of_the_internet(address: str) -> None:
    assert not destination.allowed(ipaddress.ip_address(address), ())


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_the_internet_may_be_sent_to(address: str) -> None:
    assert destination.allowed(ipaddress.ip_address(address), ())


@given(st.ip_addresses())
def test_what_is_private_may_not_be_sent_to_unless_its_network_is_allowed(address: destination.Address) -> None:
    if address.is_private or address.is_multicast or address.is_loopback or address.is_link_local:
        assert not destination.allowed(address, ())
    if not destination.within(address, [ipaddress.ip_network("64:ff9b::/96")]):
        assert destination.allowed(address, [ipaddress.ip_network(address)])


def test_an_allowed_network_allows_no_other() -> None:
    private = destination.networks("10.1.0.0/16, fd00::/8")
    assert destination.allowed(ipaddress.ip_address("10.1.2.3"), private)
    assert destination.allowed(ipaddress.ip_address("fd12::1"), private)
    assert not destination.allowed(ipaddress.ip_address("10.2.0.1"), private)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.com/", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("//example.com", "http:// or https://"),
        ("https://", "http:// or https://"),
        ("https:///x", "neither a host name nor an address"),
        ("https://user:hunter2@example.com/", "user or password"),
        ("https://hunter2@example.com/", "user or password"),
        ("https://example.com/\r\nHost: x", "http:// or https://"),
        ("https://exa mple.com/", "http:// or https://"),
        ("https://bücher.example/", "http:// or https://"),
        ("https://example.com:0/", "port 0"),
        ("https://example.com:99999/", "cannot send"),
        ("https://example.com:x/", "cannot send"),
        ("https://[::1/", "cannot send"),
        ("https://[fe80::1%25eth0]/", "neither a host name nor an address"),
        ("http://2130706433/", "neither a host name nor an address"),
        ("http://0x7f.1/", "neither a host name nor an address"),
        ("http://127.1/", "neither a host name nor an address"),
        ("http://a..b/", "neither a host name nor an address"),
        ("https://example.com/" + "x" * 2000, "at most 2000"),
    ],
)
def test_what_cannot_be_sent_to_is_said_and_no_secret_repeated(url: str, words: str) -> None:
    with pytest.raises(InvalidParams, match=words) as refused:
        destination.parse(url)
    assert "hunter2" not in refused.value.message


@pytest.mark.parametrize(
    ("url", "authority", "port", "path"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("HTTP://Example.com:80/a?b=c#d", "example.com", 80, "/a?b=c"),
        ("https://example.com:8443/", "example.com:8443", 8443, "/"),
        ("http://[2606:4700::1111]:81/x", "[2606:4700::1111]:81", 81, "/x"),
        ("http://my_host.internal./x", "my_host.internal.", 80, "/x"),
    ],
)
def test_an_url_has_a_host_a_port_and_a_path(url: str, authority: str, port: int, path: str) -> None:
    found = destination.parse(url)
    assert (found.authority, found.port, found.path) == (authority, port, path)


@given(st.text(max_size=60) | st.text(max_size=40).map(lambda text: f"https://{text}"))
def test_any_text_is_a_destination_or_refused(text: str) -> None:
    try:
        found = destination.parse(text)
    except InvalidParams:
        return
    assert found.host and 0 < found.port < 65536 and found.path.startswith("/")
