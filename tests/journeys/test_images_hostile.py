"""Images that want more than they may have: each ends inside of its build dyno, with a sentence."""

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import oci
from tests.journeys import sources
from tests.journeys.conftest import Platform, wait_for
from tests.journeys.test_images import imported

ESCAPED = Path("/tmp/celadon-escaped")


@pytest.fixture(scope="module")
def server() -> bytes:
    return oci.server()


def test_layers_that_lead_outside_stay_inside(platform: Platform, server: bytes, tmp_path: Path) -> None:
    app = platform.create(sources.web())

    def first(layer: tarfile.TarFile) -> None:
        oci.put(layer, "server", server, 0o6755)
        oci.put(layer, "../../../../../../tmp/celadon-escaped", "x")
        oci.put(layer, "/tmp/celadon-escaped", "x")
        oci.link(layer, "out", "../../../../../../tmp")
        oci.put(layer, "out/celadon-escaped", "x")
        oci.link(layer, "away", "/tmp")
        oci.put(layer, "away/celadon-escaped", "x")
        oci.device(layer, "sda")
        for name in ("dev", "proc", "sys"):
            oci.link(layer, name, "/celadon")
        oci.link(layer, "etc", "/etc")
        oci.put(layer, "version", "contained")

    def second(layer: tarfile.TarFile) -> None:
        oci.put(layer, "gone/x", "x")
        oci.put(layer, "away/.wh.celadon-escaped")
        oci.put(layer, "../../.wh.tmp")

    told = imported(app, oci.oci_archive(oci.image(first, second, Cmd=["/server"]), tmp_path / "app.tar"))
    assert "done, v3" in told
    wait_for("it serves", lambda: "|contained|" in app.get().text)
    assert not ESCAPED.exists()
    slug = max((platform.home / "slugs").iterdir(), key=lambda path: path.stat().st_mtime)
    listed = platform.run("unsquashfs", "-lln", slug).stdout
    lines = {line.rpartition("squashfs-root")[2]: line.split() for line in listed.splitlines()}
    # Devices are files, nothing is setuid, nobody but the app owns anything, and what is mounted on is no link.
    assert lines["/sda"][0].startswith("-") and lines["/server"][0] == "-rwxr-xr-x"
    assert {words[1] for words in lines.values() if len(words) > 4} == {lines["/server"][1]}
    assert all(lines[f"/{name}"][0].startswith("d") for name in ("dev", "etc", "proc", "sys", "tmp"))


def _hard_link(layer: tarfile.TarFile) -> None:
    oci.link(layer, "passwd", "/etc/shadow", tarfile.LNKTYPE)


def _hard_link_outside(layer: tarfile.TarFile) -> None:
    oci.link(layer, "passwd", "../../../celadon/shown/auth.json", tarfile.LNKTYPE)


@pytest.mark.parametrize("fill", [_hard_link, _hard_link_outside])
def test_a_link_to_what_is_not_in_the_image_is_refused(
    platform: Platform, tmp_path: Path, fill: Callable[[tarfile.TarFile], None]
) -> None:
    app = platform.create(sources.web())
    told = imported(app, oci.oci_archive(oci.image(fill, Cmd=["/x"]), tmp_path / "app.tar"), check=False)
    assert "Import failed: the image could not be unpacked" in told


def test_what_is_no_image_says_why(platform: Platform, tmp_path: Path) -> None:
    app = platform.create(sources.web())
    (tmp_path / "text.tar").write_text("no archive")
    assert "It is no tar archive" in imported(app, tmp_path / "text.tar", check=False)
    with tarfile.open(tmp_path / "other.tar", "w") as packed:
        oci.put(packed, "file", "x")
    assert "There is no image in it" in imported(app, tmp_path / "other.tar", check=False)
    with tarfile.open(tmp_path / "linked.tar", "w") as packed:
        oci.link(packed, "manifest.json", "/celadon/shown/authorities.pem")
    assert "the archive could not be read" in imported(app, tmp_path / "linked.tar", check=False)
    image = oci.image(lambda layer: oci.put(layer, "x", "x"))
    told = imported(app, oci.oci_archive(image, tmp_path / "nothing.tar"), check=False)
    assert "it has neither ENTRYPOINT nor CMD" in told
    assert app.celadon("releases").count("Imported") == 0


def test_a_bomb_fills_its_own_disk_alone(narrow: Platform, tmp_path: Path) -> None:
    app = narrow.create(sources.web())
    zeros = oci.image(lambda layer: oci.put(layer, "zeros", bytes(200 << 20)), Cmd=["/x"])
    archive = oci.oci_archive(zeros, tmp_path / "zeros.tar")
    assert archive.stat().st_size < 1 << 20
    told = imported(app, archive, check=False)
    assert "the image does not fit: its disk of 48 MB is full" in told

    def many(layer: tarfile.TarFile) -> None:
        for number in range(16_000):
            oci.put(layer, f"many/{number % 100}/{number}")

    told = imported(app, oci.oci_archive(oci.image(many, Cmd=["/x"]), tmp_path / "many.tar"), check=False)
    assert "its disk of 48 MB is full" in told
    # Larger than a slug may be, once it is packed.
    noise = oci.image(lambda layer: oci.put(layer, "noise", os.urandom(12 << 20)), Cmd=["/x"])
    told = imported(app, oci.oci_archive(noise, tmp_path / "noise.tar"), check=False)
    assert "the limit is 8MB and it is larger. Start from a smaller base image" in told
