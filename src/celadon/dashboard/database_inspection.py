"""What a database's server says of it: how full it is, statistics by name, sessions that can be ended, a report."""

from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from celadon.api.answer import Page
from celadon.api.request import Call
from celadon.dashboard.data_api import DataApi
from celadon.dashboard.databases import Shown, database_page, require, shown
from celadon.dashboard.forms import Form, confirm, take
from celadon.model.errors import Conflict

# Statistic → what a page calls it, by what it is about.
_STATISTICS = {
    "Sessions": {
        "ps": "What is going on",
        "blocking": "Who waits for whom",
        "locks": "Locks",
        "long-running-queries": "Long running",
        "user-connections": "By credential",
    },
    "Statements": {"outliers": "Most time", "calls": "Most often"},
    "Tables and indexes": {
        "cache-hit": "Cache hits",
        "index-usage": "Index usage",
        "unused-indexes": "Unused indexes",
        "seq-scans": "Sequential scans",
        "records-rank": "Rows",
        "vacuum-stats": "Vacuum",
        "bloat": "Bloat",
    },
    "Sizes": {
        "total-table-size": "Tables, with indexes",
        "table-size": "Tables",
        "table-indexes-size": "Indexes of tables",
        "index-size": "Indexes",
        "total-index-size": "All indexes",
    },
}
_OF_STATEMENTS = ("outliers", "calls")
# Those of a moment are asked for again.
_OF_NOW = tuple(_STATISTICS["Sessions"])
_KNOWN = ("Plan", "PG Version", "Version", "Created", "Fork/Follow", "Rollback")
# What a page shows of a table.
_ROWS, _CELL = 75, 300


class Inspection:
    """The pages `now`, `statistics` and `diagnosis`."""

    def __init__(self, data_api: DataApi) -> None:
        self._data_api = data_api

    def now(self, call: Call) -> Page:
        """A part of the overview, and a page of its own without scripts."""
        found = shown(call)
        rows: list[tuple[str, str]] = []
        wrong = ""
        if found.postgres is None and found.cache is None:
            wrong = "It is not there yet."
        else:
            kind = "/client/v11" if found.postgres else "/redis/v0"
            told = self._data_api.ask(call, f"GET {kind}/databases/{found.described.addon.id}")
            rows = _rows(told)
        return database_page(call, found, "overview", "database_now.html", rows=rows, unknown=wrong)

    def statistics(self, call: Call, status: int = 200, wrong: str = "") -> Page:
        found = shown(call)
        require(found, "addon:config")
        known = {name: label for group in _STATISTICS.values() for name, label in group.items()}
        name = call.request.query.get("statistic", "")
        name = name if name in known else "ps"
        table: dict[str, Any] | None = None
        unknown = ""
        try:
            path = f"/postgres/v0/databases/{found.place.addon_id}/statistics/{name}"
            query = {"num": "20"} if name in _OF_STATEMENTS else {"verbose": "true"} if name == "ps" else {}
            table = self._data_api.ask(call, f"GET {path}", query=query)
        except Conflict as error:
            # The page stays one that asks again.
            unknown = error.message
        return database_page(
            call,
            found,
            "statistics",
            "database_statistics.html",
            status,
            wrong,
            groups=_STATISTICS,
            name=name,
            label=known[name],
            table=table and _cut(table),
            more=len(table["rows"]) - _ROWS if table else 0,
            unknown=unknown,
            now=name in _OF_NOW,
            ends=name in ("ps", "blocking", "locks", "long-running-queries") and "addon:update" in found.may,
            of_statements=name in _OF_STATEMENTS,
        )

    def change(self, call: Call) -> Page:
        found = shown(call)
        back = f"{found.path}/statistics?{urlencode({'statistic': call.request.query.get('statistic', 'ps')})}"
        steps = {
            "cancel": partial(self._end, call, found, back, False),
            "end": partial(self._end, call, found, back, True),
            "end-all": partial(self._end_all, call, found, back),
            "reset": partial(self._reset, call, found, back),
        }
        return take(call, steps, partial(self.statistics, call))

    def _end(self, call: Call, found: Shown, back: str, force: bool, form: Form) -> str:
        pid = form.get("pid", "")
        # What is no number is the data API's to refuse, but for what would be another path.
        segment = pid if pid.isascii() and pid.isdigit() else "0"
        path = f"/postgres/v0/databases/{found.place.addon_id}/connections/{segment}/actions/end"
        self._data_api.ask(call, f"POST {path}", {"force": force})
        return back

    def _end_all(self, call: Call, found: Shown, back: str, form: Form) -> str:
        confirm(form, found.described.addon.name, "end all connections")
        self._data_api.ask(call, f"POST /client/v11/databases/{found.place.addon_id}/connection_reset", {})
        return back

    def _reset(self, call: Call, found: Shown, back: str, form: Form) -> str:
        self._data_api.ask(call, f"POST /postgres/v0/databases/{found.place.addon_id}/statistics/actions/reset", {})
        return back

    def diagnosis(self, call: Call, status: int = 200, wrong: str = "") -> Page:
        found = shown(call)
        require(found, "addon:config")
        named = call.request.query.get("report", "")
        report: dict[str, Any] | None = None
        if named and named.replace("-", "").isalnum() and named.isascii():
            report = self._data_api.ask(call, f"GET /reports/{named}")
        return database_page(
            call,
            found,
            "diagnosis",
            "database_diagnosis.html",
            status,
            wrong,
            report=report,
            made_at=datetime.fromisoformat(report["created_at"]) if report else None,
            checks=[_check(one) for one in report["checks"]] if report else [],
        )

    def diagnose(self, call: Call) -> Page:
        found = shown(call)
        return take(call, {"diagnose": partial(self._diagnose, call, found)}, partial(self.diagnosis, call))

    def _diagnose(self, call: Call, found: Shown, form: Form) -> str:
        report = self._data_api.ask(call, "POST /reports", {"addon": found.place.addon_id})
        return f"{found.path}/diagnosis?report={report['id']}"


def _rows(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Rows of `pg:info` that the overview has not; databases that it names by their addresses are named better there."""
    found = [one for one in told["info"] if not one.get("resolve_db_name") and one["name"] not in _KNOWN]
    return [(str(one["name"]), ", ".join(map(str, one["values"]))) for one in found]


def _cut(table: dict[str, Any]) -> dict[str, Any]:
    rows = [[_short(cell) for cell in row] for row in table["rows"][:_ROWS]]
    return {"columns": table["columns"], "rows": rows}


def _short(cell: str | None) -> str | None:
    return cell if cell is None or len(cell) <= _CELL else f"{cell[:_CELL]}…"


def _check(check: dict[str, Any]) -> dict[str, Any]:
    """With its rows as a table; one that was skipped says why."""
    results = check["results"]
    kind = {"red": "bad", "yellow": "warn", "green": "good"}.get(check["status"], "")
    if isinstance(results, dict):
        return {**check, "kind": kind, "said": results.get("error", ""), "columns": [], "rows": []}
    columns = list(results[0]) if results else []
    rows = [[_short(str(row.get(column, ""))) for column in columns] for row in results[:_ROWS]]
    return {**check, "kind": kind, "said": "", "columns": columns, "rows": rows}
