"""Images as apps: from archives and registries, run, scaled, rolled back, promoted."""

import contextlib
import datetime
import json
import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from celadon.platform import certificates, settings
from tests import oci, registry
from tests.journeys import internet as outside
from tests.journeys import sources
from tests.journeys.conftest import CELADON, App, Platform, wait_for
from tests.journeys.internet import Internet
from tests.journeys.test_builds import api
from tests.registry import Registry

BUSYBOX = Path("/bin/busybox")


@pytest.fixture(scope="module")
def server() -> bytes:
    return oci.server()


@pytest.fixture(scope="module")
def store(platform: Platform, internet: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A private registry whose certificate is of an authority that the platform trusts: its own."""
    found = settings.load(platform.home)
    pem = certificates.for_hosts(found, [internet.address], datetime.datetime.now(datetime.UTC))
    enter, directory = ("ip", "netns", "exec", internet.name), tmp_path_factory.mktemp("registry")
    with registry.serve(enter, internet.address, pem, found.ca_file, directory) as served:
        for port in (registry.PORT, registry.PLAIN_PORT):
            outside._wait_listening(internet.address, port)
        yield served


def plain(server: bytes, version: str = "one", architecture: str = "amd64", **config: object) -> oci.Image:
    """An image without a shell: a server, and what it says."""

    def fill(layer: oci.tarfile.TarFile) -> None:
        oci.put(layer, "server", server, 0o755)
        oci.put(layer, "version", version)

    told = {"Entrypoint": ["/server"], "Cmd": ["x y"], "Env": ["GREETING=image", "HOME=/data"], "WorkingDir": "/data"}
    return oci.image(fill, architecture=architecture, **{**told, **config})


def with_shell(**labels: str) -> oci.Image:
    """Two layers: busybox with files, and what removes some of them and puts others there."""

    def first(layer: oci.tarfile.TarFile) -> None:
        oci.put(layer, "bin/busybox", BUSYBOX.read_bytes(), 0o4755)
        for name in ("sh", "httpd", "cat", "ls", "id", "sleep", "env", "tail", "stat"):
            oci.link(layer, f"bin/{name}", "/bin/busybox")
        for path in ("www/index.html", "www/old.html", "gone/a", "gone/b", "home/app/x"):
            oci.put(layer, path, f"{path} of the first layer\n")
        oci.put(layer, "etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n")
        oci.put(layer, "etc/shadow", "secret\n", 0)

    def second(layer: oci.tarfile.TarFile) -> None:
        oci.put(layer, "www/index.html", "second\n")
        oci.put(layer, "www/.wh.old.html")
        oci.put(layer, "gone/.wh..wh..opq")
        oci.put(layer, "gone/c", "new\n")

    named = {f"celadon.process.{name}": command for name, command in labels.items()}
    return oci.image(first, second, Labels=named, User="app", Env=["PATH=/bin", "MARK=image", "LANG=C"])


def imported(app: App, image: str | Path, *words: str, check: bool = True) -> str:
    return app.celadon("container:import", str(image), *words, check=check, timeout=300)


def test_an_archive_without_a_shell_is_a_dyno(platform: Platform, server: bytes, tmp_path: Path) -> None:
    app = platform.create(sources.web())
    image = plain(server, Labels={"celadon.process.worker": "/server say worker"}, ExposedPorts={"80/tcp": {}})
    told = imported(app, oci.oci_archive(image, tmp_path / "app.tar"))
    assert "Image declares types -> web, worker" in told and "deployed to Celadon" in told
    assert "Waiting for web.1 of v3... up" in told
    assert "Image exposes 80/tcp; web dynos have to listen at $PORT" in told
    assert f"Imported app.tar@{image.digest}" in app.celadon("releases:info", "v3", "--json")
    found = wait_for("it serves", lambda: (answer := app.get()).status == 200 and answer.text)
    greeting, version, home, here, writes, uid, words = str(found).strip().split("|")
    assert (greeting, version, home, here, writes, words) == ("image", "one", "/data", "/data", "writes", "argv 2")
    assert int(uid.removeprefix("uid ")) > 100_000
    assert "Stack:" in (shown := app.celadon("info")) and "container" in shown
    assert "hello uid " in app.celadon("run", "--", "/server", "say", "hello")
    refused = app.celadon("ps:exec", "--", "/server", "say", "hello", check=False)
    assert "the dyno's image has no /bin/sh" in refused
    # Config vars win over what the image says.
    app.celadon("config:set", "GREETING=config")
    wait_for("it is told", lambda: app.get().text.startswith("config|one|"))
    app.celadon("ps:scale", "web=2", "worker=1")
    wait_for("the worker runs", lambda: "app[worker.1]: worker uid " in app.logs())
    [build] = json.loads(app.celadon("builds", "--json"))
    assert (build["status"], build["image"], build["stack"]) == ("succeeded", "app.tar", "container")
    slug = api(platform, "GET", f"/apps/{app.name}/slugs/{build['slug']['id']}")
    assert slug["image"]["digest"] == image.digest and slug["buildpack_provided_description"] == "Container image"
    assert "env" not in slug["image"] and slug["stack"]["name"] == "container"


def test_an_image_whose_dyno_crashes_is_said_to(platform: Platform, server: bytes, tmp_path: Path) -> None:
    app = platform.create(sources.web())
    image = plain(server, Labels={"celadon.process.web": "/server say goodbye"})
    told = imported(app, oci.oci_archive(image, tmp_path / "app.tar"), check=False)
    assert f"web.1 of v3 crashed (exit status 0); see `celadon logs -a {app.name}`" in told


def test_between_a_push_and_an_image_one_goes_back_and_forth(platform: Platform, server: bytes, tmp_path: Path) -> None:
    app = platform.create(sources.web())
    app.push()
    wait_for("the push serves", lambda: " one " in app.get().text)
    imported(app, oci.oci_archive(plain(server, "two"), tmp_path / "app.tar"))
    wait_for("the image serves", lambda: "|two|" in app.get().text)
    app.celadon("rollback", "v3")
    wait_for("the push serves again", lambda: " one " in app.get().text)
    assert "container" not in app.celadon("info")
    app.celadon("rollback", "v4")
    wait_for("the image serves again", lambda: "|two|" in app.get().text)
    assert "container" in app.celadon("info")
    app.write("version", "three")
    app.commit()
    app.push()
    wait_for("the next push serves", lambda: " three " in app.get().text)
    assert "container" not in app.celadon("info")


def test_an_image_with_a_shell_as_docker_saves_it(platform: Platform, tmp_path: Path) -> None:
    staging, production = platform.create(sources.web()), platform.create({"README": "nothing"})
    name = f"p-{uuid.uuid4().hex[:12]}"
    staging.celadon("pipelines:create", name, "--stage", "staging")
    production.celadon("pipelines:add", name, "--stage", "production")
    image = with_shell(web="exec httpd -f -p $PORT -h /www", release='echo "released with $MARK in $PWD"')
    told = imported(staging, oci.docker_archive(image, tmp_path / "saved"))
    assert "The release command runs before v3 serves" in told
    wait_for("it serves", lambda: staging.get().text == "second\n")
    assert staging.get("/old.html").status == 404
    assert "released with image in /" in staging.celadon("releases:output", "v3")
    script = "ls /gone; cat /etc/shadow; stat -c %a /bin/busybox; echo $HOME $MARK; id -u; cat /etc/resolv.conf"
    said = staging.celadon("run", "--", script).splitlines()[1:]
    assert said[:4] == ["c", "secret", "755", "/home/app image"]
    assert int(said[4]) > 100_000 and said[5].startswith("nameserver ")
    inside = "echo x > /www/index.html; cat /www/index.html; tail -n 1 /etc/passwd"
    assert "x\ndyno:x:" in staging.celadon("ps:exec", "--", inside)
    assert staging.get().text == "x\n"
    # The files of the copy are the target's own.
    staging.celadon("pipelines:promote")
    wait_for("the promoted image serves", lambda: production.get().text == "second\n")
    assert "written" in production.celadon("run", "--", "echo y > /www/index.html && echo written")
    assert "container" in production.celadon("info")


def test_an_image_of_a_private_registry(platform: Platform, store: Registry, server: bytes) -> None:
    app = platform.create(sources.web())
    other = plain(server, "wrong", architecture="arm64")
    digest = store.push("me/app", "1", other, plain(server, "right"))
    image = f"{store.name}/me/app:1"
    refused = imported(app, image, check=False)
    assert "authentication required" in refused and "the image could not be fetched" in refused
    argv = [CELADON, "container:import", image, "--username", registry.USERNAME, "--app", app.name]
    found = subprocess.run(
        argv,
        input=registry.PASSWORD,
        env=platform.env,
        cwd=platform.directory,
        text=True,
        capture_output=True,
        check=True,
    )
    assert f"Fetching {image}" in found.stdout
    wait_for("the image for this machine serves", lambda: "|right|" in app.get().text)
    assert f"Imported {image}@{digest}" in app.celadon("releases:info", "v3", "--json")
    assert registry.PASSWORD not in found.stdout + found.stderr + app.logs()
    assert not any(registry.PASSWORD in text for text in _written(platform.home / "logs"))
    # Behind the end of its build, and of the disk that this was on.
    shown = settings.load(platform.home).run / "builds"
    wait_for("the login that its build had is gone", lambda: not list(shown.iterdir()))
    # As it is in the store it is gone, too.
    assert "authentication required" in imported(app, image, check=False)


def _written(directory: Path) -> Iterator[str]:
    """What is in all files of a directory; those that go meanwhile are passed over."""
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                yield (Path(folder) / name).read_text("utf-8", "replace")


def test_what_cannot_be_fetched_says_why(platform: Platform, store: Registry, server: bytes) -> None:
    app = platform.create(sources.web())
    store.push("me/arm", "1", plain(server, architecture="arm64"))
    login = {"username": registry.USERNAME, "password": registry.PASSWORD}

    def told(image: str) -> str:
        build = api(platform, "POST", f"/apps/{app.name}/images", {"image": image, "login": login})
        return app.celadon("builds:output", build["id"])

    assert "It is for linux/arm64, dynos are linux/amd64" in told(f"{store.name}/me/arm:1")
    assert "manifest unknown" in told(f"{store.name}/me/arm:2")
    # Without TLS nothing is asked, no login least of all.
    assert "server gave HTTP response to HTTPS client" in told(f"{store.plain}/me/arm:1")
    for address in ("127.0.0.1:5000", "169.254.169.254"):
        assert "Import failed: the image could not be fetched" in told(f"{address}/me/arm:1")
    assert "write an image as REGISTRY/REPOSITORY:TAG" in imported(app, "https://x.example/y", check=False)
    assert "No such app" not in app.celadon("builds") and app.celadon("releases").count("Imported") == 0


def test_the_build_role_killed_in_the_middle_of_an_import(platform: Platform, server: bytes, tmp_path: Path) -> None:
    app = platform.create(sources.web())

    def many(layer: oci.tarfile.TarFile) -> None:
        oci.put(layer, "server", server, 0o755)
        for number in range(20_000):
            oci.put(layer, f"many/{number % 100}/{number}", "x")

    archive = oci.oci_archive(oci.image(many, Cmd=["/server"]), tmp_path / "app.tar")
    # Before: to find it may take longer than the unpacking.
    role, before = platform.pids()["build"], set((platform.home / "builds").glob("*.log"))
    running = threading.Thread(target=lambda: imported(app, archive, check=False))
    running.start()

    def unpacks() -> bool:
        # Not by a command: it takes longer than the unpacking.
        logs = set((platform.home / "builds").glob("*.log")) - before
        return any("Unpacking" in log.read_text() for log in logs)

    wait_for("it is being unpacked", unpacks)
    os.kill(role, signal.SIGKILL)
    running.join(120)
    wait_for("it serves", lambda: app.get().status == 200, 90)
    said = app.celadon("builds:output")
    assert "The build was interrupted and starts again" in said and "done, v3" in said
