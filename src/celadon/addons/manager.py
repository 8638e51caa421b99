"""The manager: asks providers for what add-ons wait for, each in a thread, and never twice at once for one add-on.

What is asked for is in the store, and so is what came of it: who is killed in between asks again, with the same id.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable

from celadon.actions import provisioning
from celadon.actions.context import Context
from celadon.addons.provider import ProviderFailed, ProviderRefused, Wanted
from celadon.addons.services import Providers
from celadon.model.addon import AddOn, Work
from celadon.model.errors import InvalidParams

# Questions at once: in all, and to one provider, so that a slow one has others wait for nothing.
_AT_ONCE = 40
_OF_SERVICE = 8
# Regions as partners know them.
_REGIONS = {"us": "amazon-web-services::us-east-1", "eu": "amazon-web-services::eu-west-1"}
_BROKEN = "the platform failed; its operator finds the reason in the log of the addons role"

log = logging.getLogger(__name__)


class Manager:
    """Asks for what is due. `done` is called when a question has been answered: there may be more to do."""

    def __init__(self, context: Context, providers: Providers, done: Callable[[], None] = lambda: None) -> None:
        self._context = context
        self._providers = providers
        self._done = done
        self._lock = threading.Lock()
        # Add-on id → its service, of those that somebody is being asked about.
        self._asked: dict[str, str] = {}

    def ensure(self) -> int:
        """Begin what is due and has room; returns how many."""
        begun = 0
        for addon in provisioning.due(self._context):
            with self._lock:
                of_service = Counter(self._asked.values())
                if addon.id in self._asked or of_service[addon.service] >= _OF_SERVICE:
                    continue
                if len(self._asked) >= _AT_ONCE:
                    break
                self._asked[addon.id] = addon.service
            begun += 1
            threading.Thread(target=self._run, args=(addon.id,), name=f"addon-{addon.name}", daemon=True).start()
        return begun

    def busy(self) -> int:
        """Add-ons that somebody is being asked about."""
        with self._lock:
            return len(self._asked)

    def _run(self, addon_id: str) -> None:
        try:
            # Anew: it may have been answered between the look and this thread.
            addon = provisioning.find(self._context, addon_id)
            if addon is not None and addon.work is not None:
                self._ask(addon, addon.work)
        except Exception:
            # The store does not answer: the question is asked again, but not at once.
            log.exception("at=ask addon=%s", addon_id)
            self._over(addon_id)
        else:
            self._over(addon_id)
            self._done()

    def _over(self, addon_id: str) -> None:
        with self._lock:
            del self._asked[addon_id]

    def _ask(self, addon: AddOn, work: Work) -> None:
        told = "done"
        try:
            if addon.awaited:
                raise ProviderFailed("its provider has not said that it is done")
            self._do(addon, work)
        except ProviderRefused as refusal:
            told = "refused"
            # Nobody may refuse to remove something: that is tried again.
            if work is Work.DEPROVISION:
                self._failed(addon, str(refusal))
            else:
                provisioning.refused(self._context, addon.id, str(refusal))
        except (ProviderFailed, InvalidParams) as failure:
            told = f"failed: {failure}"
            self._failed(addon, str(failure))
        except Exception:
            told = "broken"
            log.exception("at=ask addon=%s service=%s work=%r", addon.name, addon.service, work)
            self._failed(addon, _BROKEN)
        log.info("at=ask addon=%s service=%s work=%r told=%s", addon.name, addon.service, str(work), told)

    def _failed(self, addon: AddOn, message: str) -> None:
        provisioning.failed(self._context, addon.id, message, own=self._providers.is_own(addon.service))

    def _do(self, addon: AddOn, work: Work) -> None:
        """Ask, and write what is answered. Raises ProviderRefused, ProviderFailed, InvalidParams."""
        provider = self._providers.of(addon.service)
        if work is Work.DEPROVISION:
            provider.deprovision(addon.id, addon.provider_id)
            provisioning.deprovisioned(self._context, addon.id)
            return
        if work is Work.PROVISION:
            made = provider.provision(self._wanted(addon))
            provisioning.provisioned(
                self._context, addon.id, provider_id=made.provider_id, config=made.config, message=made.message
            )
            return
        assert addon.plan_wanted is not None, "it is being moved"
        moved = provider.change_plan(addon.id, addon.provider_id or "", addon.plan_wanted)
        provisioning.plan_changed(
            self._context, addon.id, addon.plan_wanted, config=moved.config, message=moved.message
        )

    def _wanted(self, addon: AddOn) -> Wanted:
        app = provisioning.owner(self._context, addon)
        assert app is not None, "the row of an app is kept"
        return Wanted(
            addon_id=addon.id,
            name=addon.name,
            plan=addon.plan,
            region=_REGIONS.get(app.region, app.region),
            app_id=app.id,
            app_name=app.name,
            options=provisioning.options(self._context, addon.id),
            log_token=provisioning.log_token(self._context, addon.id),
            callback=f"{self._context.settings.api_https_url}/addons/{addon.id}",
        )
