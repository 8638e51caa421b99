"""Maintenance of databases by Heroku's data API: what waits for a restart, in which window; and have it now."""

import psycopg

from celadon.actions import addons, postgres_settings
from celadon.actions import postgres_databases as databases
from celadon.actions.addons import Described
from celadon.actions.context import now
from celadon.actions.postgres_databases import Place
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.api.route import Route, route
from celadon.model import postgres_maintenance as rules
from celadon.model.errors import Conflict, InvalidParams
from celadon.model.postgres_database import SERVICE, Step
from celadon.postgres import finding
from celadon.postgres.cluster import Clusters
from celadon.postgres.finding import Found
from celadon.postgres.maintenance import reasons_of, window_of

_SHARED = "many databases share its server; the platform restarts that by itself when it must, on {window}"


class Windows:
    """Answers the routes."""

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    def show(self, call: Call) -> Answer:
        found = finding.find(call, "addon:read")
        return Answer(value=self._shape(call, found.addon, found.place))

    def list_of_app(self, call: Call) -> Answer:
        shown = []
        for described in addons.list_of_app(call.context, call.actor, call.app):
            place = databases.find(call.context, described.addon.id) if described.addon.service == SERVICE else None
            if place is not None:
                shown.append(self._shape(call, described, place))
        return Answer(value={"maintenances": shown})

    def show_window(self, call: Call) -> Answer:
        return Answer(value={"window": rules.describe(_window(finding.find(call, "addon:read").place))})

    def set_window(self, call: Call) -> Answer:
        """POST with day_of_week and time_of_day, UTC."""
        found = _own(finding.find(call, "addon:update"), "set its window")
        body = call.body()
        window = rules.parse(body.needed_text("day_of_week"), body.needed_text("time_of_day"))
        postgres_settings.set_window(call.context, found.place.database.addon_id, window)
        return Answer(value={"window": rules.describe(window)})

    def describe_window(self, call: Call) -> Answer:
        """PUT with `description`, as `Sunday 13:30`: so clients of earlier years ask."""
        found = _own(finding.find(call, "addon:update"), "set its window")
        day, _, time = call.body().needed_text("description").strip().partition(" ")
        window = rules.parse(day, time)
        postgres_settings.set_window(call.context, found.place.database.addon_id, window)
        return Answer(value={"message": f"Maintenance window set to {rules.describe(window)}."})

    def tell(self, call: Call) -> Answer:
        """The same as `show`, as a sentence: so clients of earlier years ask."""
        found = finding.find(call, "addon:read")
        reasons, window = self._reasons(call, found.place), rules.describe(_window(found.place))
        waiting = f"Pending: {', '.join(reasons)}." if reasons else "No maintenance is pending."
        return Answer(value={"message": f"{waiting} The maintenance window is {window}."})

    def run(self, call: Call) -> Answer:
        """Have its server restarted now; the role does it."""
        found = _own(finding.find(call, "addon:update"), "run maintenance")
        place = finding.available(found, "run maintenance")
        if place.database.maintenance_asked_at is None and not self._reasons(call, place):
            raise Conflict("cannot run maintenance: none is pending, its server has all that it is to have")
        postgres_settings.ask_for_maintenance(call.context, place.database.addon_id)
        return Answer(value={"message": "Maintenance triggered: its server is restarted now."}, status=202)

    def _reasons(self, call: Call, place: Place) -> list[str]:
        """What waits for a restart of any of its servers; nothing while nobody can tell."""
        if place.database.step is not Step.AVAILABLE:
            return []
        found: dict[str, None] = {}
        for engine in databases.engines_of(call.context, place) or [place.engine]:
            try:
                found.update(dict.fromkeys(reasons_of(self._clusters, engine)))
            except psycopg.Error:
                continue
        return list(found)

    def _shape(self, call: Call, described: Described, place: Place) -> dict[str, object]:
        database, window = place.database, rules.describe(_window(place))
        reasons = self._reasons(call, place)
        asked, done = database.maintenance_asked_at, database.maintained_at
        waits = bool(reasons) and asked is None
        next_at = rules.opens(_window(place), now()) if waits else None
        names = sorted(name.removesuffix("_URL") for name in described.config_vars)
        return {
            "addon": {
                "attachments": names,
                "kind": SERVICE,
                "name": described.addon.name,
                "plan": database.plan,
                "uuid": described.addon.id,
                "window": window,
            },
            "app": {"name": described.app.name, "uuid": described.app.id},
            "completed_at": shapes.instant(done) if done and asked is None else None,
            "reason": ", ".join(reasons) or None,
            "scheduled_for": shapes.instant(next_at) if next_at else None,
            "server_created_at": shapes.instant(database.created_at),
            "started_at": shapes.instant(asked) if asked else None,
            "status": "running" if asked else "pending" if reasons else "completed" if done else "none",
            "window": window,
        }


def _window(place: Place) -> int:
    return window_of(None if place.engine.shared else place.database)


def _own(found: Found, intent: str) -> Found:
    if found.place.engine.shared:
        raise InvalidParams(f"cannot {intent}: {_SHARED.format(window=rules.describe(rules.SHARED))}")
    return found


_ONE = "/data/maintenances/v1/:database"
_OLD = "/client/v11/databases/:database"


def routes(windows: Windows) -> tuple[Route, ...]:
    return (
        route("GET /data/maintenances/v1/apps/:app", "addon:read", windows.list_of_app),
        route(f"GET {_ONE}", "addon:read", windows.show),
        route(f"GET {_ONE}/window", "addon:read", windows.show_window),
        route(f"POST {_ONE}/window", "addon:update", windows.set_window),
        route(f"POST {_ONE}/run", "addon:update", windows.run),
        route(f"GET {_OLD}/maintenance", "addon:read", windows.tell),
        route(f"POST {_OLD}/maintenance", "addon:update", windows.run),
        route(f"PUT {_OLD}/maintenance_window", "addon:update", windows.describe_window),
    )
