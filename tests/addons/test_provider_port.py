"""The contract of a provider, by the checks that third parties run: against each one that comes with the platform."""

import base64
import json
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import ports
from tests.journeys.conftest import wait_for
from tests.postgres.conftest import place as place
from tests.postgres.place import Place

from celadon.actions import accounts, addons, apps
from celadon.addons import provider_port, services
from celadon.addons.provider_port import ProviderPort
from celadon.addons.serving import Serving
from celadon.cli.commands import provider_checks
from celadon.model.account import Actor

# Service → options, and the config vars that must come.
SERVICES: dict[str, tuple[dict[str, str], list[str]]] = {
    "deployhooks": ({"app": "shop", "url": "https://example.com/hook"}, []),
    "heroku-postgresql": ({}, ["HEROKU_POSTGRESQL_URL"]),
    "heroku-redis": ({"timeout": "60"}, ["REDIS_URL"]),
    "memcachier": ({}, ["MEMCACHIER_SERVERS", "MEMCACHIER_USERNAME", "MEMCACHIER_PASSWORD"]),
    "scheduler": ({"app": "shop"}, []),
}


@pytest.fixture(scope="module")
def owner(place: Place) -> Actor:
    actor = Actor(account=accounts.create_operator(place.context.database, email="a@b", password="long enough"))
    apps.create(place.context, actor, name="shop")
    return actor


@pytest.fixture(scope="module")
def manifests(place: Place, owner: Actor) -> Iterator[Path]:
    """The port as the addons role has it."""
    own = services.built_in(place.context).own
    assert own.keys() == SERVICES.keys()
    # As the role does it: initdb and its sync may take longer than the checks wait for an answer.
    place.manager.keep_spare()
    port = ProviderPort(place.context, own)
    port.write_manifests(place.settings)
    path = place.settings.run / provider_port.SOCKET
    serving = Serving(path, place.context, port.routes())
    serving.start()
    wait_for("it listens", lambda: ports.listens(path))
    with pytest.MonkeyPatch.context() as patched:
        # The role itself waits for as long as it takes: some programs start until a first database answers.
        patched.setattr(provider_checks, "_SECONDS", 120.0)
        yield place.settings.run / provider_port.MANIFESTS
    serving.stop()


def manifest(manifests: Path, service: str) -> Any:
    return json.loads((manifests / f"{service}.json").read_text("utf-8"))


def wrong(found: Any, options: dict[str, str]) -> dict[str, str]:
    return {check.what: check.wrong for check in provider_checks.run(found, None, options) if check.wrong}


@pytest.mark.parametrize("service", SERVICES)
def test_a_provider_of_the_platform_is_as_third_parties_must_be(manifests: Path, service: str) -> None:
    found = manifest(manifests, service)
    options, promised = SERVICES[service]
    found["api"]["config_vars"] = promised
    checks = list(provider_checks.run(found, None, options))
    assert [check for check in checks if check.wrong] == []
    assert len(checks) == (10 if service == "scheduler" else 11)


def test_what_the_provider_refuses_is_said_with_its_words(manifests: Path) -> None:
    found = wrong(manifest(manifests, "heroku-redis"), {"colour": "red"})
    assert list(found.values()) == ["it answers 422, not 200 or 201 or 202"]
    found = wrong(manifest(manifests, "scheduler"), {})
    assert "provisioning scheduler:standard makes a resource" in found


def test_only_who_knows_the_password_comes_in(manifests: Path) -> None:
    found = manifest(manifests, "scheduler")
    other = manifest(manifests, "deployhooks")["api"]["password"]
    found["api"]["password"] = other
    assert "it answers 401" in next(iter(wrong(found, {"app": "shop"}).values()))
    # Nor does anybody else come as far as to the socket.
    assert stat.S_IMODE(manifests.stat().st_mode) == 0o700
    for path in manifests.glob("*.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_add_on_of_the_platform_cannot_be_touched(
    place: Place, owner: Actor, manifests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    addon = addons.create(place.context, owner, "shop", plan="heroku-redis").addon
    monkeypatch.setattr(provider_checks.uuid, "uuid4", lambda: uuid.UUID(addon.id))
    found = wrong(manifest(manifests, "heroku-redis"), {})
    assert found == {"provisioning heroku-redis:mini makes a resource": "it answers 422, not 200 or 201 or 202"}


@pytest.mark.parametrize("service", SERVICES)
def test_no_request_makes_the_port_fail(manifests: Path, service: str) -> None:
    found = manifest(manifests, service)
    user = base64.b64encode(f"{service}:{found['api']['password']}".encode()).decode()
    resources = found["api"]["production"]["base_url"]
    bodies = [b"", b"[]", b"{", b'{"uuid": 1}', b'{"uuid": "\\u0000"}', b'{"uuid": "x", "plan": {}}', b'{"plan": "x"}']
    bodies += [
        json.dumps({"uuid": "x", "plan": found["plans"][0]["name"], "options": {"a b": [1], "app": {}}}).encode()
    ]
    bodies += [json.dumps({"uuid": "x", "plan": found["plans"][0]["name"], "options": [], "name": 5}).encode()]
    for method, path in (("POST", ""), ("PUT", "/x"), ("PUT", "/%00"), ("DELETE", "/" + "x" * 900), ("DELETE", "/%2F")):
        for content in bodies:
            answer = provider_checks._exchange(
                method, f"{resources}{path}", {"Authorization": f"Basic {user}"}, content
            )
            assert 400 <= answer.status < 500, (method, path, content, answer)
            assert answer.object()["message"]
