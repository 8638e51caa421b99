"""Slugs without a build: created by the API, uploaded, released; and what is no slug."""

import io
import json
import os
import signal
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for
from tests.journeys.test_builds import api, curl

TYPES = {"web": "python3 -u server.py"}


def tree(directory: Path, files: dict[str, str]) -> Path:
    """A .tgz as Heroku's documentation makes it: everything in ./app."""
    for path, text in files.items():
        (directory / "app" / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / "app" / path).write_text(text)
    target = directory / "slug.tgz"
    with tarfile.open(target, "w:gz") as packed:
        packed.add(directory / "app", "./app")
    return target


def put(app: App, archive: Path, **values: object) -> tuple[str, str]:
    """The id of a new slug, and what curl is told of the upload, with its status."""
    made = api(app.platform, "POST", f"/apps/{app.name}/slugs", {"process_types": TYPES, **values})
    assert made["blob"]["method"] == "put"
    return made["id"], send(app, made["blob"]["url"], archive)


def send(app: App, url: str, archive: Path) -> str:
    words = ("-w", "%{http_code}", "-H", "Content-Type:", "--data-binary", f"@{archive}", "-X", "PUT", url)
    return app.platform.run("curl", "-sS", "--cacert", app.platform.home / "ca" / "ca.pem", *words).stdout


def release(app: App, slug_id: str) -> dict[str, object]:
    made: dict[str, object] = api(app.platform, "POST", f"/apps/{app.name}/releases", {"slug": slug_id})
    return made


def test_a_slug_from_scratch_is_released_and_read_again(platform: Platform, tmp_path: Path) -> None:
    app = platform.create(sources.web())
    archive = tree(tmp_path, sources.web(version="from scratch\n", **{"bin/tool": "#!/bin/sh\n"}))
    slug_id, told = put(app, archive, commit="60883d9e8947a57e04dc", buildpack_provided_description="By hand")
    assert told == "200"
    assert release(app, slug_id)["version"] == 3
    wait_for("it serves", lambda: " from scratch " in app.get().text)
    assert "Deploy 60883d9e" in app.celadon("releases")
    found = api(platform, "GET", f"/apps/{app.name}/slugs/{slug_id}")
    assert found["blob"]["method"] == "get" and found["size"] > 0
    curl(platform, "-o", tmp_path / "got.tgz", found["blob"]["url"])
    with tarfile.open(tmp_path / "got.tgz") as packed:
        names = set(packed.getnames())
        member = packed.extractfile("./app/version")
        assert member is not None and member.read() == b"from scratch\n"
    assert {"./app", "./app/server.py", "./app/bin/tool"} <= names
    # What was read can be uploaded to another app.
    other = platform.create(sources.web())
    again, told = put(other, tmp_path / "got.tgz")
    assert told == "200"
    release(other, again)
    wait_for("it serves", lambda: " from scratch " in other.get().text)


def hostile(directory: Path, fill: Callable[[tarfile.TarFile], None]) -> Path:
    target = directory / "hostile.tgz"
    with tarfile.open(target, "w:gz") as packed:
        fill(packed)
    return target


def _file(packed: tarfile.TarFile, name: str, content: bytes = b"x") -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    packed.addfile(member, io.BytesIO(content))


def _linked(name: str, to: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


def _dots(packed: tarfile.TarFile) -> None:
    _file(packed, "./app/../../../../../../tmp/celadon-escaped")


def _through_a_link(packed: tarfile.TarFile) -> None:
    packed.addfile(_linked("./app", "/tmp", tarfile.SYMTYPE))
    _file(packed, "./app/celadon-escaped")


def _hard_link(packed: tarfile.TarFile) -> None:
    packed.addfile(_linked("./app/passwd", "/etc/shadow", tarfile.LNKTYPE))


def _device(packed: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("./app/sda")
    member.type, member.devmajor, member.devminor = tarfile.BLKTYPE, 8, 0
    packed.addfile(member)


@pytest.mark.parametrize("fill", [_dots, _through_a_link, _hard_link, _device])
def test_a_hostile_archive_is_refused_and_leaves_nothing(
    platform: Platform, tmp_path: Path, fill: Callable[[tarfile.TarFile], None]
) -> None:
    app = platform.create(sources.web())
    slug_id, told = put(app, hostile(tmp_path, fill))
    assert told.endswith("422") and "the slug" in json.loads(told.removesuffix("422"))["message"]
    assert not Path("/tmp/celadon-escaped").exists()
    found = api(platform, "GET", f"/apps/{app.name}/slugs/{slug_id}")
    assert found["size"] is None
    assert not any(slug_id in path.name for path in (platform.home / "uploads").iterdir())
    assert not (platform.home / "slugs" / f"{slug_id}.squashfs").exists()


def test_absolute_paths_stay_inside(platform: Platform, tmp_path: Path) -> None:
    app = platform.create(sources.web())

    def fill(packed: tarfile.TarFile) -> None:
        _file(packed, "/tmp/celadon-escaped")
        _file(packed, "/app/version", b"absolute\n")

    _, told = put(app, hostile(tmp_path, fill))
    assert told == "200"
    assert not Path("/tmp/celadon-escaped").exists()


def test_what_is_no_slug_says_why(narrow: Platform, tmp_path: Path) -> None:
    app = narrow.create(sources.web())
    (tmp_path / "text").write_text("no archive")
    assert "cannot unpack the slug" in put(app, tmp_path / "text")[1]
    assert "there is no ./app in it" in put(app, hostile(tmp_path, lambda packed: _file(packed, "other/file")))[1]
    wrong = put(app, tmp_path / "text", checksum="SHA256:" + "0" * 64)[1]
    assert "was announced" in wrong
    (tmp_path / "large").write_bytes(os.urandom(9 << 20))
    assert "it is larger than 8 MB" in put(app, tmp_path / "large")[1]
    bomb = hostile(tmp_path, lambda packed: _file(packed, "./app/zeros", bytes(64 << 20)))
    assert "the disk of 48 MB is full" in put(app, bomb)[1]
    # After all that the app builds as ever.
    assert "done, v3" in app.push()


def test_a_killed_role_packs_what_was_uploaded(platform: Platform, tmp_path: Path) -> None:
    app = platform.create(sources.web())
    # So many files that unpacking takes a moment.
    archive = tree(tmp_path, sources.web(version="after a kill\n", **{f"many/{n}": "x" for n in range(20_000)}))
    made = api(platform, "POST", f"/apps/{app.name}/slugs", {"process_types": TYPES})
    slug_id, url = made["id"], made["blob"]["url"]
    told: list[str] = []
    # Before: to find it takes longer than the unpacking.
    role, bundles = platform.pids()["build"], platform.home / "build-dynos"
    uploading = threading.Thread(target=lambda: told.append(send(app, url, archive)))
    uploading.start()
    wait_for("it is unpacked", lambda: any(path.name.startswith("slug-") for path in bundles.iterdir()), 60)
    os.kill(role, signal.SIGKILL)
    uploading.join(60)
    assert json.loads(told[0][:-3])["id"] == "service_unavailable", told
    # Whoever sends it again, as the answer asks one to, hears how it ended.
    assert send(app, url, archive) == "200"
    assert api(platform, "GET", f"/apps/{app.name}/slugs/{slug_id}")["size"] > 0
    release(app, slug_id)
    wait_for("it serves", lambda: " after a kill " in app.get().text)
