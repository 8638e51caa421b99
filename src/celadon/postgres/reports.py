"""Reports on databases: Heroku's client asks a host of their own for them, which is the platform itself."""

import json
import re

from celadon.actions import access, postgres_reports
from celadon.actions import postgres_databases as databases
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.api.route import Route, route
from celadon.model.errors import NotFound
from celadon.model.postgres_report import Report
from celadon.postgres import diagnosis, finding
from celadon.postgres.finding import Connected
from celadon.postgres.pairs import Pairs

_URL_LIMIT = 1000
_VAR = re.compile("[A-Z][A-Z0-9_]{0,99}")


class Reports:
    """Answers the routes."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs

    def create(self, call: Call) -> Answer:
        """POST with `addon`, or with `url`, an address of the database, as Heroku's client does; `database` is the config var."""
        access.require_read_secrets(call.actor)
        body = call.body()
        named = body.text("addon") or self._by_url(call, body.text("url", _URL_LIMIT) or "")
        var = body.text("database") or ""
        found = finding.find(call, "addon:config", named)
        place = finding.available(found, "diagnose the database")
        engine = self._pairs.primary(place.engine)
        with Connected(self._pairs.clusters, engine, place.database.name, "diagnose the database") as connection:
            checks = list(diagnosis.checks(connection, place))
        content = {
            "app": found.addon.app.name,
            "database": var if _VAR.fullmatch(var) else found.addon.addon.name,
            "checks": checks,
        }
        report = postgres_reports.keep(call.context, place.database.addon_id, json.dumps(content))
        return Answer(value=_shape(report), status=201)

    def show(self, call: Call) -> Answer:
        report = postgres_reports.find(call.context, call.params["report"])
        try:
            finding.find(call, "addon:config", report.addon_id)
        except NotFound:
            raise NotFound("report") from None
        return Answer(value=_shape(report))

    def nothing(self, call: Call) -> Answer:
        """Measures that Heroku's client adds to what it asks: a report finds its own."""
        finding.find(call, "addon:read")
        return Answer(value={})

    def _by_url(self, call: Call, url: str) -> str:
        addon_id = databases.by_url(call.context, url)
        if addon_id is None:
            raise NotFound("database", "There is no database of this platform at that URL.")
        return addon_id


def _shape(report: Report) -> dict[str, object]:
    return {"id": report.id, "created_at": shapes.instant(report.created_at), **json.loads(report.content)}


def routes(reports: Reports) -> tuple[Route, ...]:
    return (
        route("POST /reports", "addon:config", reports.create),
        route("GET /reports/:report", "addon:config", reports.show),
        route("GET /client/v11/databases/:database/metrics", "addon:read", reports.nothing),
        route("GET /client/v11/databases/:database/burst_status", "addon:read", reports.nothing),
    )
