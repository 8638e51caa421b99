"""Where the platform may send what its users want sent: to strangers on the internet, not to its own network."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from celadon.model.errors import InvalidParams

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST = 2000
_URL = re.compile(r"^https?://[!-~]+\Z", re.IGNORECASE)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"^(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?\Z", re.IGNORECASE)
# IPv6 addresses that stand for an IPv4 one in their last bits (RFC 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What lists of the world's special addresses of some years do not have, or what leads through others' relays: IPv4 in
# IPv6, NAT64 within a network, Teredo, 6to4 and its relay, site-local.
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10", "192.0.0.0/24", "192.88.99.0/24"),
        # Of documentation, of ORCHID, and what Azure's machines ask about themselves.
        *("3fff::/20", "2001:20::/28", "168.63.129.16/32"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """An URL in parts. `host` is a name or an address without brackets; `path` has the query."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def address(self) -> Address | None:
        """The address when it is written as one."""
        return _address(self.host)

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def parse(url: str) -> Destination:
    """An http or https URL without user and password; raises InvalidParams, which does not repeat what may be secret."""
    if len(url) > _LONGEST or not _URL.match(url):
        raise InvalidParams(
            f"cannot send to that URL: give one that begins with http:// or https://, of at most {_LONGEST} ASCII characters"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidParams("cannot send to that URL: its host or its port cannot be read") from None
    if "@" in parts.netloc:
        raise InvalidParams(
            "cannot send to an URL with a user or password in it: use the Authorization header for them"
        )
    if _address(host) is None and (not _HOST.match(host) or _numeric(host)):
        raise InvalidParams(f"cannot send to {host[:80]!r}: it is neither a host name nor an address")
    if port == 0:
        raise InvalidParams("cannot send to port 0: a port is from 1 to 65535")
    secure = parts.scheme.lower() == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(secure=secure, host=host, port=port or (443 if secure else 80), path=path)


def _address(host: str) -> Address | None:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    return None if "%" in host else found


def _numeric(host: str) -> bool:
    """`2130706433` and `0x7f.1`, which resolvers of old take for addresses."""
    last = host.rstrip(".").rpartition(".")[2].lower()
    return last.isdecimal() or bool(re.match(r"0x[0-9a-f]*\Z", last))


def networks(text: str) -> tuple[Network, ...]:
    """Networks as a setting has them, `10.1.0.0/16,fd00::/8`; raises ValueError."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def allowed(address: Address, private: Sequence[Network]) -> bool:
    """Whether something may be sent there: an address of the internet, or one of the private ones that are allowed."""
    plain = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if within(address, (_NAT64,)) else address
    if within(plain, private):
        return True
    special = plain.is_multicast or plain.is_reserved or within(plain, _REFUSED)
    return plain.is_global and not special


def within(address: Address, some: Sequence[Network]) -> bool:
    """Whether it is of one of these networks."""
    return any(address.version == network.version and address in network for network in some)
