"""Provides the add-on `scheduler`: a row that jobs hang on. The clock runs them; see actions/scheduler_jobs.py."""

from celadon.actions import scheduler_jobs
from celadon.actions.context import Context
from celadon.addons.provider import Provided, ProviderRefused, Wanted
from celadon.model.errors import InvalidParams


class SchedulerProvider:
    """Implements the Provider port."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def provision(self, wanted: Wanted) -> Provided:
        if unknown := sorted(wanted.options):
            raise ProviderRefused(f"cannot use --{unknown[0][:40]}: the scheduler has no options")
        try:
            scheduler_jobs.provision(self._context, wanted.addon_id, wanted.app_id)
        except InvalidParams as error:
            raise ProviderRefused(error.message) from None
        return Provided(
            provider_id=wanted.addon_id, config={}, message="Add jobs with `celadon scheduler:add`, or on the page."
        )

    def change_plan(self, addon_id: str, provider_id: str, plan: str) -> Provided:
        """There is one plan."""
        return Provided(provider_id=provider_id, config={})

    def deprovision(self, addon_id: str, provider_id: str | None) -> None:
        scheduler_jobs.deprovision(self._context, addon_id)

    def has(self, addon_id: str) -> bool:
        return scheduler_jobs.provisioned(self._context, addon_id)
