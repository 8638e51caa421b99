"""HAProxy as a container of the real runtime."""

import contextlib
import os
import shutil
import socket
import threading
from collections.abc import Iterator

import pytest
from tests.router import mesh as meshes
from tests.router import servers
from tests.router.load import Load
from tests.router.mesh import Mesh

from celadon.platform import images
from celadon.platform.settings import Settings
from celadon.router import admin, engine, role
from celadon.router.engine import ContainerEngine, EngineError
from celadon.runtime import cgroups
from celadon.runtime.crun import CrunRuntime

pytestmark = [
    pytest.mark.platform,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("crun") is None, reason="needs root and crun"),
]


class KillableEngine(ContainerEngine):
    """The engine in control groups of its own, which a test may kill."""

    ending = False

    def __init__(self, settings: Settings) -> None:
        if not images.present(settings, "services"):
            pytest.skip("the services image has not been built")
        self.runtime = CrunRuntime(
            bundles=settings.home / "engines", run=settings.run / "engines", cgroup=f"/{settings.home.name}"
        )
        self.starts = 0
        # The role would start one while a test still kills whatever is in the last one's control group.
        self._turn = threading.Lock()
        super().__init__(settings, self.runtime)

    def start(self) -> None:
        with self._turn:
            self.starts += 1
            super().start()

    def kill(self) -> None:
        with self._turn:
            self.runtime.kill(engine.NAME)
            if self.ending:
                self.runtime.remove(engine.NAME)


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    # Times that are long enough for a machine that has much else to do.
    with meshes.mesh(KillableEngine, first_byte_timeout=20.0, idle_timeout=20.0, drain_timeout=20.0) as running:
        assert isinstance(running.engine, KillableEngine)
        yield running
        running.engine.ending = True
        groups = cgroups.Cgroups(root=f"/{running.settings.home.name}", kind=cgroups.hierarchy())
    groups.remove_root()


def test_haproxy_serves_from_its_container_and_is_adopted_by_the_next_role(mesh: Mesh) -> None:
    app_id = mesh.app("boxed", web=2)
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        mesh.wait_status("boxed.localhost", 200)
        mesh.stop_role()
        mesh.start_role()
        mesh.wait_status("boxed.localhost", 200)
        assert mesh.line(app_id, "at=info")
    assert isinstance(mesh.engine, KillableEngine)
    assert mesh.engine.starts == 1


def test_a_killed_container_is_replaced(mesh: Mesh) -> None:
    app_id = mesh.app("boxed", web=2)
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        mesh.engine.kill()
        mesh.wait_status("boxed.localhost", 200)
    assert mesh.engine.starts == 2


def test_reloads_in_the_container_lose_nothing(mesh: Mesh) -> None:
    app_id = mesh.app("boxed", web=2)
    with servers.Dyno() as dyno:
        mesh.serve(app_id, dyno)
        with Load(mesh.settings.http_port, "boxed.localhost", clients=16) as load:
            for _ in range(3):
                load.wait_for(100)
                admin.reload(mesh.engine.master)
        assert load.failures == []


def test_a_file_that_haproxy_refuses_is_not_used(mesh: Mesh) -> None:
    config = mesh.settings.home / "router" / "haproxy.cfg"
    broken = config.with_name("broken.cfg")
    broken.write_text(config.read_text().replace("mode http", "mode mystery"))
    with pytest.raises(EngineError, match="refuses it"):
        mesh.engine.check(broken)
    mesh.engine.check(config)


def test_a_master_whose_places_are_all_taken_begins_anew_and_loses_no_request(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin.ask_master, "__defaults__", (1.0,))
    monkeypatch.setattr(role, "_SILENCE", 1.0)
    app_id = mesh.app("boxed", web=2)
    with servers.Dyno() as first, servers.Dyno("127.0.0.2") as second, contextlib.ExitStack() as held:
        dyno_id = mesh.serve(app_id, first)
        mesh.wait_status("boxed.localhost", 200)
        with pytest.raises(admin.Silent):
            for _ in range(30):
                conversation = held.enter_context(socket.socket(socket.AF_UNIX))
                conversation.settimeout(1.0)
                with contextlib.suppress(OSError):
                    conversation.connect(str(mesh.engine.master))
                    conversation.sendall(b"@1 show events requests -w\n")
            admin.ask_master(mesh.engine.master, "show proc")
        with Load(mesh.settings.http_port, "boxed.localhost", clients=4) as load:
            mesh.serve(app_id, second, 2)
            mesh.change(dyno_id, draining_at=meshes.now())
            mesh.wait_routed(dyno_id, False, 60)
            load.wait_for(100)
        assert load.failures == []
