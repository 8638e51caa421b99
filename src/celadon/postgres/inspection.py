"""What the data API answers to who looks at a database: statistics by name; and the end of a session of it."""

import re

from celadon.actions.postgres_databases import Place
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model.errors import InvalidParams, NotFound
from celadon.postgres import finding, statistics
from celadon.postgres.finding import Connected
from celadon.postgres.pairs import Pairs
from celadon.postgres.statistics import OF_STATEMENTS, QUERIES, Table

_DIGITS = re.compile("[0-9]{1,10}")
_LARGEST_PID = (1 << 31) - 1


class Inspection:
    """Answers the routes."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs

    def show(self, call: Call) -> Answer:
        """GET with `truncate`, `verbose` and `num` in the query, where the statistic knows them."""
        name, query = call.params["statistic"], call.request.query
        found = finding.find(call, "addon:config")
        if name not in QUERIES and name not in OF_STATEMENTS:
            known = ", ".join(sorted([*QUERIES, *OF_STATEMENTS]))
            raise NotFound("statistic", f"There is no statistic {name[:40]!r}: there are {known}.")
        limit = _number(query.get("num", "10"))
        place = finding.available(found, "look at the database")
        with self._connected(place, of_statements=name in OF_STATEMENTS) as connection:
            table = statistics.run(
                connection,
                name,
                database=place.database.name,
                truncate=_flag(query.get("truncate")),
                verbose=_flag(query.get("verbose")),
                limit=limit,
            )
        return Answer(value=shape(table))

    def reset(self, call: Call) -> Answer:
        """Forget what was counted of its statements."""
        place = finding.available(finding.find(call, "addon:update"), "reset its statistics")
        with self._connected(place, of_statements=True) as connection:
            statistics.reset(connection, place.database.name)
        return Answer(value={"message": "Statistics of statements reset"})

    def end(self, call: Call) -> Answer:
        """POST with `force`: end the session, not only what it does."""
        force = call.body().flag("force") or False
        found = finding.find(call, "addon:update")
        pid = call.params["pid"]
        if not _DIGITS.fullmatch(pid) or int(pid) > _LARGEST_PID:
            raise InvalidParams(f"cannot end {pid[:40]!r}: give the number that pg:ps shows in its first column")
        place = finding.available(found, "end a connection")
        with self._connected(place) as connection:
            table = statistics.end(connection, int(pid), force=force)
        if table is None:
            raise NotFound("connection", f"The database has no connection {pid}: pg:ps --verbose lists those it has.")
        return Answer(value=shape(table))

    def _connected(self, place: Place, *, of_statements: bool = False) -> Connected:
        name = "postgres" if of_statements else place.database.name
        return Connected(self._pairs.clusters, self._pairs.primary(place.engine), name, "look at the database")


def shape(table: Table) -> dict[str, object]:
    columns = [{"name": name, "numeric": numeric} for name, numeric in table.columns]
    return {"columns": columns, "rows": [list(row) for row in table.rows]}


def _flag(text: str | None) -> bool:
    return text in ("true", "1", "")


def _number(text: str) -> int:
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= statistics.MOST:
        raise InvalidParams(f"cannot show {text[:20]!r} statements: give a number from 1 to {statistics.MOST}")
    return int(text)
