"""SNI endpoints: the certificates of an app, and for which names each may be served."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SniEndpoint:
    """A certificate of an app, served to those who ask by TLS for one of the domains that point at it.

    `certificate_chain` is PEM, the app's own certificate first. `names` are those it speaks for. `acm` ones are made
    and renewed by the platform, at `renew_at`. `fingerprint` is another one for every other chain. The key is kept apart;
    see store/sni_endpoints.py.
    """

    id: str
    app_id: str
    name: str
    certificate_chain: str
    names: tuple[str, ...]
    expires_at: datetime
    fingerprint: str
    acm: bool
    created_at: datetime
    updated_at: datetime
    renew_at: datetime | None = None


def covers(certified: Iterable[str], hostname: str) -> bool:
    """Whether a certificate of these names speaks for a domain, as browsers have it (RFC 6125, 6.4.3).

    `*.example.com` speaks for names with one label more, and for the domain that is written the same.
    """
    wild = "*." + hostname.partition(".")[2]
    return any(name in (hostname, wild) for name in certified)
