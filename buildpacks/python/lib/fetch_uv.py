"""Fetch the uv program from the package index, for stacks that do not have it: `fetch_uv.py FOLDER`."""

import hashlib
import json
import os
import platform
import stat
import sys
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

SECONDS = 30


def newest_wheel(index: str) -> tuple[str, str]:
    """URL and SHA-256 of the newest final release's wheel for this machine."""
    page = f"{index.rstrip('/')}/uv/"
    request = urllib.request.Request(page, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(request, timeout=SECONDS) as response:
        files = json.load(response)["files"]
    fits = [
        file
        for file in files
        if "manylinux" in file["filename"]
        and platform.machine() in file["filename"]
        and file["filename"].split("-")[1].replace(".", "").isdigit()
        and not file.get("yanked")
    ]
    newest = max(fits, key=lambda file: tuple(int(part) for part in file["filename"].split("-")[1].split(".")))
    return urllib.parse.urljoin(page, newest["url"]), newest["hashes"]["sha256"]


def main(folder: Path) -> int:
    index = os.environ.get("UV_DEFAULT_INDEX") or "https://pypi.org/simple"
    try:
        url, digest = newest_wheel(index)
        wheel, _ = urllib.request.urlretrieve(url)
    except (OSError, KeyError, ValueError) as error:
        print(f" !     cannot fetch uv from {index}: {error}", file=sys.stderr)
        return 1
    if hashlib.sha256(Path(wheel).read_bytes()).hexdigest() != digest:
        print(f" !     cannot use {url}: its hash is not the index's", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        member = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
        (folder / "uv").write_bytes(archive.read(member))
    (folder / "uv").chmod(stat.S_IRWXU)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
