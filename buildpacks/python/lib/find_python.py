"""Say which Python release a request means and where it is fetched from: prints `VERSION URL`.

A version that does not exist or cannot be fetched fails at once, naming those that can be had.
"""

import argparse
import base64
import http.client
import json
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

# uv's own prefix, which UV_PYTHON_INSTALL_MIRROR takes the place of.
RELEASES = re.compile(r"^https://[^ ]+?/python-build-standalone/releases/download")
PROBE_SECONDS = 4
_LOGIN = re.compile(r"^(https?://)([^/]*)@")


def known_releases(uv: str) -> dict[str, str]:
    """All final CPython releases that uv can install on this machine, newest first: version to URL."""
    listed = subprocess.run(
        [uv, "python", "list", "--all-versions", "--only-downloads", "--no-config", "--output-format", "json"],
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "manual"},
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    if listed.returncode:
        return {}
    final = [
        item
        for item in json.loads(listed.stdout)
        if item["implementation"] == "cpython" and item["variant"] == "default" and item["version"].count(".") == 2
    ]
    releases = {item["version"]: item["url"] for item in final if item["version"].replace(".", "").isdigit()}
    return dict(sorted(releases.items(), key=lambda pair: order(pair[0]), reverse=True))


def order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def newest_match(wanted: str, releases: dict[str, str]) -> str | None:
    prefix = re.sub(r"(\.[x*])+$", "", wanted)
    return next((version for version in releases if version == prefix or version.startswith(prefix + ".")), None)


def mirrored(url: str) -> str:
    mirror = os.environ.get("UV_PYTHON_INSTALL_MIRROR")
    return RELEASES.sub(mirror.rstrip("/"), url) if mirror else url


def shown(url: str) -> str:
    """The URL without the login that may be in it."""
    return _LOGIN.sub(r"\1", url)


def can_be_fetched(url: str) -> bool:
    if url.startswith("file:"):
        return Path(urllib.request.url2pathname(url.removeprefix("file://"))).exists()
    request = urllib.request.Request(shown(url), method="HEAD")
    if login := _LOGIN.match(url):
        words = base64.b64encode(urllib.parse.unquote_to_bytes(login[2])).decode()
        request.add_unredirected_header("Authorization", f"Basic {words}")
    try:
        with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
            return True
    except (OSError, ValueError, http.client.HTTPException):
        return False


def newest_of_each_series(releases: dict[str, str]) -> list[str]:
    newest: dict[str, str] = {}
    for version in releases:
        newest.setdefault(version.rpartition(".")[0], version)
    return list(newest.values())


def refuse(reason: str, *, source: str, can_be_had: list[str]) -> int:
    print(f" !     cannot use the Python that {source} asks for: {reason}", file=sys.stderr)
    print(f" !     Versions that can be had here: {', '.join(can_be_had)}.", file=sys.stderr)
    print(f" !     Name one of them in {source}, commit and push again.", file=sys.stderr)
    return 1


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("uv", "wanted", "source", "stack", "cached"):
        parser.add_argument(f"--{name}", required=True)
    asked = parser.parse_args()
    cached = sorted((path.name for path in Path(asked.cached).glob("[0-9]*")), key=order, reverse=True)
    here = [f"{asked.stack} (the stack's own)", *cached]
    releases = known_releases(asked.uv)
    version = newest_match(asked.wanted, dict.fromkeys(cached, "") | releases)
    if version is None:
        newest = next(iter(releases.values()), "")
        more = newest_of_each_series(releases) if newest and can_be_fetched(mirrored(newest)) else []
        here += [other for other in more if other not in cached]
        return refuse(f"there is no Python {asked.wanted[:100]}.", source=asked.source, can_be_had=here)
    url = mirrored(releases.get(version, ""))
    if version not in cached and not can_be_fetched(url):
        return refuse(f"{version} cannot be fetched from {shown(url)}.", source=asked.source, can_be_had=here)
    print(version, url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
