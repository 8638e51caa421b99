"""What users get wrong, and what some do on purpose: a clear sentence, and nothing is lost."""

import http.client
import io
import json
import re
import shutil
import tarfile
import time
import uuid
import zipfile
from pathlib import Path

import pytest

from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for
from tests.journeys.internet import Internet
from tests.journeys.test_buildpacks import operators


@pytest.fixture(scope="module")
def app(platform: Platform) -> App:
    """An app that serves; whatever a test pushes to it in vain, it goes on."""
    found = platform.create(sources.web())
    found.push()
    return found


def refused(app: App, output: str, *sentences: str) -> None:
    """The push was refused with these words, and what served before does so still."""
    for sentence in sentences:
        assert sentence in output, output
    assert "[remote rejected] main -> main (" in output
    assert "Traceback" not in output
    assert app.get().status == 200


def test_a_procfile_with_tabs_and_windows_line_ends(platform: Platform) -> None:
    procfile = "\ufeff# processes\r\n\r\nweb:\tpython3 -u server.py\t\r\n \tworker :\tsleep 1000\r\n"
    app = platform.create(sources.web())
    (app.checkout / "Procfile").write_bytes(procfile.encode())
    (app.checkout / ".gitattributes").write_text("* -text\n")
    app.commit()
    assert "Procfile declares types -> web, worker" in app.push()
    assert app.get().status == 200
    app.celadon("ps:scale", "worker=1")
    wait_for("the worker is up", lambda: "worker.1: up" in app.celadon("ps"))


@pytest.mark.parametrize(
    ("procfile", "sentence"),
    [
        ("web: a\nweb: b\n", "cannot read Procfile line 2: process type web is declared twice"),
        ("we b: a\n", "cannot read Procfile line 1: process type 'we b' may have letters, digits, `_` and `-` only"),
        ("web\n", "cannot read Procfile line 1: expected `<process type>: <command>`, got 'web'"),
        ("web:\n", "cannot read Procfile line 1: process type web has no command"),
    ],
)
def test_a_procfile_that_cannot_be_read_refuses_the_push(app: App, procfile: str, sentence: str) -> None:
    before = (app.checkout / "Procfile").read_text()
    app.write("Procfile", procfile)
    app.commit()
    try:
        refused(app, app.push(check=False), f"Push failed: {sentence}")
    finally:
        app.write("Procfile", before)
        app.commit()


def test_a_procfile_without_web(platform: Platform) -> None:
    app = platform.create(sources.web(Procfile="worker: sleep 1000\n"))
    output = app.push()
    assert "v3 is released; it has no web process type" in output
    # The router hears of the release a moment after the push has ended: until then the app is a blank one (H81).
    h14 = 'code=H14 desc="No web processes running"'
    wait_for("requests get H14", lambda: app.get().status == 503 and h14 in app.logs())
    assert "web" in app.celadon("ps:scale", "web=1", check=False)


def test_ten_megabytes_of_environment_are_refused_and_nothing_is_lost(platform: Platform, app: App) -> None:
    app.celadon("config:set", "KEPT=yes")
    token = platform.celadon("auth:token").strip()
    connection = http.client.HTTPConnection("127.0.0.1", platform.ports["http-port"], timeout=60)
    body = json.dumps({f"BIG_{number}": "x" * 100_000 for number in range(100)}).encode()
    headers = {
        "Host": "localhost",
        "Accept": "application/vnd.heroku+json; version=3",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
    }
    connection.request("PATCH", f"/apps/{app.name}/config-vars", body, headers)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    assert 400 <= answer.status < 500, said
    assert "cannot" in said["message"]
    assert "it is longer than 1,024 KB" in said["message"]
    too_much = app.celadon("config:set", f"BIG={'x' * 70_000}", check=False)
    assert "65,536 are allowed" in too_much
    assert json.loads(app.celadon("config", "--json"))["KEPT"] == "yes"
    # What is allowed reaches the dyno, too.
    app.celadon("config:set", f"BIG={'x' * 60_000}")
    wait_for("the new config serves", lambda: "BIG=xxx" in app.get("/env").text)
    app.celadon("config:unset", "BIG")


@pytest.mark.parametrize(
    "name", ["api", "www", "localhost", "Upper", "a", "with_underscore", "-dash", "dot.ted", "../up"]
)
def test_names_that_no_app_can_have(platform: Platform, name: str) -> None:
    said = platform.celadon("create", "--no-remote", "--", name, check=False)
    assert re.search(r"!\s+cannot name an app|must start with a letter", said), said
    assert f"=== {name}" not in platform.celadon("apps")


def test_a_repository_without_commits(platform: Platform) -> None:
    app = platform.create({"README": "x"})
    empty = platform.directory / f"{app.name}-empty"
    platform.run("git", "init", "-q", "-b", "main", empty)
    platform.celadon("git:remote", "--app", app.name, cwd=empty)
    pushed = platform.run("git", "push", "celadon", "main", cwd=empty, check=False)
    assert "src refspec main does not match any" in pushed.stdout
    cloned = platform.run("git", "-C", str(empty), "fetch", "celadon", check=False)
    assert cloned.returncode == 0, cloned.stdout
    # The router hears of an app a moment after it is there: until then nothing has that name (404).
    wait_for("it is known, and blank", lambda: app.get().status == 503)
    assert "H81" in app.wait_for_log("code=H81")


def test_a_python_version_that_does_not_exist_fails_in_seconds_with_those_that_do(platform: Platform) -> None:
    app = platform.create({"Procfile": "web: python app.py\n", "requirements.txt": "broken ==\n"})
    usual, output = timed(app)
    assert "Push rejected" in output, output
    app.write("requirements.txt", "")
    app.write(".python-version", "3.99\n")
    app.commit()
    took, output = timed(app)
    assert "3.99" in output
    assert re.search(r"3\.1[1-4]", output), output
    assert output.count("Push rejected, failed to compile Python app.") == 1
    # A machine that has much else to do needs longer, for what is wrong at first sight as well.
    assert took < max(20, 3 * usual), f"{took:.1f} s, {usual:.1f} s"


def timed(app: App) -> tuple[float, str]:
    """The seconds of a push that fails, and what it says."""
    began = time.monotonic()
    output = app.push(check=False)
    return time.monotonic() - began, output


def test_links_out_of_the_tree_show_nothing_of_the_host(app: App) -> None:
    (app.checkout / "secret").symlink_to(app.platform.home / "secret.key")
    (app.checkout / "up").symlink_to("../../../../../../etc/shadow")
    app.commit()
    app.push()
    said = app.celadon("run", "--", "cat secret up; ls -l /var/lib", check=False)
    assert "No such file or directory" in said
    assert "celadon-test" not in said.partition("total")[2]
    for name in ("secret", "up"):
        (app.checkout / name).unlink()
    procfile = app.checkout / "Procfile"
    for target in (app.platform.home / "settings.toml", Path("../../../etc/passwd"), Path("nowhere"), Path("Procfile")):
        procfile.unlink()
        procfile.symlink_to(target)
        app.commit()
        output = app.push(check=False)
        refused(app, output, "rejected")
        assert "instance" not in output
    # One that stays in the app is as good as a file.
    procfile.unlink()
    procfile.symlink_to("config/Procfile")
    (app.checkout / "config").mkdir()
    app.write("config/Procfile", "web: python3 -u server.py\n")
    app.commit()
    assert "Procfile declares types -> web" in app.push()
    procfile.unlink()
    app.write("Procfile", "web: python3 -u server.py\n")
    app.commit()


@pytest.mark.parametrize("url", ["file:///etc", "ext::sh -c id", "--upload-pack=touch /tmp/x", "/etc"])
def test_submodules_with_bad_addresses_are_refused(app: App, url: str) -> None:
    app.write(".gitmodules", f'[submodule "bad"]\n\tpath = bad\n\turl = {url}\n')
    # An empty directory: what git takes for a submodule that has not been fetched.
    (app.checkout / "bad").mkdir()
    commit = app.platform.run("git", "rev-parse", "HEAD", cwd=app.checkout).stdout.strip()
    app.platform.run("git", "update-index", "--add", "--cacheinfo", f"160000,{commit},bad", cwd=app.checkout)
    app.commit()
    try:
        refused(app, app.push(check=False), "submodule")
    finally:
        app.platform.run("git", "reset", "-q", "--hard", "HEAD~1", cwd=app.checkout)
        shutil.rmtree(app.checkout / "bad", ignore_errors=True)


def test_a_submodule_of_a_real_server_is_fetched(platform: Platform, internet: Internet, tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "version").write_text("from the submodule\n")
    name = f"library-{uuid.uuid4().hex[:8]}"
    internet.repository(name, tmp_path / "library")
    app = platform.create(
        sources.web(**{"server.py": sources.SERVER.replace('open("version")', 'open("lib/version")')})
    )
    platform.run("git", "submodule", "add", "-q", internet.url(f"{name}/.git"), "lib", cwd=app.checkout)
    app.commit()
    assert "Fetching submodule lib" in app.push()
    assert "from the submodule" in app.get().text


# Limits of builds.


def push_narrow(platform: Platform, compile_script: str) -> tuple[App, str]:
    """Push an app whose buildpack runs this script; the app has a release that serves."""
    app = platform.create(sources.web())
    app.push()
    app.celadon(
        "buildpacks:set", operators(platform, {"bin/detect": "#!/bin/sh\necho Greedy\n", "bin/compile": compile_script})
    )
    app.commit()
    return app, app.push(check=False)


def test_a_full_disk_fails_the_build_alone(narrow: Platform) -> None:
    app, output = push_narrow(narrow, '#!/bin/sh\nhead -c 200000000 /dev/urandom >"$1/large" && echo not reached\n')
    refused(
        app, output, "No space left on device", "the buildpack could not compile the app: its disk of 48 MB is full"
    )
    app.celadon("buildpacks:clear")
    app.commit()
    assert "done, v4" in app.push()


def test_a_slug_over_the_limit_is_refused(narrow: Platform) -> None:
    app, output = push_narrow(narrow, '#!/bin/sh\nhead -c 12000000 /dev/urandom >"$1/large"\n')
    refused(app, output, "Push failed: cannot use the slug: the limit is 8MB", ".slugignore")


def test_a_build_that_takes_too_long_is_stopped(narrow: Platform) -> None:
    app, output = push_narrow(narrow, "#!/bin/sh\necho begun\nsleep 1000\n")
    refused(app, output, "begun", "Push failed: the build took longer than 0.5 minutes and was stopped")


def test_a_build_that_needs_too_much_memory_is_stopped(narrow: Platform) -> None:
    greedy = "#!/usr/bin/python3\nkept = [b'x' * 1000000 for _ in range(1000)]\n"
    app, output = push_narrow(narrow, greedy)
    refused(app, output, "memory")
    assert "the build needed more than 160 MB of memory" in output


def bomb(kind: str, directory: Path) -> Path:
    """An archive of some 100 KB that unpacks to 100 MB, in one file or in very many."""
    target = directory / f"{uuid.uuid4().hex}.{kind.partition(' ')[0]}"
    if kind == "tar.gz":
        with tarfile.open(target, "w:gz") as archive:
            entry = tarfile.TarInfo("zeros")
            entry.size = 100_000_000
            archive.addfile(entry, Zeros(entry.size))
    elif kind == "zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed, packed.open("zeros", "w") as zeros:
            for _ in range(100):
                zeros.write(bytes(1_000_000))
    else:
        with tarfile.open(target, "w:gz") as archive:
            for number in range(30_000):
                archive.addfile(tarfile.TarInfo(f"{number % 100}/{number}"))
    return target


class Zeros(io.RawIOBase):
    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int = -1) -> bytes:
        count = min(size if size >= 0 else self._left, self._left)
        self._left -= count
        return bytes(count)


@pytest.mark.parametrize("kind", ["tar.gz", "zip", "tar.gz of many"])
def test_an_archive_that_unpacks_to_more_than_there_is_room_for(
    narrow: Platform, internet: Internet, tmp_path: Path, kind: str
) -> None:
    app = narrow.create(sources.web())
    source = bomb(kind, tmp_path)
    target = internet.directory / source.name.replace("tar.gz of many", "tar.gz")
    shutil.move(source, target)
    output = app.celadon("builds:create", "--source-url", internet.url(target.name), check=False)
    assert "Cannot unpack the source archive." in output
    assert "its disk of 48 MB is full" in output
    assert "v3" not in app.celadon("releases")
    assert "done, v3" in app.push()


def test_an_archive_that_climbs_out_of_its_directory(narrow: Platform, internet: Internet, tmp_path: Path) -> None:
    target = internet.directory / f"{uuid.uuid4().hex}.tar.gz"
    with tarfile.open(target, "w:gz") as archive:
        for name, text in {**sources.web(), "../../celadon/driver.sh": "no", "/tmp/cache/evil": "no"}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, "/tmp/cache"
        archive.addfile(link)
        through = tarfile.TarInfo("out/through")
        archive.addfile(through)
    app = narrow.create(sources.web())
    app.celadon("builds:create", "--source-url", internet.url(target.name), check=False)
    app.celadon(
        "buildpacks:set",
        operators(
            narrow, {"bin/detect": "#!/bin/sh\necho Look\n", "bin/compile": "#!/bin/sh\nfind /tmp/cache /celadon\n"}
        ),
    )
    shown = app.push(check=False)
    assert "Look app detected" in shown
    assert "evil" not in shown
    assert "through" not in shown


def test_an_archive_beyond_the_limit_or_that_is_none(narrow: Platform, internet: Internet) -> None:
    app = narrow.create(sources.web())
    target = internet.directory / f"{uuid.uuid4().hex}.tar.gz"
    target.write_bytes(b"x" * (20 << 20))
    assert "Cannot fetch the source archive" in app.celadon(
        "builds:create", "--source-url", internet.url(target.name), check=False
    )
    target.write_bytes(b"this is no archive")
    assert "Cannot unpack the source archive" in app.celadon(
        "builds:create", "--source-url", internet.url(target.name), check=False
    )
    assert "Cannot fetch the source archive" in app.celadon(
        "builds:create", "--source-url", internet.url("missing.tar.gz"), check=False
    )
    assert "http or https" in app.celadon("builds:create", "--source-url", "file:///etc/passwd", check=False)
