"""Which Java a request means: the rules of lib/find_jdk.py, and its answers without a network."""

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.buildpacks import stack

SCRIPT = stack.BUILDPACKS / "java" / "lib" / "find_jdk.py"
DEBIAN = """\
openjdk-21-jdk-headless 21.0.13+9-1~deb13u2
openjdk-21-jdk-headless 21.0.13.1+2-1~deb13u1
openjdk-25-jdk-headless 25.0.5.1+2-1~deb13u1
openjdk-26-jdk-headless 26~7ea-1
"""


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("find_jdk", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


find_jdk = load()


def ask(source: str, wanted: str, mirror: str = "") -> "subprocess.CompletedProcess[str]":
    # No proxy, and none for names: what asks the internet fails at once.
    env = {"RUNTIME_MIRROR_JAVA": mirror, "https_proxy": "http://127.0.0.1:9"}
    argv = [sys.executable, str(SCRIPT), source, wanted]
    return subprocess.run(argv, input=DEBIAN, env=env, capture_output=True, text=True, check=False, timeout=20)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ("21", (21,)),
        ("21.0.4", (21, 0, 4)),
        ("21.x", (21,)),
        ("1.8", (8,)),
        ("1.8.0_412", (8, 0, 412)),
        ("8u412", (8, 0, 412)),
        ("openjdk-17", (17,)),
        ("zulu-1.8.0_412", (8, 0, 412)),
        ("latest", ()),
        ("newest", None),
        ("21;rm", None),
        ("", None),
    ],
)
def test_a_request_is_what_a_version_begins_with(wanted: str, numbers: tuple[int, ...] | None) -> None:
    assert find_jdk.wanted_numbers(wanted) == numbers


@pytest.mark.parametrize(
    ("wanted", "version"),
    [("21", "21.0.13.1"), ("21.0.13", "21.0.13.1"), ("openjdk-25", "25.0.5.1"), ("latest", "25.0.5.1")],
)
def test_debian_has_it(wanted: str, version: str) -> None:
    package = f"openjdk-{version[:2]}-jdk-headless={version}+2-1~deb13u1"
    assert ask("others", wanted).stdout == f"debian {version} {package} -\n"


@pytest.mark.parametrize(("wanted", "nearest"), [("17", "21.0.13.1"), ("21.0.4", "21.0.13.1"), ("26", "25.0.5.1")])
def test_one_that_cannot_be_had_is_refused_with_the_nearest(wanted: str, nearest: str) -> None:
    found = ask("others", wanted)
    assert (found.returncode, found.stdout) == (1, "")
    assert f"there is no {wanted} here" in found.stderr
    assert f"Nearest that can be had: {nearest}." in found.stderr
    assert f"java.runtime.version={nearest[:2]} into system.properties" in found.stderr


def test_a_mirror_is_a_folder_of_archives_with_their_sums(tmp_path: Path) -> None:
    sums = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("17.0.12", "8u412", "21.0.4")}
    # As sha256sum writes it.
    (tmp_path / "SHA256SUMS").write_text("".join(f"{sums[name]}  jdk-{name}.tar.gz\n" for name in sums))
    mirror = tmp_path.as_uri()
    assert ask("mirror", "21", mirror).stdout == f"mirror 21.0.4 {mirror}/jdk-21.0.4.tar.gz {sums['21.0.4']}\n"
    assert "mirror 17.0.12" in ask("mirror", "17", mirror).stdout
    assert "mirror 8u412" in ask("mirror", "1.8", mirror).stdout
    assert ask("mirror", "11", mirror).returncode == 1
    assert "8u412, 17.0.12, 21.0.4, 21.0.13" in ask("others", "11", mirror).stderr


def test_a_mirror_out_of_reach_is_named() -> None:
    assert "RUNTIME_MIRROR_JAVA cannot be read" in ask("mirror", "21", "http://127.0.0.1:9").stderr
