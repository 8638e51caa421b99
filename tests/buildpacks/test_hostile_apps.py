"""What an app may have in the files that buildpacks read: each is refused in a sentence, and none shows a login."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.buildpacks import stack

# An @ in a password has to be %40, but people do not know that.
LOGIN = "joe:p@s3cret%21"
DIGITS = "9" * 5000
DEEP = '{"engines": ' + "[" * 100_000
GO_PLATFORM = "linux-amd64" if os.uname().machine == "x86_64" else "linux-arm64"


def said(
    pack: str, script: str, *argv: str, env: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """One of a buildpack's own scripts, as its bin/compile calls it; where it asks the internet, nobody answers."""
    path = stack.BUILDPACKS / pack / "lib" / script
    unreachable = {"http_proxy": "", "https_proxy": "http://127.0.0.1:9"}
    return subprocess.run(
        [sys.executable, "-Ss", str(path), *argv],
        env={"PATH": os.environ["PATH"], **unreachable, **(env or {})},
        input="",
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


class Guarded(BaseHTTPRequestHandler):
    """Answers who knows the login; all paths alike."""

    answer = b""

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == f"Basic {base64.b64encode(b'joe:p@s3cret!').decode()}"
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(self.answer if known else b"")

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def guarded() -> Iterator[ThreadingHTTPServer]:
    """A server that wants a login, which its port is the address of."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Guarded) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def address(server: ThreadingHTTPServer) -> str:
    return f"http://{LOGIN}@127.0.0.1:{server.server_address[1]}/mirror"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (DEEP, "cannot read package.json: maximum recursion depth"),
        (json.dumps({"engines": {"node": DIGITS}}), "is not a version or a range of versions."),
        (json.dumps({"engines": {"node": "1" + " " * 5000 + "!"}}), "is not a version or a range of versions."),
    ],
    ids=["deep", "digits", "blanks"],
)
def test_a_package_json_beyond_all_measure(
    guarded: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, sentence: str
) -> None:
    monkeypatch.setattr(Guarded, "answer", json.dumps({"versions": {"24.1.0": {"dist": {}}}}).encode())
    (tmp_path / "package.json").write_text(text)
    for pack, script in (("nodejs", "plan.py"), ("ruby", "node.py")):
        found = said(pack, script, str(tmp_path), str(tmp_path), env={"NPM_CONFIG_REGISTRY": address(guarded)})
        assert found.returncode == 1
        assert sentence in found.stderr
        assert "Traceback" not in found.stderr


def test_half_a_character_in_package_json_ends_no_build(
    guarded: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Guarded, "answer", json.dumps({"versions": {"24.1.0": {"dist": {}}}}).encode())
    (tmp_path / "package.json").write_text('{"engines": {"node": "24.1.0+\\ud800", "npm": "*"}}')
    found = said("nodejs", "plan.py", str(tmp_path), str(tmp_path), env={"NPM_CONFIG_REGISTRY": address(guarded)})
    assert "NODE_VERSION=24.1.0\n" in found.stdout, found.stderr
    # Neither shown nor kept in the cache.
    assert "s3cret" not in found.stdout + found.stderr + (tmp_path / "toolchain.json").read_text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": ' + "[" * 100_000, "cannot read static.json: maximum recursion depth"),
        ('{"routes": {"/a": "\\ud800"}}', r"cannot use '/\ud800' of static.json."),
        ('{"root": "a\\u0000b"}', r"cannot use 'a\x00b' of static.json."),
        (json.dumps({"root": "a" * 5000}), "root has more than 4000 characters."),
    ],
    ids=["deep", "half", "nul", "long"],
)
def test_a_static_json_that_no_file_could_follow(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / ".heroku" / "static").mkdir(parents=True)
    (tmp_path / "static.json").write_text(text)
    found = said("static", "configure.py", str(tmp_path))
    assert found.returncode == 1
    assert sentence in found.stderr
    assert "Traceback" not in found.stderr


def test_versions_of_go_and_java_with_thousands_of_digits(
    guarded: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Guarded, "answer", f"v0.0.1-go1.24.0.{GO_PLATFORM}\n".encode())
    env = {"GOPROXY": address(guarded)}
    go = said("go", "find_go.py", f"1.{DIGITS}", "the config var GOVERSION", str(tmp_path), env=env)
    java = said("java", "find_jdk.py", "others", DIGITS)
    for found, sentence in ((go, "is not a version of Go"), (java, "is not a version of Java")):
        assert sentence in found.stderr
        assert "Traceback" not in found.stderr
        assert len(found.stderr) < 1000


@pytest.mark.parametrize(
    ("pack", "script", "argv", "variable", "answer"),
    [
        ("go", "find_go.py", ["1.24", "go.mod"], "GOPROXY", f"v0.0.1-go1.24.0.{GO_PLATFORM}\n"),
        ("go", "find_go.py", ["1.24", "go.mod"], "RUNTIME_MIRROR_GO", f"go1.24.0.{GO_PLATFORM}.tar.gz\n"),
        ("java", "find_jdk.py", ["mirror", "21"], "RUNTIME_MIRROR_JAVA", f"{'0' * 64}  jdk-21.0.1.tar.gz\n"),
    ],
)
def test_a_login_in_the_address_of_a_mirror_is_used_and_not_shown(
    guarded: ThreadingHTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    pack: str,
    script: str,
    argv: list[str],
    variable: str,
    answer: str,
) -> None:
    monkeypatch.setattr(Guarded, "answer", answer.encode())
    words = argv if pack == "java" else [*argv, str(tmp_path)]
    found = said(pack, script, *words, env={variable: address(guarded)})
    assert found.returncode == 0, found.stderr
    # curl fetches from it next, with the login; only this line, which no build prints, has it.
    assert address(guarded) in found.stdout
    (tmp_path / "go-release.json").unlink(missing_ok=True)
    refused = said(pack, script, *words, env={"GOPROXY": "off", variable: f"http://{LOGIN}@127.0.0.1:1/mirror"})
    assert refused.returncode == 1
    assert "s3cret" not in refused.stderr


@pytest.mark.parametrize("variable", ["NPM_CONFIG_REGISTRY", "MAVEN_MIRROR_URL"])
def test_an_address_with_a_line_end_is_no_accident_of_ours(tmp_path: Path, variable: str) -> None:
    (tmp_path / "package.json").write_text("{}")
    bad = "http://127.0.0.1:1/mirror\n"
    if variable == "NPM_CONFIG_REGISTRY":
        found = said("nodejs", "plan.py", str(tmp_path), str(tmp_path), env={variable: bad})
    else:
        found = said("java", "find_maven.py", bad, "3.9")
    assert found.returncode == 1
    assert "cannot " in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("gemfile", "lock", "sentence"),
    [
        (b"exit 0\n", b"", "cannot read Gemfile: it ends the program that reads it (exit)."),
        (rb'raise "\xff"', b"", "cannot read Gemfile: it has bytes in it that are not UTF-8 text."),
        (b"", b"GEM\n  specs:\n    \xff (1)\n", "cannot read Gemfile.lock: it has bytes in it"),
    ],
    ids=["exit", "raise", "lock"],
)
def test_a_gemfile_that_is_a_hostile_program(app: stack.App, gemfile: bytes, lock: bytes, sentence: str) -> None:
    (app.source / "Gemfile").write_bytes(gemfile)
    (app.source / "Gemfile.lock").write_bytes(lock)
    built = app.compile("ruby")
    assert built.status == 1
    assert sentence in built.output
    assert "plan.rb" not in built.output
    assert "unbound variable" not in built.output


def test_requirements_that_name_each_other(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r more/one.txt\n-r requirements.txt\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "one.txt").write_text("-c ../requirements.txt\n-r /dev/zero\n-r two.txt\n")
    (tmp_path / "more" / "two.txt").write_text("-r one.txt\n")
    script = f"set -euo pipefail; source {stack.BUILDPACKS}/python/lib/packages.sh; requirement_files requirements.txt"
    found = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=20)
    assert found.stdout.split() == ["requirements.txt", "more/one.txt", "more/two.txt"]


def test_a_login_in_the_address_of_the_mirror_of_python_is_used_and_not_shown(
    guarded: ThreadingHTTPServer, tmp_path: Path
) -> None:
    uv = tmp_path / "uv"
    release = "https://github.com/astral-sh/python-build-standalone/releases/download/20251014/cpython-3.12.4.tar.gz"
    known = [{"version": "3.12.4", "implementation": "cpython", "variant": "default", "url": release}]
    uv.write_text(f"#!/bin/sh\necho '{json.dumps(known)}'\n")
    uv.chmod(0o755)
    words = ["--uv", str(uv), "--wanted=3.12", "--source", ".python-version", "--stack", "3.13.5"]
    words += ["--cached", str(tmp_path)]
    mirror = {"UV_PYTHON_INSTALL_MIRROR": address(guarded)}
    found = said("python", "find_python.py", *words, env=mirror)
    assert found.stdout == f"3.12.4 {address(guarded)}/20251014/cpython-3.12.4.tar.gz\n", found.stderr
    mirror = {"UV_PYTHON_INSTALL_MIRROR": f"http://{LOGIN}@127.0.0.1:1/mirror"}
    refused = said("python", "find_python.py", *words, env=mirror)
    assert refused.returncode == 1
    assert "3.12.4 cannot be fetched from http://127.0.0.1:1/mirror/20251014" in refused.stderr
    assert "s3cret" not in refused.stderr


def test_a_python_version_that_looks_like_an_option(app: stack.App) -> None:
    app.write({"requirements.txt": "", ".python-version": "--stack of `mine`\n"})
    built = app.compile("python", env={"UV_PYTHON_INSTALL_MIRROR": "file:///nowhere"})
    assert "cannot use the Python that .python-version asks for: there is no Python --stack." in built.output


def test_sbt_without_a_properties_file_from_a_mirror_that_a_config_var_names(app: stack.App) -> None:
    app.write({"build.sbt": ""})
    app.config.mkdir()
    (app.config / "MAVEN_MIRROR_URL").write_text(f"http://{LOGIN}@127.0.0.1:1/maven")
    built = app.compile("scala")
    assert "http://127.0.0.1:1/maven/org/scala-sbt/sbt-launch cannot be read" in built.output
    assert "s3cret" not in built.output


def shell(pack: str, files: list[str], script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Runs functions of a buildpack in a folder, as its bin/compile would."""
    sources = "; ".join(f"source {stack.BUILDPACKS}/{pack}/lib/{name}.sh" for name in files)
    words = f"set -euo pipefail; {sources}; BUILD_DIR=$PWD CACHE_DIR=$PWD SCRATCH=$PWD; {script}"
    env = {"PATH": os.environ["PATH"]}
    return subprocess.run(["bash", "-c", words], cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_an_address_of_packages_with_signs_that_sed_knows(tmp_path: Path) -> None:
    (tmp_path / "yarn.lock").write_text('  resolved "https://registry.yarnpkg.com/ms/-/ms-2.1.3.tgz"\n')
    script = "NPM_CONFIG_REGISTRY='https://joe:a&b|c\\\\d@npm.example/'; mkdir x; SCRATCH=x; with_mirrored_lock cat yarn.lock"
    found = shell("nodejs", ["packages"], script, tmp_path)
    assert found.stdout == '  resolved "https://joe:a&b|c\\\\d@npm.example/ms/-/ms-2.1.3.tgz"\n', found.stderr
    (tmp_path / "uv.lock").write_text('registry = "https://pypi.org/simple"\n')
    # What stands in for uv shows the lock that it is given.
    uv = "uv() { cat uv.lock; }; UV=uv; installs_own_code() { false; }; UV_DEFAULT_INDEX='https://joe:a&b|c@pypi.example/simple'"
    found = shell("python", ["packages"], f"{uv}; SCRATCH=x; install_with_uv", tmp_path)
    assert found.stdout.startswith('registry = "https://joe:a&b|c@pypi.example/simple"\n'), found.stderr


def test_half_a_ruby_is_not_kept_when_the_disk_is_full(tmp_path: Path) -> None:
    full = """
      RUBY_WANTED=3.1.4 RUBY_RANGE='= 3.1.4' RUBY_SOURCE=Gemfile RUBY_STRICT=yes RUNTIME_MIRROR_RUBY=http://mirror
      STACK_RUBY=ruby_here; ruby_here() { echo 3.3.0; }; curl() { touch "$SCRATCH/ruby.tgz"; echo 3.1.4; }
      tar() { mkdir -p .heroku/ruby; echo one >.heroku/ruby/one; }; use_ruby() { :; }; dpkg() { echo amd64; }
      own_ruby() { if [[ ${RUBY_ASKED:-} ]]; then echo 3.1.4; else RUBY_ASKED=yes; fi; }
      cp() { mkdir -p "${@: -1}"; echo 'cp: No space left on device' >&2; return 1; }
      choose_ruby"""
    found = shell("ruby", ["output", "layers", "version"], full, tmp_path)
    assert found.returncode != 0, found.stdout
    assert "No space left" in found.stderr, found.stdout + found.stderr
    assert not list((tmp_path / "layers" / "ruby").glob("3.1.4")), "half of it is in the cache"
