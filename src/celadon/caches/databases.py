"""What the data API tells of a Redis server, and what it changes: its row first, then its server; who is killed in
between leaves it to the manager.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from celadon.actions import addons, caches
from celadon.actions.addons import Described
from celadon.actions.caches import Place
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.caches.manager import FAILURES, Manager
from celadon.caches.redis import RedisServers
from celadon.caches.servers import ServerFailure
from celadon.model import cache as rules
from celadon.model.cache import Step
from celadon.model.errors import Conflict, Forbidden, InvalidParams, NotFound

log = logging.getLogger(__name__)

_LATER = "its server does not answer as it should; it is tried again by itself, look at redis:wait"
_STATUS: Mapping[Step, str] = {
    Step.PREPARING: "preparing",
    Step.AVAILABLE: "available",
    Step.CHANGING: "changing",
    Step.ROTATING: "changing",
    Step.REMOVING: "removing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    addon: Described
    place: Place


class Databases:
    """Answers the routes. An add-on is named by its name or id."""

    def __init__(self, manager: Manager, servers: RedisServers) -> None:
        self._manager = manager
        self._servers = servers

    def show(self, call: Call) -> Answer:
        found = self._find(call)
        place, service = found.place, found.addon.service.name
        value = {
            "addon_id": place.cache.addon_id,
            "created_at": shapes.instant(place.cache.created_at),
            "formation": {"id": place.cache.addon_id, "primary": None},
            "info": [{"name": name, "values": [text]} for name, text in self._information(place).items()],
            "metaas_source": place.engine.name,
            "name": found.addon.addon.name,
            "plan": place.cache.plan,
            "port": place.engine.port,
            # There is one port, and it speaks TLS.
            "prefer_native_tls": True,
            "resource_url": self._url(call, place),
            "service": service,
            "version": place.engine.version,
        }
        return Answer(value=value, changed_at=place.cache.updated_at)

    def show_config(self, call: Call) -> Answer:
        return Answer(value=_config(self._find(call).place))

    def configure(self, call: Call) -> Answer:
        """PATCH with maxmemory_policy, timeout (seconds), notify_keyspace_events."""
        body = call.body()
        policy, timeout = body.text("maxmemory_policy"), body.integer("timeout")
        notifications = body.raw_text("notify_keyspace_events")
        if policy is None and timeout is None and notifications is None:
            raise InvalidParams(
                "cannot configure Redis: give `maxmemory_policy`, `timeout` or `notify_keyspace_events`"
            )
        addon_id = self._find(call, "addon:update").place.cache.addon_id
        caches.configure(call.context, addon_id, policy=policy, timeout=timeout, notifications=notifications)
        return Answer(value=_config(self._applied(addon_id)))

    def rotate(self, call: Call) -> Answer:
        found = self._find(call, "addon:update")
        caches.rotate(call.context, found.place.cache.addon_id)
        self._applied(found.place.cache.addon_id)
        return Answer(
            value={"message": f"{found.addon.addon.name} has a new password; who had the old one is cut off."}
        )

    def reset_statistics(self, call: Call) -> Answer:
        place = self._find(call, "addon:update").place
        try:
            self._servers.reset_statistics(place)
        except ServerFailure as error:
            raise Conflict(f"cannot reset the statistics: {_LATER}") from error
        return Answer(value={"message": "done"})

    def upgrade(self, call: Call) -> Answer:
        place = self._find(call, "addon:update").place
        wanted = call.body().text("version") or ""
        if wanted and not f"{place.engine.version}.".startswith(f"{wanted}."):
            raise InvalidParams(
                f"cannot upgrade to {wanted[:20]!r}: this platform has {place.engine.version}, which comes with its system"
            )
        return Answer(value={"message": f"Redis is at {place.engine.version} already."})

    def wait(self, call: Call) -> Answer:
        step = self._find(call).place.cache.step
        return Answer(value={"message": _STATUS[step], "waiting?": step is not Step.AVAILABLE})

    def _find(self, call: Call, permission: str = "addon:read") -> _Found:
        """Raises NotFound, Forbidden."""
        with call.context.database.read() as tx:
            addon = addons.find_for(tx, call.actor, call.params["addon"], permission)
            described = addons.described(tx, addon)
        place = caches.find(call.context, addon.id) if addon.service == rules.REDIS else None
        if place is None:
            raise NotFound("database", f"Couldn't find that Redis: {addon.name} has no server (yet).")
        return _Found(addon=described, place=place)

    def _applied(self, addon_id: str) -> Place:
        """Raises Conflict when it is not done yet, NotFound when it is gone."""
        try:
            place = self._manager.apply(addon_id)
        except FAILURES as error:
            log.exception("at=apply-failed addon=%s", addon_id)
            raise Conflict(f"the change is accepted but not done: {_LATER}") from error
        if place is None:
            raise NotFound("database")
        return place

    def _url(self, call: Call, place: Place) -> str | None:
        """The address with its password, for who may read the app's config vars."""
        try:
            with call.context.database.read() as tx:
                addons.find_for(tx, call.actor, place.cache.addon_id, "addon:config")
        except (Forbidden, NotFound):
            return None
        return self._servers.config(place)["REDIS_URL"]

    def _information(self, place: Place) -> dict[str, str]:
        cache, size = place.cache, place.size
        told = {
            "Plan": cache.plan,
            "Status": _STATUS[cache.step].capitalize(),
            "Created": shapes.instant(cache.created_at),
            "Version": place.engine.version,
            "Timeout": str(cache.timeout),
            "Maxmemory": cache.policy,
            "Keyspace Notifications": cache.notifications or "off",
            "Persistence": "AOF, every second" if size.persistent else "None",
            "HA Status": "Unavailable",
        }
        try:
            found = self._servers.information(place)
        except ServerFailure:
            return {**told, "Status": "Unavailable" if cache.step is Step.AVAILABLE else told["Status"]}
        # The platform's own connection is not one of the user's.
        connections = max(0, int(found["connected_clients"]) - 1)
        return {
            **told,
            "Memory": f"{int(found['used_memory']) / rules.MB:.1f} MB of {size.memory >> 20} MB",
            "Connections": f"{connections}/{size.connections}",
            "Hit Rate": _rate(int(found["keyspace_hits"]), int(found["keyspace_misses"])),
        }


def _rate(hits: int, misses: int) -> str:
    return f"{hits / (hits + misses):.1%}" if hits + misses else "none yet"


def _config(place: Place) -> dict[str, object]:
    cache = place.cache
    return {
        "maxmemory_policy": {
            "value": cache.policy,
            "default": rules.DEFAULT_POLICY,
            "desc": "What Redis does when its memory is full",
            "values": dict(rules.POLICIES),
        },
        "notify_keyspace_events": {
            "value": cache.notifications,
            "default": "",
            "desc": "Which events of keys are published",
        },
        "timeout": {
            "value": cache.timeout,
            "default": rules.DEFAULT_TIMEOUT,
            "desc": "Seconds after which a silent connection is closed, 0 for never",
        },
    }
