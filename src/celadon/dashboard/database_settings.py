"""What an owner decides about a database: promotion, maintenance, upgrades, settings of its server, reset, its end."""

from functools import partial
from typing import Any

from celadon.actions import addons, attachments, postgres_upgrades
from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.addons import PAGE as ADDONS
from celadon.dashboard.data_api import DataApi
from celadon.dashboard.databases import Shown, database_page, require, shown
from celadon.dashboard.forms import Form, confirm, take, text
from celadon.model import cache as cache_rules
from celadon.model import postgres_maintenance as maintenance
from celadon.model.addon import AddOnState
from celadon.model.errors import InvalidParams, NotFound
from celadon.model.postgres_database import SERVICE
from celadon.model.postgres_upgrade import UpgradeStatus

_HALF_HOURS = tuple(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in range(0, 24 * 60, 30))


class Settings:
    """The page `settings`."""

    def __init__(self, data_api: DataApi) -> None:
        self._data_api = data_api

    def show(self, call: Call, status: int = 200, wrong: str = "") -> Page:
        found = shown(call)
        require(found, "addon:update")
        return database_page(
            call,
            found,
            "settings",
            "database_settings.html",
            status,
            wrong,
            promotable=_promotable(call, found),
            first=_first(found),
            maintenance=self._maintenance(call, found),
            days=maintenance.DAYS,
            times=_HALF_HOURS,
            settings=self._settings(call, found),
            upgrade=postgres_upgrades.of_addon(call.context, found.described.addon.id) if found.postgres else None,
            upgrade_status=UpgradeStatus,
            policies=cache_rules.POLICIES,
            may_destroy="addon:pay" in found.may or not found.described.plan.cents,
            usable=found.described.addon.state is AddOnState.PROVISIONED,
            given=call.form() if wrong else {},
        )

    def _maintenance(self, call: Call, found: Shown) -> dict[str, Any] | None:
        if found.postgres is None:
            return None
        told: dict[str, Any] = self._data_api.ask(call, f"GET /data/maintenances/v1/{found.postgres.addon_id}")
        return told

    def _settings(self, call: Call, found: Shown) -> dict[str, Any]:
        """Of its server, if it has one of its own."""
        if not found.own_server:
            return {}
        told: dict[str, Any] = self._data_api.ask(call, f"GET {_config(found)}")
        return told

    def change(self, call: Call) -> Page:
        found = shown(call)
        steps = {"promote": _promote, "destroy": _destroy, "statistics": self._forget, "settings": self._set}
        if found.postgres is not None:
            steps |= {"window": self._window, "maintain": self._maintain, "reset": self._reset}
            steps |= {
                f"upgrade-{word}": partial(self._upgrade, word) for word in ("dry_run", "prepare", "run", "cancel")
            }
        return take(call, {name: partial(step, call, found) for name, step in steps.items()}, partial(self.show, call))

    def _forget(self, call: Call, found: Shown, form: Form) -> str:
        """Of a Redis server: count anew."""
        if found.cache is None:
            raise NotFound("page")
        self._data_api.ask(call, f"POST /redis/v0/databases/{found.cache.addon_id}/stats/reset", {})
        return f"{found.path}/settings"

    def _set(self, call: Call, found: Shown, form: Form) -> str:
        """What is another than before; a box that is not ticked is not sent."""
        now = self._settings(call, found)
        wanted = {name: _typed(name, one["value"], form.get(name)) for name, one in now.items()}
        changed = {name: value for name, value in wanted.items() if value != now[name]["value"]}
        if changed:
            self._data_api.ask(call, f"PATCH {_config(found)}", changed)
        return f"{found.path}/settings"

    def _window(self, call: Call, found: Shown, form: Form) -> str:
        body = {"day_of_week": form.get("day", "") or "-", "time_of_day": form.get("time", "") or "-"}
        self._data_api.ask(call, f"POST /data/maintenances/v1/{found.place.addon_id}/window", body)
        return f"{found.path}/settings"

    def _maintain(self, call: Call, found: Shown, form: Form) -> str:
        confirm(form, found.described.addon.name, "restart its server, which cuts its connections")
        self._data_api.ask(call, f"POST /data/maintenances/v1/{found.place.addon_id}/run", {})
        return f"{found.path}/settings"

    def _reset(self, call: Call, found: Shown, form: Form) -> str:
        confirm(form, "RESET", "delete everything in it")
        self._data_api.ask(call, f"PUT /client/v11/databases/{found.place.addon_id}/reset", {})
        return found.path

    def _upgrade(self, word: str, call: Call, found: Shown, form: Form) -> str:
        if word == "run":
            confirm(form, found.described.addon.name, "upgrade it, which closes it for a while")
        version = text(form, "version")
        path = f"/client/v11/databases/{found.place.addon_id}/upgrade/{word}"
        self._data_api.ask(call, f"POST {path}", {"version": version} if version else {})
        return f"{found.path}/settings"


def _config(found: Shown) -> str:
    kind = "/postgres/v0" if found.postgres else "/redis/v0"
    return f"{kind}/databases/{found.described.addon.id}/config"


def _typed(name: str, now: object, given: str | None) -> object:
    """What a field says, as the kind of value that the setting has; raises InvalidParams."""
    if isinstance(now, bool):
        return given == "yes"
    if given is None:
        return now
    if isinstance(now, int):
        try:
            return int(given.strip()[:12])
        except ValueError:
            raise InvalidParams(f"cannot set {name}: it is a whole number, not {given[:20]!r}") from None
    return given.strip()


def _first(found: Shown) -> str:
    """The name that apps look for: that of the service's first."""
    return "DATABASE" if found.described.service.name == SERVICE else "REDIS"


def _promotable(call: Call, found: Shown) -> list[tuple[str, bool]]:
    """Apps that have it attached, and whether it is their first one already."""
    names: dict[str, bool] = {}
    for one in attachments.list_of_addon(call.context, call.actor, found.described.addon):
        if not one.attachment.namespace:
            names[one.app.name] = names.get(one.app.name, False) or one.attachment.name == _first(found)
    return sorted(names.items())


def _promote(call: Call, found: Shown, form: Form) -> str:
    """It is attached under the first name; what had that keeps another one, or gets one."""
    app, first, addon = form.get("app", "").strip(), _first(found), found.described.addon
    if app not in [name for name, already in _promotable(call, found) if not already]:
        raise InvalidParams(f"cannot promote {addon.name} in {app[:60]!r}: choose an app that has it attached")
    attached = attachments.list_of_app(call.context, call.actor, app)
    before = next((one.attachment for one in attached if one.attachment.name == first), None)
    if before is not None:
        same = [one for one in attached if one.attachment.addon_id == before.addon_id]
        if [one.attachment.namespace for one in same].count(before.namespace) == 1:
            attachments.create(
                call.context, call.actor, addon=before.addon_id, app=app, namespace=before.namespace, confirm=app
            )
    attachments.create(call.context, call.actor, addon=addon.id, app=app, name=first, confirm=app)
    return f"{found.path}/settings"


def _destroy(call: Call, found: Shown, form: Form) -> str:
    confirm(form, "DESTROY", "destroy it")
    addons.destroy(call.context, call.actor, found.described.addon.id, force=form.get("force") == "yes")
    return ADDONS
