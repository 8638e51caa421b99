"""Fetch a Go toolchain, check its hash and unpack it without what no build reads: `fetch_go.py VERSION URL FOLDER`.

A module's hash is the one in the checksum database (GOSUMDB); an archive's stands beside it (`.sha256`) or in the list of
its mirror.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import find_go

SECONDS = 20
_DATABASE = "sum.golang.org"


class FetchError(Exception):
    """The toolchain cannot be had, or is not what it should be; the message says which."""


def download(url: str, target: Path) -> None:
    """Every wait is bounded. Raises FetchError."""
    command = ["curl", "--silent", "--show-error", "--fail", "--location", "--retry", "2", "--connect-timeout", "10"]
    command += ["--speed-limit", "1000", "--speed-time", "20", "--output", str(target), url]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise FetchError(f"cannot fetch {find_go.shown(url)}: {ran.stderr.strip()}")


def read(url: str) -> str:
    with find_go.opened(url, SECONDS) as response:
        text: str = response.read().decode("utf-8", "replace")
    return text


def needed(path: PurePosixPath) -> bool:
    """Whether a build can read this file of a toolchain (a path below its root). Raises FetchError on a way out of it."""
    if path.is_absolute() or ".." in path.parts:
        raise FetchError(f"cannot use the toolchain: it holds a file outside of itself, {path}")
    return not (
        path.parts[0] in ("api", "doc", "misc", "test") or "testdata" in path.parts or path.name.endswith("_test.go")
    )


def unpack_module(archive: Path, version: str, folder: Path) -> str:
    """Unpack a module's zip; returns its `h1:` hash, which is one over the hashes of all files."""
    prefix = f"golang.org/toolchain@v0.0.1-go{version}.{find_go.PLATFORM}/"
    hashes: list[str] = []
    with zipfile.ZipFile(archive) as opened:
        for name in sorted(opened.namelist()):
            content = opened.read(name)
            hashes.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
            path = PurePosixPath(name.removeprefix(prefix))
            if needed(path):
                _write(folder / path, content)
    return "h1:" + base64.b64encode(hashlib.sha256("".join(hashes).encode()).digest()).decode()


def _write(path: Path, content: bytes) -> None:
    # A module cannot hold another one, nor files that may be run: its go.mod files have another name inside.
    if path.name == "_go.mod":
        path = path.with_name("go.mod")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if content.startswith(b"\x7fELF") and path.suffix != ".syso":
        path.chmod(0o755)


def unpack_archive(archive: Path, folder: Path) -> str:
    """Unpack a tar archive; returns its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as opened:
        for member in opened:
            path = PurePosixPath(member.name.removeprefix("go/"))
            if member.name.startswith("go/") and path.parts and needed(path):
                member.name = str(path)
                opened.extract(member, folder, filter="data")
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def database_hash(url: str) -> str:
    """What the checksum database says about a module's zip; empty where the app has switched the database off."""
    setting = os.environ.get("GOSUMDB", _DATABASE).split() or [_DATABASE]
    if setting[0] == "off":
        return ""
    name = setting[0].partition("+")[0]
    proxy, _, file = url.partition("/golang.org/toolchain/@v/")
    release = file.removesuffix(".zip")
    own = setting[1].rstrip("/") if len(setting) > 1 else f"https://{name}"
    for base in (f"{proxy}/sumdb/{name}", own):
        try:
            text = read(f"{base}/lookup/golang.org/toolchain@{release}")
        except (OSError, ValueError):
            continue
        found = re.search(rf"^golang\.org/toolchain {re.escape(release)} (h1:\S+)$", text, re.MULTILINE)
        if found:
            return found[1]
    asked = f"neither {find_go.shown(proxy)} nor {find_go.shown(own)} gives its hash (GOSUMDB=off builds without)"
    raise FetchError(f"cannot check {find_go.shown(url)}: {asked}")


def listed_hash(url: str) -> str:
    """The SHA-256 of an archive, from the file beside it or from go.dev's list. Raises FetchError."""
    base, _, file = url.rpartition("/")
    try:
        found = re.match(r"[0-9a-f]{64}\b", read(f"{url}.sha256"))
        if found:
            return found[0]
    except (OSError, ValueError):
        pass  # go.dev itself has no such file: its list names the hashes.
    try:
        for release in json.loads(read(f"{base}/?mode=json&include=all")):
            for entry in release["files"]:
                if entry["filename"] == file:
                    return str(entry["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # Said below, for both.
    raise FetchError(f"cannot check {find_go.shown(url)}: the mirror has no {file}.sha256 beside it; put it there")


def fetch(version: str, url: str, folder: Path) -> None:
    """Raises FetchError."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    archive = folder / "archive"
    if url.endswith(".zip"):
        expected = database_hash(url)
        download(url, archive)
        found = unpack_module(archive, version, folder)
        if not expected:
            print(f"Unchecked, because GOSUMDB=off: {found}")
    else:
        expected = listed_hash(url)
        download(url, archive)
        found = unpack_archive(archive, folder)
    if expected and found != expected:
        raise FetchError(f"cannot use {find_go.shown(url)}: its hash is {found}, and should be {expected}")
    archive.unlink()


def main() -> int:
    try:
        fetch(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    except (FetchError, OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        print(f" !     {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
