"""git's credential helper: the token of exactly the host that git asks for."""

import os
from typing import TextIO

from celadon.cli.connection import netrc


def reply(operation: str, asked: TextIO, out: TextIO) -> int:
    """Answer `get`; what git wants stored or erased is `celadon login`'s and `logout`'s business."""
    fields = dict(line.rstrip("\n").partition("=")[::2] for line in asked)
    if operation != "get" or fields.get("protocol") != "https":
        return 0
    token = _token(fields.get("host", ""))
    if token:
        out.write(f"username=celadon\npassword={token}\n")
    return 0


def _token(host: str) -> str | None:
    if not host:
        return None
    if key := os.environ.get("CELADON_API_KEY"):
        from celadon.cli import detection

        platform = detection.platform(detection.Options())
        return key if host in (platform.git_host, platform.host) else None
    found = netrc.find(host)
    return found[1] if found else None
