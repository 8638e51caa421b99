"""What the script of an import says of an archive before it looks for an image: in the stack image, which has tar too."""

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from tests.buildpacks import stack

import celadon.build

SCRIPT = Path(celadon.build.__file__).with_name("import.sh")
CUT = " !     The archive ends too early: it, or its upload, was cut off."


@pytest.fixture(scope="module")
def archive() -> bytes:
    """A tar of several files that gzip does not make smaller."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as packed:
        for number in range(3):
            entry = tarfile.TarInfo(f"layer-{number}")
            entry.size = 100_000
            packed.addfile(entry, io.BytesIO(os.urandom(entry.size)))
    return written.getvalue()


def read(tmp_path: Path, content: bytes) -> tuple[int, str]:
    """The exit status of an import of this, and what it says."""
    source, disk = tmp_path / "app.tar", tmp_path / "disk"
    source.write_bytes(content)
    source.chmod(0o644)
    disk.mkdir()
    stack.own(disk)
    for parent in (tmp_path, *tmp_path.parents[:-1]):
        parent.chmod(parent.stat().st_mode | 0o011)
    told = {"OUT": "/tmp/out", "SOURCE": "/run/app.tar", "IMAGE": "app.tar"}
    argv = stack.enter_argv(
        {disk: "/tmp", source: "/run/app.tar", SCRIPT: "/run/import.sh"}, "/", ["bash", "/run/import.sh"]
    )
    ran = subprocess.run(argv, env=stack.environment(told), capture_output=True, text=True, check=False, timeout=60)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_an_archive_that_was_cut_off_is_said_to_be(tmp_path: Path, archive: bytes, packed: bool, part: float) -> None:
    whole = gzip.compress(archive) if packed else archive
    status, said = read(tmp_path, whole[: int(len(whole) * part)])
    assert status == 21
    assert CUT in said and "Make it again" in said and "no tar archive" not in said, said


@pytest.mark.parametrize("content", [b"no archive", b"", b"#!/bin/sh\n" * 10_000])
def test_what_is_no_archive_is_not_said_to_be_cut_off(tmp_path: Path, content: bytes) -> None:
    status, said = read(tmp_path, content)
    assert status == 21
    assert " !     It is no tar archive: make one with docker save or skopeo copy." in said and CUT not in said, said


def test_a_whole_archive_is_looked_into(tmp_path: Path, archive: bytes) -> None:
    status, said = read(tmp_path, archive)
    assert status == 21
    assert " !     There is no image in it" in said, said
