"""Images as apps: imported from archives and registries, run, scaled, rolled back, promoted; hostile ones refused."""

from pathlib import Path

import pytest

from tests import oci
from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for


@pytest.fixture(scope="module")
def server() -> bytes:
    return oci.server()


def plain(server: bytes, version: str = "one", **config: object) -> oci.Image:
    """An image without a shell: a server, and what it says."""

    def fill(layer: oci.tarfile.TarFile) -> None:
        oci.put(layer, "server", server, 0o755)
        oci.put(layer, "version", version)

    told = {"Entrypoint": ["/server"], "Cmd": ["x y"], "Env": ["GREETING=image", "HOME=/data"], "WorkingDir": "/data"}
    return oci.image(fill, **{**told, **config})


def imported(app: App, archive: Path, *words: str, check: bool = True) -> str:
    return app.celadon("container:import", str(archive), *words, check=check, timeout=300)


def test_an_archive_without_a_shell_is_a_dyno(platform: Platform, server: bytes, tmp_path: Path) -> None:
    app = platform.create(sources.web())
    labels = {"celadon.process.worker": "/server say worker"}
    image = plain(server, Labels=labels)
    told = imported(app, oci.oci_archive(image, tmp_path / "app.tar"))
    assert "Image declares types -> web, worker" in told and "deployed to Celadon" in told
    assert f"Imported app.tar@{image.digest}" in app.celadon("releases:info", "--json")
    found = wait_for("it serves", lambda: (answer := app.get()).status == 200 and answer.text)
    greeting, version, home, here, writes, uid, words = str(found).strip().split("|")
    assert (greeting, version, home, here, writes, words) == ("image", "one", "/data", "/data", "writes", "argv 2")
    assert int(uid.removeprefix("uid ")) > 100_000
