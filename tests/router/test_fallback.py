"""HAProxy 2.6, from a services image of Debian 12: what holds there all the same. What does not is in docs/reference/router.md."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests import certified
from tests.router import mesh as meshes
from tests.router import servers
from tests.router.load import Load
from tests.router.mesh import Mesh, wait_for
from tests.router.test_certificates import endpoint
from tests.router.tls import presented

from celadon.model.dyno import DynoState
from celadon.platform import certificates, images, options
from celadon.router import admin

SUITE = "bookworm"
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def image() -> None:
    settings = options.from_environment()
    images.build(type(settings)(home=settings.home, images=settings.images, services_suite=SUITE), "services")


@pytest.fixture
def old(image: None) -> Iterator[Mesh]:
    with meshes.mesh(services_suite=SUITE, domain="apps.test") as running:
        assert running.tell("show version").startswith("2.6")
        yield running


@pytest.mark.parametrize(("path", "code"), [("/hang", "H12"), ("/close", "H13"), ("/junk", "H17"), ("/half", "H18")])
def test_codes_are_told(old: Mesh, path: str, code: str) -> None:
    app_id = old.app("bad")
    with servers.Dyno() as dyno:
        old.serve(app_id, dyno)
        with contextlib.suppress(http.client.IncompleteRead):
            assert old.get("bad.apps.test", path)[0] == 503
    assert old.line(app_id, f'path="{path}"').startswith(f"at=error code={code} ")


def test_no_request_is_lost_by_reloads(old: Mesh) -> None:
    app_id = old.app("kept")
    with servers.Dyno() as dyno:
        old.serve(app_id, dyno)
        with Load(old.settings.http_port, "kept.apps.test", clients=4) as load:
            for _ in range(3):
                load.wait_for(300)
                admin.reload(old.engine.master)
            load.wait_for(300)
    assert load.failures == []


def test_certificates_come_while_it_runs(old: Mesh) -> None:
    certificates.issue(old.settings, datetime.now(UTC))
    app_id = old.app("shop")
    wait_for("HTTPS answers", lambda: presented(old, "apps.test"))
    issued = certified.root().issue("mine", "www.example.com")
    endpoint(old, app_id, issued, "www.example.com")
    wait_for("it is served", lambda: presented(old, "www.example.com") == "mine")


def test_a_request_waits_for_its_dyno(old: Mesh) -> None:
    app_id = old.app("booting")
    dyno_id = old.dyno(app_id, state=DynoState.STARTING)
    wait_for("the wait is known", lambda: old.has_route(app_id, "wait"))
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(old.status("booting.apps.test")))
    asking.start()
    with servers.Dyno() as dyno:
        at = {"address": dyno.address, "port": dyno.port, "container_id": "c0ffee"}
        old.change(dyno_id, state=DynoState.UP, **at)
        asking.join(10)
    assert answers == [200]
