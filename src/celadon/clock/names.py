"""Where domains lead: asks DNS, and says in the store whether a domain points here."""

import logging
from concurrent.futures import ThreadPoolExecutor

import dns.exception
import dns.resolver

from celadon.actions import domains
from celadon.actions.context import Context
from celadon.model.domain import WILDCARD
from celadon.platform.settings import Settings

# Of one round, and at once.
_ROUND = 200
_AT_ONCE = 16
# Seconds for all answers about one name.
_LIFETIME = 5.0
# A label under a wildcard that nobody has a record of its own for.
_ANY = "celadon-looks."

log = logging.getLogger(__name__)


class Names:
    """Whether DNS leads domains to this platform."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings

    def ensure(self) -> int:
        """One round over the domains whose turn it is; returns how many have changed."""
        due = domains.to_check(self._context, _ROUND)
        if not due:
            return 0
        # Read anew: a machine's resolvers change with its network.
        resolver = resolver_of(self._settings)
        own = [self._settings.domain, f"{_ANY}{self._settings.domain}"]
        here = set().union(*(addresses(resolver, name) or () for name in own))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(lambda domain: _leads_here(resolver, domain.hostname, here), due))
        return domains.checked(self._context, zip(due, found, strict=True))


def _leads_here(resolver: dns.resolver.Resolver, hostname: str, here: set[str]) -> bool | None:
    """Whether a name has an address of the platform's own names, by a CNAME or by itself; None when that is unknown."""
    name = f"{_ANY}{hostname.removeprefix(WILDCARD)}" if hostname.startswith(WILDCARD) else hostname
    found = addresses(resolver, name)
    return None if found is None or not here else not found.isdisjoint(here)


def addresses(resolver: dns.resolver.Resolver, name: str, lifetime: float = _LIFETIME) -> set[str] | None:
    """Addresses of a name, behind all CNAMEs; None when nobody says whether there are any, each kind within `lifetime`.

    That there are none of one kind says nothing of the other.
    """
    if name == "localhost" or name.endswith(".localhost"):
        # RFC 6761, 6.3: no resolver is asked.
        return {"127.0.0.1", "::1"}
    found: set[str] = set()
    known = True
    for kind in ("A", "AAAA"):
        try:
            found |= {record.to_text() for record in resolver.resolve(f"{name}.", kind, lifetime=lifetime)}
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            pass
        except dns.exception.DNSException as error:
            log.debug("at=resolve name=%s kind=%s error=%r", name, kind, str(error))
            known = False
    return found if found or known else None


def resolver_of(settings: Settings) -> dns.resolver.Resolver:
    """Who is asked: the setting's server, or the host's own resolvers."""
    if not settings.dns_server:
        try:
            return dns.resolver.Resolver()
        except dns.resolver.NoResolverConfiguration as error:
            log.warning("at=resolve error=%r: no domain is seen to lead here", str(error))
            return dns.resolver.Resolver(configure=False)
    address, _, port = settings.dns_server.partition(":")
    found = dns.resolver.Resolver(configure=False)
    found.nameservers, found.port = [address], int(port or 53)
    return found
