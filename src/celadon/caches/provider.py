"""heroku-redis and memcachier, two providers over one manager.

An add-on's row in `caches` is its program counter: each step may be done again.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from celadon.actions import caches
from celadon.actions.caches import Place
from celadon.addons.provider import Provided, ProviderFailed, ProviderRefused, Wanted
from celadon.caches.manager import FAILURES, Manager
from celadon.caches.servers import Servers
from celadon.model import cache as rules
from celadon.model.cache import Size
from celadon.model.engine import EngineKind
from celadon.model.errors import Conflict, InvalidParams

log = logging.getLogger(__name__)

T = TypeVar("T")


class CacheProvider:
    """The Provider port. A kind says which options it takes."""

    kind: EngineKind

    def __init__(self, manager: Manager, reach: Callable[[], object] = lambda: None) -> None:
        self.manager = manager
        # Lets the dynos of apps reach what they are attached to: before they are told of it.
        self._reach = reach

    @property
    def servers(self) -> Servers:
        return self.manager.servers[self.kind]

    def options(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Settings of a new cache; raises ProviderRefused, InvalidParams."""
        if given:
            raise ProviderRefused(f"cannot make a cache: it has no option --{min(given)[:40]}")
        return {}

    def provision(self, wanted: Wanted) -> Provided:
        self._size(wanted.plan)
        try:
            settings = self.options(wanted.options)
            caches.reserve(
                self.manager.context, wanted.addon_id, self.kind, wanted.plan, self.servers.version, **settings
            )
        except (Conflict, InvalidParams) as error:
            raise ProviderRefused(error.message) from None
        return self._applied(f"make {wanted.name}", wanted.addon_id)

    def change_plan(self, addon_id: str, provider_id: str, plan: str) -> Provided:
        size, place = self._size(plan), caches.find(self.manager.context, addon_id)
        if place is None:
            raise ProviderRefused("cannot change the plan: the cache is gone")
        if place.cache.plan != plan:
            held = self._attempt(f"look into {place.engine.name}", lambda: self.servers.held(place))
            if held > size.memory:
                raise ProviderRefused(
                    f"cannot change from {place.cache.plan} to {plan}: its keys take {held >> 20} MB, and {plan} has "
                    f"{size.memory >> 20} MB; remove keys first, or choose a larger plan"
                )
            caches.change_plan(self.manager.context, addon_id, plan)
        return self._applied(f"change the plan of {place.engine.name}", addon_id)

    def deprovision(self, addon_id: str, provider_id: str | None) -> None:
        place = caches.remove(self.manager.context, addon_id)
        if place is not None:
            self._attempt(f"remove {place.engine.name}", lambda: self.manager.remove(place))

    def has(self, addon_id: str) -> bool:
        place = caches.find(self.manager.context, addon_id)
        return place is not None and place.cache.step is not rules.Step.REMOVING

    def _size(self, plan: str) -> Size:
        size = rules.SIZES[self.kind].get(plan)
        if size is None:
            raise ProviderRefused(f"cannot make a cache: there is no plan {plan[:40]!r}")
        return size

    def _applied(self, intent: str, addon_id: str) -> Provided:
        place: Place | None = self._attempt(intent, lambda: self.manager.apply(addon_id))
        if place is None:
            raise ProviderRefused(f"cannot {intent}: it is gone")
        self._attempt(intent, self._reach)
        return Provided(provider_id=addon_id, config=self.servers.config(place))

    def _attempt(self, intent: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except FAILURES as error:
            log.exception("at=failed intent=%s", intent)
            raise ProviderFailed(f"cannot {intent}: its server does not answer as it should") from error


class RedisProvider(CacheProvider):
    """heroku-redis; `--maxmemory_policy` and `--timeout` may be said at once."""

    kind = EngineKind.REDIS

    def options(self, given: Mapping[str, str]) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        for name, value in given.items():
            match name.replace("-", "_"):
                case "maxmemory_policy":
                    settings["policy"] = rules.check_policy(value)
                case "timeout" if value.isascii() and value.isdigit() and len(value) < 10:
                    settings["timeout"] = rules.check_timeout(int(value))
                case "timeout":
                    raise ProviderRefused("cannot make a cache: --timeout takes seconds")
                case _:
                    raise ProviderRefused(f"cannot make a cache: it has no option --{name[:40]}")
        return settings


class MemcachedProvider(CacheProvider):
    """memcachier."""

    kind = EngineKind.MEMCACHED
