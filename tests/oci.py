"""Images for tests, made by hand: layers that no builder would make, and archives as Docker and others write them."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.buildpacks import stack

_OCI = "application/vnd.oci.image"
_SERVER = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "say")) { printf("%s uid %d\n", argc > 2 ? argv[2] : "", getuid()); return 0; }
  struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(getenv("PORT")))};
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 64)) return 1;
  for (;;) {
    char asked[4096], said[4096], text[1024] = "";
    int peer = accept(listener, 0, 0);
    if (read(peer, asked, sizeof asked) < 1) { close(peer); continue; }
    FILE *file = fopen("/version", "r");
    if (file) { text[fread(text, 1, sizeof text - 1, file)] = 0; fclose(file); }
    const char *greeting = getenv("GREETING"), *home = getenv("HOME");
    char body[2048], here[256] = "";
    getcwd(here, sizeof here);
    FILE *own = fopen("/written", "w");
    snprintf(body, sizeof body, "%s|%s|%s|%s|%s|uid %d|argv %d\n", greeting ? greeting : "", text, home ? home : "", here,
      own ? "writes" : "cannot write", getuid(), argc);
    if (own) fclose(own);
    snprintf(said, sizeof said, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", strlen(body), body);
    write(peer, said, strlen(said));
    close(peer);
  }
}
"""

Fill = Callable[[tarfile.TarFile], None]


def server() -> bytes:
    """A web server that needs nothing beside itself; it says what it sees of its dyno. The stack's compiler makes it."""
    words = ["bash", "-c", "gcc -static -w -O1 -o /tmp/server -x c - && cat /tmp/server"]
    argv = stack.enter_argv({}, "/tmp", words)
    return subprocess.run(argv, input=_SERVER.encode(), stdout=subprocess.PIPE, check=True).stdout


def put(layer: tarfile.TarFile, path: str, content: bytes | str = b"", mode: int = 0o644) -> None:
    """A file of a layer."""
    member = tarfile.TarInfo(path)
    raw = content.encode() if isinstance(content, str) else content
    member.size, member.mode = len(raw), mode
    layer.addfile(member, io.BytesIO(raw))


def link(layer: tarfile.TarFile, path: str, to: str, kind: bytes = tarfile.SYMTYPE) -> None:
    member = tarfile.TarInfo(path)
    member.type, member.linkname = kind, to
    layer.addfile(member)


def device(layer: tarfile.TarFile, path: str, major: int = 8, minor: int = 0) -> None:
    member = tarfile.TarInfo(path)
    member.type, member.devmajor, member.devminor = tarfile.BLKTYPE, major, minor
    layer.addfile(member)


@dataclass(frozen=True)
class Image:
    """An image of gzipped layers; `config` is what goes below `config` of its description."""

    layers: tuple[bytes, ...]
    config: Mapping[str, object]
    architecture: str = "amd64"

    @property
    def description(self) -> bytes:
        diffs = [f"sha256:{hashlib.sha256(gzip.decompress(layer)).hexdigest()}" for layer in self.layers]
        whole = {"architecture": self.architecture, "os": "linux", "config": dict(self.config)}
        return json.dumps({**whole, "rootfs": {"type": "layers", "diff_ids": diffs}}).encode()

    def manifest(self) -> bytes:
        layers = [{"mediaType": f"{_OCI}.layer.v1.tar+gzip", **described(layer)} for layer in self.layers]
        config = {"mediaType": f"{_OCI}.config.v1+json", **described(self.description)}
        kind = {"schemaVersion": 2, "mediaType": f"{_OCI}.manifest.v1+json"}
        return json.dumps({**kind, "config": config, "layers": layers}).encode()

    @property
    def digest(self) -> str:
        return str(described(self.manifest())["digest"])


def image(*fills: Fill, architecture: str = "amd64", **config: object) -> Image:
    """An image with a layer for each of `fills`, which put files into it."""
    return Image(tuple(map(layer, fills)), config, architecture)


def layer(fill: Fill) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as packed:
        fill(packed)
    return gzip.compress(raw.getvalue(), 6, mtime=0)


def described(blob: bytes) -> dict[str, object]:
    return {"digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


def index(*images: Image) -> bytes:
    """One name for images of several architectures."""
    entries = [
        {
            "mediaType": f"{_OCI}.manifest.v1+json",
            "platform": {"os": "linux", "architecture": one.architecture},
            **described(one.manifest()),
        }
        for one in images
    ]
    kind = {"schemaVersion": 2, "mediaType": f"{_OCI}.index.v1+json"}
    return json.dumps({**kind, "manifests": entries}).encode()


def oci_archive(found: Image, target: Path) -> Path:
    """As `skopeo copy … oci-archive:FILE` writes it."""
    with tarfile.open(target, "w") as packed:
        put(packed, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}))
        put(packed, "index.json", index(found))
        for blob in (*found.layers, found.description, found.manifest()):
            put(packed, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
    return target


def docker_archive(found: Image, target: Path) -> Path:
    """As `docker save` has written it for years."""
    config = f"{hashlib.sha256(found.description).hexdigest()}.json"
    names = [f"{number}/layer.tar" for number, _ in enumerate(found.layers)]
    with tarfile.open(target, "w") as packed:
        put(packed, config, found.description)
        for name, blob in zip(names, found.layers, strict=True):
            put(packed, name, gzip.decompress(blob))
        put(packed, "manifest.json", json.dumps([{"Config": config, "RepoTags": ["test:latest"], "Layers": names}]))
    return target
