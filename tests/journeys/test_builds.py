"""Builds without git, their output, and their end before their end."""

import hashlib
import json
import subprocess
import tarfile
import threading
import uuid
from pathlib import Path
from typing import Any

from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for
from tests.journeys.internet import Internet
from tests.journeys.test_buildpacks import operators

WAITS = {
    "bin/detect": "#!/bin/sh\necho Waiting\n",
    "bin/compile": "#!/bin/sh\necho waits for ever\nsleep 1000\n",
}


def archive(directory: Path, files: dict[str, str], inside: str = "app-1.0") -> Path:
    """A .tar.gz as code hosts make it: one directory with everything in it."""
    name = uuid.uuid4().hex[:8]
    tree = directory / name / inside
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    target = directory / f"{name}.tar.gz"
    with tarfile.open(target, "w:gz") as packed:
        packed.add(tree, inside)
    return target


def curl(platform: Platform, *words: str | Path) -> str:
    """What curl is told by HTTPS; fails the test for an error."""
    ca = platform.home / "ca" / "ca.pem"
    return platform.run("curl", "-sS", "--fail-with-body", "--cacert", ca, *words).stdout


def api(platform: Platform, method: str, path: str, body: object = None) -> Any:
    """A request to the API as somebody who has only curl."""
    token = platform.celadon("auth:token").strip()
    headers = ("Accept: application/vnd.heroku+json; version=3", f"Authorization: Bearer {token}")
    words = [word for header in headers for word in ("-H", header)]
    sent = ("-d", json.dumps(body)) if body is not None else ()
    url = f"https://localhost:{platform.ports['https-port']}{path}"
    return json.loads(curl(platform, "-X", method, *words, *sent, url))


def pending(app: App) -> str:
    """The id of the build that runs, or nothing."""
    found = json.loads(app.celadon("builds", "--json"))
    return next((str(build["id"]) for build in found if build["status"] == "pending"), "")


def test_a_build_of_an_archive_by_its_url(platform: Platform, internet: Internet) -> None:
    app = platform.create(sources.web())
    target = archive(internet.directory, sources.web(version="from an archive\n"))
    output = app.celadon("builds:create", "--source-url", internet.url(target.name))
    assert "Procfile app detected" in output
    wait_for("it serves", lambda: " from an archive " in app.get().text)
    build = json.loads(app.celadon("builds", "--json"))[0]
    assert "Procfile app detected" in app.celadon("builds:output", build["id"])
    assert build["status"] == "succeeded"


def test_a_build_of_an_archive_that_is_uploaded(platform: Platform) -> None:
    app = platform.create(sources.web())
    target = archive(platform.directory, sources.web(version="from here\n"))
    assert "Procfile app detected" in app.celadon("builds:create", "--source-tar", str(target))
    wait_for("it serves", lambda: " from here " in app.get().text)
    # As Heroku's documentation does it, by HTTPS.
    blob = api(platform, "POST", "/sources")["source_blob"]
    again = archive(platform.directory, sources.web(version="by curl\n"), ".")
    assert curl(platform, blob["put_url"], "-X", "PUT", "-H", "Content-Type:", "--data-binary", f"@{again}") == ""
    assert blob["put_url"].startswith("https://")
    build = api(platform, "POST", f"/apps/{app.name}/builds", {"source_blob": {"url": blob["get_url"]}})
    assert "deployed to Celadon" in app.celadon("builds:output", build["id"])
    wait_for("it serves", lambda: " by curl " in app.get().text)
    got = platform.directory / "got.tgz"
    curl(platform, "-o", got, blob["get_url"])
    assert got.read_bytes() == again.read_bytes()


def test_a_source_beyond_the_limit_is_refused(narrow: Platform) -> None:
    app = narrow.create(sources.web())
    large = narrow.directory / f"{app.name}.tgz"
    large.write_bytes(bytes(20 << 20))
    said = app.celadon("builds:create", "--source-tar", str(large), check=False)
    assert said == " !    cannot take this upload: it is larger than 16 MB\n"


def test_a_purged_cache_is_gone_for_the_next_build(platform: Platform) -> None:
    pack = {
        "bin/detect": "#!/bin/sh\necho Cached\n",
        "bin/compile": '#!/bin/sh\nif [ -e "$2/kept" ]; then echo has a cache; else echo has none; fi\ntouch "$2/kept"\n',
    }
    app = platform.create(sources.web(), "--buildpack", operators(platform, pack))
    assert "has none" in app.push()
    app.commit()
    assert "has a cache" in app.push()
    app.celadon("builds:cache:purge", "--confirm", app.name)
    app.commit()
    assert "has none" in app.push()


def test_an_archive_with_another_checksum_is_refused(platform: Platform, internet: Internet) -> None:
    app = platform.create(sources.web())
    target = archive(internet.directory, sources.web())
    right = hashlib.sha256(target.read_bytes()).hexdigest()
    words = ("builds:create", "--source-url", internet.url(target.name), "--checksum")
    assert "checksum" in app.celadon(*words, f"SHA256:{'0' * 64}", check=False)
    assert "v3" not in app.celadon("releases")
    app.celadon(*words, f"SHA256:{right}")
    assert "v3" in app.celadon("releases")


def test_a_build_can_be_cancelled_and_the_push_is_told(platform: Platform) -> None:
    app = platform.create(sources.web(), "--buildpack", operators(platform, WAITS))
    outputs: list[str] = []
    pushing = threading.Thread(target=lambda: outputs.append(app.push(check=False)))
    pushing.start()
    try:
        build = wait_for("the build runs", lambda: pending(app))
        app.wait_for_log("waits for ever")
        # A second push is told to wait.
        app.write("version", "second\n")
        app.commit()
        assert "push again when it has finished" in app.push(check=False)
        app.celadon("builds:cancel", build)
    finally:
        app.celadon("builds:cancel", check=False)
        pushing.join(60)
    assert "Push failed: the build was cancelled" in outputs[0]
    assert "[remote rejected]" in outputs[0]
    app.wait_for_log("Build cancelled by user admin@localhost")
    app.celadon("buildpacks:clear")
    assert "done, v3" in app.push()


def test_the_output_of_a_build_can_be_followed_by_others(platform: Platform) -> None:
    app = platform.create(sources.web(), "--buildpack", operators(platform, WAITS))
    outputs: list[str] = []
    pushing = threading.Thread(target=lambda: outputs.append(app.push(check=False)))
    pushing.start()
    try:
        build = wait_for("the build runs", lambda: pending(app))
        follower = subprocess.Popen(
            ["bin/celadon", "builds:output", build, "--app", app.name],
            cwd=Path(__file__).parents[2],
            env=platform.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert follower.stdout is not None
        seen = ""
        while "waits for ever" not in seen:
            line = follower.stdout.readline()
            assert line, seen
            seen += line
    finally:
        app.celadon("builds:cancel", check=False)
        pushing.join(60)
    rest, _ = follower.communicate(timeout=30)
    assert "the build was cancelled" in rest
