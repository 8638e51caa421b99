"""A registry for tests, Debian's own, with TLS and a login; and how images get there."""

import base64
import contextlib
import hashlib
import os
import signal
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import oci

USERNAME, PASSWORD = "me", "pass-word-42"
_HASH = "$2b$04$WPIgERYi7bMk8YH7TuvCJeYuSFMIhlF/dupl0k.0th08fifwadwj2"
_CONFIG = """
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {directory}/data}}}}
http: {{addr: "{address}:{port}", secret: test{tls}}}
auth: {{htpasswd: {{realm: test, path: {directory}/htpasswd}}}}
"""
PORT, PLAIN_PORT = 5000, 5001


@dataclass(frozen=True)
class Registry:
    """`name` is what images in it begin with, `plain` those that are asked for without TLS."""

    address: str
    authority: Path
    directory: Path

    @property
    def name(self) -> str:
        return f"{self.address}:{PORT}"

    @property
    def plain(self) -> str:
        return f"{self.address}:{PLAIN_PORT}"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()

    def push(self, repository: str, tag: str, *images: oci.Image) -> str:
        """One image, or one name for several; returns the digest of what the tag leads to."""
        for image in images:
            for blob in (*image.layers, image.description):
                self._put_blob(repository, blob)
            self._put_manifest(repository, image.digest, image.manifest(), "manifest")
        manifest = images[0].manifest() if len(images) == 1 else oci.index(*images)
        self._put_manifest(repository, tag, manifest, "manifest" if len(images) == 1 else "index")
        return f"sha256:{hashlib.sha256(manifest).hexdigest()}"

    def _put_blob(self, repository: str, blob: bytes) -> None:
        begun = self._ask("POST", f"https://{self.name}/v2/{repository}/blobs/uploads/", b"")
        place = f"{begun}&digest=sha256:{hashlib.sha256(blob).hexdigest()}"
        self._ask("PUT", place, blob, "application/octet-stream")

    def _put_manifest(self, repository: str, reference: str, manifest: bytes, kind: str) -> None:
        url = f"https://{self.name}/v2/{repository}/manifests/{reference}"
        self._ask("PUT", url, manifest, f"application/vnd.oci.image.{kind}.v1+json")

    def _ask(self, method: str, url: str, body: bytes, kind: str = "") -> str:
        login = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": kind, "Content-Length": str(len(body))}
        asked = urllib.request.Request(url, body, headers, method=method)
        trusted = ssl.create_default_context(cafile=str(self.authority))
        with urllib.request.urlopen(asked, context=trusted, timeout=30) as answer:
            return str(answer.headers.get("Location", ""))


@contextlib.contextmanager
def serve(enter: Sequence[str], address: str, pem: str, authority: Path, directory: Path) -> Iterator[Registry]:
    """Serve until the block ends, with and without TLS; `enter` are the words that lead to where the address is."""
    (directory / "pem").write_text(pem)
    (directory / "htpasswd").write_text(f"{USERNAME}:{_HASH}\n")
    tls = f", tls: {{certificate: {directory}/pem, key: {directory}/pem}}"
    programs = []
    with (directory / "log").open("wb") as log:
        try:
            for port, told in ((PORT, tls), (PLAIN_PORT, "")):
                config = directory / f"{port}.yml"
                config.write_text(_CONFIG.format(directory=directory, address=address, port=port, tls=told))
                argv = [*enter, "docker-registry", "serve", str(config)]
                programs.append(subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True))
            yield Registry(address, authority, directory)
        finally:
            for program in programs:
                os.killpg(program.pid, signal.SIGKILL)
                program.wait()
