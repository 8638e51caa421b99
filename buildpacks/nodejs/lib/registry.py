"""The npm registry: which versions of a package there are, and fetching one. Every wait is bounded.

What only a fetch needs is imported there: most builds fetch nothing, and the imports would cost them 30 ms.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

CONNECT_SECONDS = 10
_ABBREVIATED = "application/vnd.npm.install-v1+json"
_LOGIN = re.compile(r"^(https?://)([^/]*)@")


class RegistryError(Exception):
    """The registry cannot be reached or has not what was asked for; the message says which."""


def address() -> str:
    """The registry's URL, without the login that may be in it: this one may be shown and kept."""
    return _LOGIN.sub(r"\1", _configured())


def _configured() -> str:
    named = os.environ.get("NPM_CONFIG_REGISTRY", "").strip()
    return (named or "https://registry.npmjs.org").rstrip("/")


def _login() -> str:
    """How the registry is told who asks; empty where its URL holds no login."""
    import base64
    import urllib.parse

    found = _LOGIN.match(_configured())
    return f"Basic {base64.b64encode(urllib.parse.unquote_to_bytes(found[2])).decode()}" if found else ""


def versions(package: str) -> dict[str, dict[str, Any]]:
    """All versions of a package, by number. Raises RegistryError."""
    import http.client
    import urllib.parse
    import urllib.request

    url = f"{address()}/{urllib.parse.quote(package, safe='@')}"
    request = urllib.request.Request(url, headers={"Accept": _ABBREVIATED})
    if login := _login():
        request.add_unredirected_header("Authorization", login)
    try:
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as response:
            found: dict[str, dict[str, Any]] = json.load(response)["versions"]
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        raise RegistryError(f"cannot read the versions of {package} from {url}: {error}") from None
    return found


def fetch(manifest: dict[str, Any], folder: Path) -> None:
    """Unpack a version into a folder, without the archive's top level. Raises RegistryError."""
    import subprocess

    url = manifest["dist"]["tarball"]
    folder.mkdir(parents=True)
    archive = folder / "archive.tgz"
    command = ["curl", "--silent", "--show-error", "--fail", "--location", "--retry", "2"]
    command += ["--connect-timeout", str(CONNECT_SECONDS), "--speed-limit", "1000", "--speed-time", "20"]
    # By standard input, for anybody may read a command line; and to nobody but the registry itself.
    login = _login() if url.startswith(f"{address()}/") else ""
    told = f'header = "Authorization: {login}"\n' if login else ""
    command += ["--config", "-", "--output", str(archive), url]
    ran = subprocess.run(command, input=told, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RegistryError(f"cannot fetch {url}: {ran.stderr.strip()}")
    if not _intact(archive, manifest["dist"]):
        raise RegistryError(f"cannot use {url}: its hash is not the one that the registry names")
    unpack = ["tar", "-xzf", str(archive), "-C", str(folder), "--strip-components=1", "--no-same-owner"]
    subprocess.run(unpack, check=True)
    archive.unlink()


def _intact(archive: Path, dist: dict[str, Any]) -> bool:
    import base64
    import hashlib

    digest = str(dist.get("integrity", "")).split(" ")[0]
    if digest:
        kind, _, expected = digest.partition("-")
        return base64.b64encode(hashlib.new(kind, archive.read_bytes()).digest()).decode() == expected
    return hashlib.sha1(archive.read_bytes(), usedforsecurity=False).hexdigest() == str(dist.get("shasum"))
