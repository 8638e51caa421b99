"""Provides the add-on `deployhooks`: a row that says whom to tell. The clock tells them; see actions/deploy_hooks.py."""

from celadon.actions import deploy_hooks
from celadon.actions.context import Context
from celadon.addons.provider import Provided, ProviderRefused, Wanted
from celadon.model.errors import InvalidParams


class DeployHooksProvider:
    """Implements the Provider port."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def provision(self, wanted: Wanted) -> Provided:
        try:
            deploy_hooks.provision(self._context, wanted.addon_id, wanted.app_id, wanted.plan, wanted.options)
        except InvalidParams as error:
            raise ProviderRefused(error.message) from None
        return Provided(provider_id=wanted.addon_id, config={}, message="Deploys are told from now on.")

    def change_plan(self, addon_id: str, provider_id: str, plan: str) -> Provided:
        """Each plan has options of its own, which nobody gives here."""
        raise ProviderRefused(
            f"cannot make another hook of this one: add deployhooks:{plan[:40]} with its options, then destroy this"
        )

    def deprovision(self, addon_id: str, provider_id: str | None) -> None:
        deploy_hooks.deprovision(self._context, addon_id)

    def has(self, addon_id: str) -> bool:
        return deploy_hooks.provisioned(self._context, addon_id)
