"""Remotes, clones and credentials, with the real git."""

import base64
import dataclasses
import ssl
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.cli.program import Program
from tests.cli.world import World

from celadon.platform import certificates, settings


def fill(program: Program, question: str) -> str:
    done = subprocess.run(
        ["git", "credential", "fill"],
        input=question,
        capture_output=True,
        text=True,
        cwd=program.work,
        env={**program.env, "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "true"},
        check=False,
        timeout=30,
    )
    return done.stdout


@pytest.fixture
def checkout(world: World, celadon: Program) -> Program:
    """Logged in to both doors, in a repository with a commit."""
    celadon.log_in("localhost:8843", "ada@example.com", world.token)
    celadon.repository()
    return celadon


def test_remote_is_added_then_updated(checkout: Program) -> None:
    assert checkout("git:remote", "-a", "example").out == "Git remote celadon added\n"
    assert checkout("git:remote", "-a", "example", "-r", "other").out == "Git remote other added\n"
    assert checkout("git:remote", "-a", "example", "--ssh-git").out == "Git remote celadon updated\n"
    assert checkout.git("remote", "get-url", "celadon") == "ssh://git@localhost:2822/example.git\n"
    assert checkout.git("remote", "get-url", "other") == "https://localhost:8843/example.git\n"


def test_remote_outside_a_repository_is_an_error(world: World, celadon: Program) -> None:
    shown = celadon("git:remote", "-a", "example")
    assert (shown.out, shown.status) == ("", 1)
    assert shown.err == " !    cannot add a git remote: this is no git repository (git init makes one)\n"


def test_git_gets_the_token_for_this_platform_and_for_nothing_else(world: World, checkout: Program) -> None:
    # A helper of the user's own must neither see our token nor answer for us.
    checkout.git("config", "--global", "credential.helper", "!f() { echo password=stale; }; f")
    checkout.log_in("localhost:9999", "x", "other")
    checkout("git:remote", "-a", "example")
    answer = fill(checkout, "protocol=https\nhost=localhost:8843\n\n")
    assert f"username=celadon\npassword={world.token}\n" in answer
    assert world.token not in fill(checkout, "protocol=https\nhost=localhost:9999\n\n")


@pytest.mark.parametrize(
    ("operation", "question", "answered"),
    [
        ("get", "protocol=https\nhost=localhost:8843\n\n", True),
        ("get", "protocol=http\nhost=localhost:8843\n\n", False),
        ("get", "protocol=https\nhost=localhost:88\n\n", False),
        ("get", "protocol=https\nhost=localhost\n\n", False),
        ("get", "protocol=https\n\n", False),
        ("get", "", False),
        ("store", "protocol=https\nhost=localhost:8843\npassword=x\n\n", False),
        ("erase", "protocol=https\nhost=localhost:8843\n\n", False),
    ],
)
def test_credentials_are_for_the_exact_host(
    world: World, checkout: Program, operation: str, question: str, answered: bool
) -> None:
    before = (checkout.home / ".netrc").read_text()
    shown = checkout("git:credentials", operation, input=question)
    assert (shown.out, shown.err, shown.status) == (
        f"username=celadon\npassword={world.token}\n" if answered else "",
        "",
        0,
    )
    assert (checkout.home / ".netrc").read_text() == before


def test_a_token_of_the_environment_goes_to_its_platform_only(world: World, checkout: Program) -> None:
    env = {"CELADON_API_KEY": "from-env"}
    own = checkout("git:credentials", "get", input="protocol=https\nhost=localhost:8843\n\n", env=env)
    assert own.out == "username=celadon\npassword=from-env\n"
    other = checkout("git:credentials", "get", input="protocol=https\nhost=github.com\n\n", env=env)
    assert other.out == ""


def test_settings_are_written_once_however_often_the_remote_is(checkout: Program) -> None:
    for _ in range(2):
        checkout("git:remote", "-a", "example")
    helpers = checkout.git("config", "--get-all", "credential.https://localhost:8843.helper").splitlines()
    assert len(helpers) == 2
    assert helpers[0] == ""
    assert helpers[1].endswith(" git:credentials")
    assert checkout.git("config", "http.https://localhost:8843/.sslCAInfo").endswith("/platform/ca/ca.pem\n")


def test_a_variable_that_would_make_git_distrust_the_platform_is_told(checkout: Program) -> None:
    shown = checkout("git:remote", "-a", "example", env={"GIT_SSL_CAINFO": "/etc/ssl/other.pem"})
    assert shown.out == "Git remote celadon added\n"
    assert shown.err == (
        " !    GIT_SSL_CAINFO is set, and git heeds it before its settings: unset it, or git will not trust "
        "https://localhost:8843/example.git\n"
    )


@pytest.fixture
def door(world: World, tmp_path: Path) -> Iterator[int]:
    """An HTTPS door with the platform's certificate that serves one repository to who has the token."""
    platform = world.context.settings
    (platform.home / "ca").mkdir(exist_ok=True)
    certificates.issue(platform, datetime.now(UTC))
    source = tmp_path / "source"
    subprocess.run(["git", "init", "-q", str(source)], check=True)
    commit = ["git", "-C", str(source), "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty"]
    subprocess.run([*commit, "-m", "one"], check=True)
    bare = tmp_path / "door" / "example.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(source), str(bare)], check=True)
    subprocess.run(["git", "-C", str(bare), "update-server-info"], check=True)

    allowed = "Basic " + base64.b64encode(f"celadon:{world.token}".encode()).decode()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            file = bare.parent / self.path.partition("?")[0].lstrip("/")
            content = b""
            if self.headers.get("Authorization") != allowed:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="Celadon"')
            elif file.is_file():
                self.send_response(200)
                content = file.read_bytes()
            else:
                self.send_response(404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_pem(platform))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


def test_clone_and_fetch_work_with_the_login_and_the_platforms_ca(world: World, celadon: Program, door: int) -> None:
    moved = dataclasses.replace(world.context.settings, https_port=door)
    settings.save(moved)
    celadon.log_in(f"localhost:{door}", "ada@example.com", world.token)
    celadon.env |= {"GIT_TERMINAL_PROMPT": "0", "GIT_SSL_CAINFO": "/no/such/file.pem"}
    object.__setattr__(world.context, "settings", moved)
    shown = celadon("git:clone", "example", "somedir")
    assert shown.out == "Cloning from app 'example'...\n"
    assert shown.err.startswith("Cloning into 'somedir'...\n")
    assert shown.status == 0, shown.err
    celadon.work = celadon.work / "somedir"
    del celadon.env["GIT_SSL_CAINFO"]
    assert celadon.git("log", "--format=%s") == "one\n"
    celadon.git("fetch", "celadon")
    assert "name=example\n" in celadon("info", "-s").out


def test_clone_without_an_app_says_how(celadon: Program) -> None:
    shown = celadon("git:clone")
    assert shown.status == 2
    assert shown.err == " !    Usage: celadon git:clone APP [DIRECTORY]\n !    Must specify APP to clone.\n"


def test_clone_of_an_app_that_is_not_there(world: World, celadon: Program) -> None:
    assert celadon("git:clone", "nothing").err.startswith(" !    Couldn't find that app.")
