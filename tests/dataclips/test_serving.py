"""The role's own listener: routes over a Unix socket, beside other work."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.dataclips.tenant import Tenant
from tests.dataclips.world import Clips, clips_of

from celadon.addons.serving import SOCKET, Serving
from celadon.postgres import routes
from celadon.postgres.clips import Limits


@pytest.fixture
def clips(tmp_path: Path, shared_tenant: Tenant) -> Iterator[Clips]:
    home = tmp_path / "home"
    home.mkdir()
    with clips_of(home, shared_tenant, Limits(seconds=20.0)) as found:
        yield found


@pytest.fixture
def serving(clips: Clips) -> Iterator[Serving]:
    made = Serving(clips.world.context.settings.home / SOCKET, clips.world.context, routes.routes(clips.runs))
    made.start()
    wait_for_socket(clips.world.context.settings.home / SOCKET)
    yield made
    made.stop()


def wait_for_socket(path: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as tried:
            if tried.connect_ex(str(path)) == 0:
                return
    raise AssertionError("nobody listens")


def get(path: Path, url: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("localhost", timeout=60)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request("GET", url)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


def test_a_run_is_waited_for(clips: Clips, serving: Serving) -> None:
    dataclip = clips.add("select pg_sleep(1.2), 5 as n")
    status, content = get(clips.world.context.settings.home / SOCKET, f"/dataclips/{dataclip.link}.json")
    assert (status, json.loads(content)["values"]) == (200, [["", 5]])


def test_what_is_not_of_the_role_is_not_there(clips: Clips, serving: Serving) -> None:
    assert get(clips.world.context.settings.home / SOCKET, "/apps")[0] == 404


def test_a_socket_that_a_killed_role_has_left_is_taken_over(clips: Clips) -> None:
    path = clips.world.context.settings.home / SOCKET
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    again = Serving(path, clips.world.context, routes.routes(clips.runs))
    again.start()
    wait_for_socket(path)
    again.stop()


def test_a_role_that_cannot_serve_ends(tmp_path: Path) -> None:
    """Here the socket's directory is missing."""
    program = textwrap.dedent(
        f"""
        import signal
        from pathlib import Path
        from celadon.actions.context import Context
        from celadon.addons.serving import Serving
        from celadon.platform.settings import Settings
        from celadon.store.database import Database
        from celadon.store.secrets import Secrets
        home = Path({str(tmp_path)!r})
        context = Context(Database("sqlite://", Secrets.make(home)), Settings(home=home))
        Serving(home / "nowhere" / "addons.sock", context, ()).start()
        signal.pause()
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGTERM, done.stderr
