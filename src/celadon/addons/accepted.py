"""Add-ons that apps of old ask for and that nothing has to be made for."""

from celadon.addons.provider import Provided, Wanted


class Accepted:
    """Provides nothing, and says why."""

    def __init__(self, message: str) -> None:
        self._message = message

    def provision(self, wanted: Wanted) -> Provided:
        return Provided(provider_id=wanted.addon_id, config={}, message=self._message)

    def change_plan(self, addon_id: str, provider_id: str, plan: str) -> Provided:
        return Provided(provider_id=provider_id, config=None, message=self._message)

    def deprovision(self, addon_id: str, provider_id: str | None) -> None:
        pass
