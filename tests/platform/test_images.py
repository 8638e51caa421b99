"""Images: names from recipes, the trust store, and (long) real builds that are killed."""

import dataclasses
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from celadon.platform import certificates, images, mounts, options, recipes, trust
from celadon.platform.failure import PlatformFailure
from celadon.platform.settings import Settings


def test_changed_recipe_is_another_image() -> None:
    changed = dataclasses.replace(recipes.SERVICES, packages=(*recipes.SERVICES.packages, "curl"))
    assert changed.directory != recipes.SERVICES.directory
    assert changed.directory.startswith("services-")


def test_missing_image_is_refused_with_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(PlatformFailure, match="bin/up"):
        images.path(Settings(home=tmp_path, images=tmp_path), "cedar")


def test_stack_image_has_what_buildpacks_expect() -> None:
    root = images.path(options.from_environment(), "cedar")
    programs = "make gcc curl git unzip zip jq xz zstd ssh python3 file rsync bash pg_config ps"
    missing = [name for name in programs.split() if not (root / "usr/bin" / name).exists()]
    assert missing == []
    assert not (root / "usr/bin/node").exists()
    assert "trixie main" in (root / "etc/apt/sources.list").read_text()


def test_image_knows_neither_the_name_nor_the_resolvers_of_its_host() -> None:
    root = images.path(options.from_environment(), "services")
    assert (root / "etc/resolv.conf").read_text() == ""
    assert (root / "etc/hostname").read_text() == "localhost\n"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A writable view of the services image."""
    lower = images.path(options.from_environment(), "services")
    upper, work, merged = (tmp_path / name for name in ("upper", "work", "merged"))
    for directory in (upper, work, merged):
        directory.mkdir()
    layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(merged)], check=True)
    yield merged
    mounts.unmount_below(merged)


def trusts(root: Path, authority: Path) -> bool:
    store = ssl.create_default_context(cafile=str(root / "etc/ssl/certs/ca-certificates.crt"))
    return ssl.PEM_cert_to_DER_cert(authority.read_text("ascii")) in store.get_ca_certs(binary_form=True)


def test_authority_of_the_host_enters_and_leaves_the_trust_store_with_the_hosts_bundle(
    root: Path, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "home")
    certificates.issue(settings, datetime.now(UTC))
    system = Path("/etc/ssl/certs/ca-certificates.crt").read_text("ascii")
    bundle = tmp_path / "bundle.crt"
    bundle.write_text(f"{system}\n{settings.ca_file.read_text('ascii')}")
    before = trust.fingerprint(bundle)
    assert trust.add_certificates(root, bundle) >= 1
    assert trusts(root, settings.ca_file)
    bundle.write_text(system)
    assert trust.fingerprint(bundle) != before
    trust.add_certificates(root, bundle)
    assert not trusts(root, settings.ca_file)


def test_mounts_below_a_directory_are_found_by_their_real_names(tmp_path: Path) -> None:
    inner = tmp_path / "with space"
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(inner)], check=True)
    assert mounts.below(tmp_path) == [inner]
    mounts.unmount_below(tmp_path)
    assert mounts.below(tmp_path) == []


BUILD = """
import sys
from pathlib import Path
from celadon.platform import images
from celadon.platform.settings import Settings
print(images.build(Settings(home=Path("/nowhere"), images=Path(sys.argv[1])), "services"), flush=True)
"""


def start_build(cache: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", BUILD, str(cache)], stdout=subprocess.PIPE)


@pytest.mark.long
def test_killed_build_leaves_no_image_and_the_next_one_succeeds(tmp_path: Path) -> None:
    with start_build(tmp_path) as build:
        partial = tmp_path / f".{recipes.SERVICES.directory}.partial" / "rootfs" / "usr"
        deadline = time.monotonic() + 60
        while not partial.exists():
            assert time.monotonic() < deadline and build.poll() is None
            time.sleep(0.05)
        os.kill(build.pid, signal.SIGKILL)
    settings = Settings(home=tmp_path, images=tmp_path)
    assert not images.present(settings, "services")
    assert mounts.below(tmp_path) == []
    assert images.build(settings, "services")
    assert images.path(settings, "services").is_dir()


@pytest.mark.long
def test_simultaneous_builds_build_once(tmp_path: Path) -> None:
    def run(_: int) -> bytes:
        with start_build(tmp_path) as build:
            return build.communicate()[0].strip()

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(run, range(2))) == [b"False", b"True"]
