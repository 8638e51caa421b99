"""Steps of the build dyno's driver, in the stack image: submodules over real HTTPS, pointers of Git LFS."""

import base64
import functools
import http.server
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests import certified
from tests.buildpacks import stack

import celadon.build

DRIVER = Path(celadon.build.__file__).with_name("driver.sh")
LOGIN = "mabel:s3cret"
_AUTHOR = {f"GIT_{who}_{what}": "Test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


class Page(http.server.SimpleHTTPRequestHandler):
    """Files of a directory; those below `/private` for one who logs in."""

    def do_GET(self) -> None:
        wanted = f"Basic {base64.b64encode(LOGIN.encode()).decode()}"
        if self.path.startswith("/private") and self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Host:
    """A code host: bare repositories as files, over TLS."""

    directory: Path
    trust: Path
    port: int

    def url(self, path: str, login: str = "") -> str:
        return f"https://{login + '@' if login else ''}localhost:{self.port}/{path}"

    def repository(self, path: str, files: dict[str, str], submodules: dict[str, tuple[str, str]] | None = None) -> str:
        """A repository of one commit, whose name is given; `submodules` are path → URL and commit."""
        tree = self.directory.parent / f"tree-{path.replace('/', '-')}"
        tree.mkdir()
        _git(tree, "init", "-q", "-b", "main")
        for name, text in files.items():
            (tree / name).write_text(text)
        for name, (url, commit) in (submodules or {}).items():
            with (tree / ".gitmodules").open("a") as file:
                file.write(f'[submodule "{name}"]\n\tpath = {name}\n\turl = {url}\n')
            # Empty, as git has one that it has not fetched.
            (tree / name).mkdir(parents=True)
            _git(tree, "update-index", "--add", "--cacheinfo", f"160000,{commit},{name}")
        _git(tree, "add", "-A")
        _git(tree, "commit", "-q", "-m", "First")
        bare = self.directory / path
        _git(tree, "clone", "-q", "--bare", str(tree), str(bare))
        _git(bare, "update-server-info")
        return _git(tree, "rev-parse", "HEAD").strip()


def _git(directory: Path, *words: str) -> str:
    argv = ["git", "-C", str(directory), *words]
    return subprocess.run(argv, env={**os.environ, **_AUTHOR}, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    directory = tmp_path / "host"
    directory.mkdir()
    root = certified.issue("A root", ca=True)
    leaf = root.issue("localhost", "localhost")
    chain, trust = tmp_path / "chain.pem", tmp_path / "root.pem"
    chain.write_text(leaf.pem + leaf.key)
    trust.write_text(root.pem)
    trust.chmod(0o644)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    handler = functools.partial(Page, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Host(directory, trust, server.server_address[1])
        server.shutdown()


def fetch(host: Host, tmp_path: Path, url: str, commit: str, path: str = "lib", **env: str) -> tuple[int, str]:
    """Fetch one submodule as a build does; the exit status, and what was said with all files of the build at its end."""
    told = tmp_path / "submodules"
    told.write_text(f"{commit}\t{url}\t{path}\n")
    steps = (
        'mkdir -p "$BUILD_DIR"; . /run/driver.sh; fetch_submodules </run/submodules; narrow; find "$BUILD_DIR" | sort'
    )
    binds = {told: "/run/submodules", host.trust: "/run/root.pem"}
    return run(steps, binds, **{"BUILD_DIR": "/tmp/build", "GIT_SSL_CAINFO": "/run/root.pem", **env})


def run(steps: str, binds: dict[Path, str], **env: str) -> tuple[int, str]:
    """Bash in the stack image, with the driver at hand; its exit status and what was said."""
    ran = subprocess.run(
        stack.enter_argv({DRIVER: "/run/driver.sh", **binds}, "/", ["bash", "-c", steps]),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=stack.environment(env),
        check=False,
        timeout=120,
    )
    return ran.returncode, ran.stdout


def test_a_submodule_and_those_within_it_are_fetched(host: Host, tmp_path: Path) -> None:
    inner = host.repository("team/inner", {"inner.py": "x\n"})
    outer = host.repository("team/outer", {"outer.py": "x\n"}, {"deep/inner": ("../inner", inner)})
    status, said = fetch(host, tmp_path, host.url("team/outer"), outer)
    assert status == 0, said
    assert said.startswith("-----> Fetching submodule lib\n")
    assert "/tmp/build/lib/outer.py\n" in said and "/tmp/build/lib/deep/inner/inner.py\n" in said
    assert "/.git\n" not in said and "/.git/" not in said


def test_a_private_one_is_fetched_with_its_token_which_nobody_reads(host: Host, tmp_path: Path) -> None:
    inner = host.repository("private/inner", {"inner.py": "x\n"})
    outer = host.repository("private/outer", {"outer.py": "x\n"}, {"inner": ("../inner", inner)})
    status, said = fetch(host, tmp_path, host.url("private/outer", LOGIN), outer)
    assert status == 0, said
    assert "/tmp/build/lib/inner/inner.py\n" in said
    for login in ("", "mabel:0ther"):
        status, said = fetch(host, tmp_path, host.url("private/outer", login), outer)
        assert status == 10
        assert f" !     Cannot fetch the submodule lib from {host.url('private/outer')}: " in said
        assert " !     Its URL must be readable without a login, or have a user name and a token in it." in said
        assert "0ther" not in said and "mabel" not in said


@pytest.mark.parametrize("url", ["ssh://git@localhost/x", "file:///etc", "git://localhost/x"])
def test_within_a_submodule_no_other_protocol_is_taken(host: Host, tmp_path: Path, url: str) -> None:
    outer = host.repository("outer", {"outer.py": "x\n"}, {"inner": (url, "1" * 40)})
    status, said = fetch(host, tmp_path, host.url("outer"), outer)
    assert status == 10
    assert (
        f"Cannot fetch what the submodule lib has as submodules: transport '{url.partition(':')[0]}' not allowed"
        in said
    )


def test_a_commit_that_is_not_there_is_told(host: Host, tmp_path: Path) -> None:
    host.repository("outer", {"outer.py": "x\n"})
    status, said = fetch(host, tmp_path, host.url("outer", LOGIN), "1" * 40)
    assert status == 10
    assert f" !     The submodule lib is to be at commit 1111111111, which {host.url('outer')} does not have.\n" in said
    assert "git push --recurse-submodules=on-demand" in said


def test_a_host_with_an_unknown_certificate_or_none_at_all_is_told(host: Host, tmp_path: Path) -> None:
    commit = host.repository("outer", {"outer.py": "x\n"})
    status, said = fetch(host, tmp_path, host.url("outer"), commit, GIT_SSL_CAINFO=str(stack.CA_BUNDLE))
    assert status == 10 and "certificate" in said, said
    status, said = fetch(host, tmp_path, "https://localhost:1/x", commit)
    assert status == 10 and "Cannot fetch the submodule lib from https://localhost:1/x: unable to access" in said


def test_only_what_is_below_the_folder_that_is_built_is_fetched(host: Host, tmp_path: Path) -> None:
    commit = host.repository("outer", {"outer.py": "x\n"})
    status, said = fetch(host, tmp_path, host.url("outer"), commit, "services/api/lib", SOURCE_PATH="services/api")
    assert status == 0 and "/tmp/build/lib/outer.py\n" in said
    status, said = fetch(host, tmp_path, host.url("outer"), commit, "services/api", SOURCE_PATH="services/api")
    assert status == 0 and "/tmp/build/outer.py\n" in said
    status, said = fetch(host, tmp_path, host.url("outer"), commit, "services/apis/lib", SOURCE_PATH="services/api")
    assert status == 15 and "Fetching" not in said


POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"


@pytest.mark.parametrize(("count", "named"), [(1, "0.bin."), (5, "3.bin, data/4.bin."), (7, "4.bin and 2 more.")])
def test_pointers_of_lfs_are_told_with_what_to_do(tmp_path: Path, count: int, named: str) -> None:
    build = tmp_path / "build"
    (build / "data").mkdir(parents=True)
    for n in range(count):
        (build / "data" / f"{n}.bin").write_text(POINTER)
    status, said = run(". /run/driver.sh; tell_lfs_pointers", {build: "/run/build"}, BUILD_DIR="/run/build")
    assert status == 0
    told, *rest = said.splitlines()
    assert told.startswith(" !     Pointers of Git LFS stand in the place of files: data/0.bin") and told.endswith(
        named
    )
    assert "git lfs migrate export" in rest[0]


def test_what_only_speaks_of_lfs_is_no_pointer(tmp_path: Path) -> None:
    build = tmp_path / "build"
    build.mkdir()
    (build / "notes").write_text(f"This is one:\n{POINTER}")
    (build / "short").write_text(POINTER.partition("oid")[0])
    (build / "long").write_text(POINTER + "x" * 1024)
    (build / "link").symlink_to("/run/other")
    (build / "empty").write_text("")
    other = tmp_path / "other"
    other.write_text(POINTER)
    binds = {build: "/run/build", other: "/run/other"}
    assert run(". /run/driver.sh; tell_lfs_pointers", binds, BUILD_DIR="/run/build") == (0, "")
