"""What a container listens at, as the kernel tells it (proc(5), /proc/<pid>/net/tcp)."""

import ipaddress
import struct
from pathlib import Path

_LISTEN = "0A"


def listening(pid: int) -> tuple[tuple[str, int], ...]:
    """Address and port of every TCP socket that listens in the network of this process; empty when it is gone.

    What listens at all IPv6 addresses takes IPv4 too, as Linux has it, and is told as 0.0.0.0.
    """
    found: set[tuple[str, int]] = set()
    for name in ("tcp", "tcp6"):
        try:
            rows = Path(f"/proc/{pid}/net/{name}").read_text("ascii").splitlines()[1:]
        except (FileNotFoundError, ProcessLookupError):
            continue
        for fields in (row.split() for row in rows):
            if fields[3] == _LISTEN:
                address, _, port = fields[1].partition(":")
                found.add((_address(address), int(port, 16)))
    return tuple(sorted(found))


def _address(text: str) -> str:
    # Words of four bytes, each in the machine's order.
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    address = ipaddress.ip_address(packed)
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return "0.0.0.0" if address.is_unspecified else str(address)
