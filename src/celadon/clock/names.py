"""Where domains lead: asks DNS, and says in the store whether a domain points here."""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import dns.exception
import dns.resolver

from celadon.actions import domains
from celadon.actions.context import Context, now
from celadon.model.domain import WILDCARD, Domain, DomainStatus
from celadon.platform.settings import Settings

# Of one round, and at once.
_ROUND = 200
_AT_ONCE = 16
# Seconds for all answers about one name.
_LIFETIME = 5.0
# One that leads here is looked at again now and then: it may lead elsewhere by then.
_AGAIN = timedelta(hours=1)
# A label under a wildcard that nobody has a record of its own for.
_ANY = "celadon-looks."

log = logging.getLogger(__name__)


class Names:
    """Whether DNS leads domains to this platform."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings
        self._resolver = _resolver(context.settings)

    def ensure(self) -> int:
        """One round over the domains whose turn it is; returns how many have changed."""
        interval = timedelta(seconds=self._settings.domain_check_interval)
        due = domains.due(self._context, now() - interval, DomainStatus.PENDING, _ROUND)
        due += domains.due(self._context, now() - _AGAIN, DomainStatus.SUCCEEDED, _ROUND)
        # Who waits long is asked about less often: every hundredth of its age.
        due = [domain for domain in due if _is_due(domain)]
        if not due:
            return 0
        here = self._addresses(self._settings.domain) | self._addresses(f"{_ANY}{self._settings.domain}")
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(lambda domain: self.leads_here(domain.hostname, here), due))
        return domains.checked(self._context, dict(zip([domain.id for domain in due], found, strict=True)))

    def leads_here(self, hostname: str, here: Iterable[str]) -> bool:
        """Whether a name has an address of the platform's own names, by a CNAME or by itself."""
        name = f"{_ANY}{hostname.removeprefix(WILDCARD)}" if hostname.startswith(WILDCARD) else hostname
        return not self._addresses(name).isdisjoint(here)

    def _addresses(self, name: str) -> set[str]:
        """Addresses of a name, behind all CNAMEs; none when there are none or nobody answers."""
        if name == "localhost" or name.endswith(".localhost"):
            # RFC 6761, 6.3: no resolver is asked.
            return {"127.0.0.1", "::1"}
        found: set[str] = set()
        for kind in ("A", "AAAA"):
            try:
                found |= {record.to_text() for record in self._resolver.resolve(f"{name}.", kind, lifetime=_LIFETIME)}
            except dns.exception.DNSException as error:
                log.debug("at=resolve name=%s kind=%s error=%r", name, kind, str(error))
        return found


def _is_due(domain: Domain) -> bool:
    return domain.checked_at is None or now() - domain.checked_at >= (now() - domain.created_at) / 100


def _resolver(settings: Settings) -> dns.resolver.Resolver:
    if not settings.dns_server:
        return dns.resolver.Resolver()
    address, _, port = settings.dns_server.partition(":")
    found = dns.resolver.Resolver(configure=False)
    found.nameservers, found.port = [address], int(port or 53)
    return found
