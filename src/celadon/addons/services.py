"""Who provides which add-ons: one object for each service that comes with the platform, HTTP for the rest."""

from collections.abc import Mapping

from celadon.actions.context import Context
from celadon.addons.accepted import Accepted
from celadon.addons.http import HttpProvider
from celadon.addons.provider import Provider, ProviderFailed
from celadon.store import addon_services


def built_in(context: Context) -> dict[str, Provider]:
    """Service → its provider. A service of the catalogue without one waits, and is given up after a day."""
    return {
        "ssl": Accepted("Not needed: `celadon certs:auto:enable`, or `celadon certs:add`, is all that TLS takes."),
    }


class Providers:
    """Finds the provider of a service."""

    def __init__(self, context: Context, own: Mapping[str, Provider]) -> None:
        self._context = context
        self._own = own

    def of(self, service: str) -> Provider:
        """Raises ProviderFailed when nobody provides it."""
        if service in self._own:
            return self._own[service]
        with self._context.database.read() as tx:
            known = addon_services.credentials(tx, service)
        if known is None:
            raise ProviderFailed(f"there is no provider of {service} on this platform")
        return HttpProvider(self._context, known)
