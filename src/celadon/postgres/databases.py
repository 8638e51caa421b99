"""What the data API tells of a database, as Heroku's client asks for it, and what it changes in one.

Every change is one transaction of the database's own server: who is killed in between has done all of it or nothing.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

import psycopg
from psycopg import sql

from celadon.actions import addons, postgres_limits
from celadon.actions import postgres_databases as databases
from celadon.actions.addons import Described
from celadon.actions.context import Context, now
from celadon.actions.postgres_databases import Place
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model import postgres_database as rules
from celadon.model import postgres_limits as limits
from celadon.model.engine import Engine
from celadon.model.errors import Conflict, Forbidden, InvalidParams, NotFound
from celadon.model.postgres_database import DEFAULT_CREDENTIAL, SERVICE, SIZES, Origin, PostgresDatabase, Size, Step
from celadon.model.postgres_limits import Access, Usage
from celadon.postgres import tenants
from celadon.postgres.cluster import Clusters
from celadon.postgres.lineage import Lineage
from celadon.postgres.pairs import Pairs
from celadon.postgres.provider import tenant_of

log = logging.getLogger(__name__)

_LATER = "its server does not answer as it should; try again later, pg:info shows its state"
_WAITING = {
    Step.COPYING: "copying",
    Step.PREPARING: "preparing",
    Step.PROMOTING: "unfollowing",
    Step.REBUILDING: "rebuilding",
    Step.REMOVING: "removing",
}
_OTHERS = "datname = %s and backend_type = 'client backend' and pid <> pg_backend_pid() and usename <> 'postgres'"
_USED = f"""
select pg_database_size(current_database()), (select count(*) from pg_stat_activity where {_OTHERS}),
  (select count(*) from pg_class where relkind in ('r', 'p') and relnamespace not in
    (select oid from pg_namespace where nspname ~ '^pg_' or nspname = 'information_schema'))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    addon: Described
    place: Place


class Databases:
    """Answers the routes. A database is named by its add-on's name or id; `forget` is told of one whose contents are gone."""

    def __init__(self, context: Context, clusters: Clusters, forget: Callable[[str], None]) -> None:
        self._clusters = clusters
        self._lineage = Lineage(context, clusters)
        self._forget = forget

    def show(self, call: Call) -> Answer:
        found = self._find(call, "addon:read")
        place = found.place
        value = {
            "addon_id": place.database.addon_id,
            "created_at": shapes.instant(place.database.created_at),
            "following": self._lineage.source(place, Origin.FOLLOW),
            "forked_from": self._lineage.source(place, Origin.FORK),
            "info": self._information(call, place),
            "name": found.addon.addon.name,
            "plan": place.database.plan,
            "postgres_version": place.engine.version,
            "resource_url": self._url(call, place),
            "service": SERVICE,
            "status": _status(place),
        }
        return Answer(value=value)

    def wait(self, call: Call) -> Answer:
        step = self._find(call, "addon:read").place.database.step
        return Answer(value={"message": _WAITING.get(step, "available"), "waiting?": step is not Step.AVAILABLE})

    def list_credentials(self, call: Call) -> Answer:
        found = self._find(call, "addon:config")
        return Answer(value=[self._credential(found.place)])

    def show_credential(self, call: Call) -> Answer:
        found = self._find(call, "addon:config")
        if call.params["credential"] != DEFAULT_CREDENTIAL:
            raise NotFound("credential", f"{found.addon.addon.name} has no such credential.")
        return Answer(value=self._credential(found.place))

    def reset_connections(self, call: Call) -> Answer:
        """End all connections of its users."""
        place = self._available(call)
        with self._connected(call, place, "end its connections") as connection:
            _end_connections(connection, place.database.name)
        return Answer(value={"message": "Connections reset"})

    def reset(self, call: Call) -> Answer:
        """PUT with `extensions`, names of those to be there at once: whatever its owner has made is gone."""
        wanted = call.body().texts("extensions") or []
        place = self._available(call)
        if place.database.origin is Origin.FOLLOW:
            raise InvalidParams("cannot reset a follower: pg:unfollow it first")
        with self._connected(call, place, "reset it") as connection:
            _check_extensions(connection, wanted)
            _end_connections(connection, place.database.name)
            with connection.transaction():
                _empty(connection, place, wanted)
        self._forget(place.database.addon_id)
        postgres_limits.remeasure(call.context, place.database.addon_id)
        return Answer(value={"message": "Reset successful."})

    def unfollow(self, call: Call) -> Answer:
        """A follower becomes a database of its own; the role does it. Raises Conflict."""
        found = self._find(call, "addon:update")
        databases.unfollow(call.context, found.place.database.addon_id)
        return Answer(value={"message": f"{found.addon.addon.name} becomes a database of its own; see pg:wait"})

    def _find(self, call: Call, permission: str) -> _Found:
        with call.context.database.read() as tx:
            addon = addons.find_for(tx, call.actor, call.params["database"], permission)
            described = addons.described(tx, addon)
        place = databases.find(call.context, addon.id) if addon.service == SERVICE else None
        if place is None:
            raise NotFound("database", f"{addon.name} is no database, or none yet.")
        return _Found(addon=described, place=place)

    def _available(self, call: Call) -> Place:
        place = self._find(call, "addon:update").place
        if place.database.step is not Step.AVAILABLE:
            raise Conflict(f"cannot change the database: it is {_WAITING[place.database.step]}; wait with pg:wait")
        return place

    def _connected(self, call: Call, place: Place, intent: str) -> "_Connected":
        engine = Pairs(call.context, self._clusters).primary(place.engine)
        return _Connected(self._clusters, engine, place.database.name, intent)

    def _availability(self, call: Call, place: Place) -> dict[str, str]:
        if place.engine.pair is None:
            return {}
        available = Pairs(call.context, self._clusters).available(place.engine)
        return {"HA Status": "Available" if available else "Temporarily unavailable"}

    def _information(self, call: Call, place: Place) -> list[dict[str, object]]:
        """As `pg:info` prints it, in this order; what only the server knows is left out while it does not answer."""
        size = SIZES[place.database.plan]
        used = self._used(call, place)
        counted = {} if used is None else _limits(place, used)
        told = {
            "Plan": place.database.plan.capitalize(),
            "Status": _status(place).capitalize(),
            **self._availability(call, place),
            **counted,
            "PG Version": place.engine.version,
            "Created": f"{place.database.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            "Fork/Follow": "Unsupported" if size.shared else "Available",
            "Rollback": _rollback(place.database, size),
            "Maintenance": "not required",
        }
        rows: list[dict[str, object]] = [{"name": name, "values": [text]} for name, text in told.items()]
        return [*rows, *(self._lineage.rows(place) if place.database.step is Step.AVAILABLE else [])]

    def _used(self, call: Call, place: Place) -> tuple[int, int, int] | None:
        """Bytes, connections and tables; None when nobody can tell now."""
        if place.database.step is not Step.AVAILABLE:
            return None
        try:
            with self._connected(call, place, "measure it") as connection:
                row = connection.execute(_USED, [place.database.name]).fetchone()
        except Conflict:
            return None
        assert row is not None, "a query without a table has one row"
        return int(row[0]), int(row[1]), int(row[2])

    def _credential(self, place: Place) -> dict[str, object]:
        settings = self._clusters.engines.settings
        active = {"password": place.password, "state": "active", "user": place.database.role}
        return {
            "credentials": [active],
            "database": place.database.name,
            "host": settings.engine_host,
            "name": DEFAULT_CREDENTIAL,
            "port": place.engine.port,
            "state": "active",
        }

    def _url(self, call: Call, place: Place) -> str | None:
        """By it clients find the names of a database's config vars; who may not read these is told none."""
        try:
            self._find(call, "addon:config")
        except (Forbidden, NotFound):
            return None
        database = place.database
        host = self._clusters.engines.settings.engine_host
        return rules.url(database.role, place.password, host, place.engine.port, database.name)


class _Connected:
    """A superuser's connection to one database; what goes wrong with its server is a Conflict with the intent."""

    def __init__(self, clusters: Clusters, engine: Engine, name: str, intent: str) -> None:
        self._opened = clusters.connect(engine, name)
        self._intent = intent

    def __enter__(self) -> "psycopg.Connection[Any]":
        try:
            return self._opened.__enter__()
        except psycopg.Error as error:
            raise self._told(error) from None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            self._opened.__exit__(kind, error, trace)
        except psycopg.Error as failure:
            raise self._told(failure) from None
        if isinstance(error, psycopg.Error):
            raise self._told(error) from None

    def _told(self, error: psycopg.Error) -> Conflict:
        # The server's words may hold names that are nobody's to know.
        log.warning("at=failed intent=%r error=%r", self._intent, error)
        return Conflict(f"cannot {self._intent}: {_LATER}")


def _rollback(database: PostgresDatabase, size: Size) -> str:
    if not size.rollback_days or database.origin is Origin.FOLLOW:
        return "Unsupported"
    earliest = max(database.created_at, now() - timedelta(days=size.rollback_days))
    return f"earliest from {earliest.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _status(place: Place) -> str:
    return _WAITING.get(place.database.step, "available")


def _limits(place: Place, used: tuple[int, int, int]) -> dict[str, str]:
    """What there is of all that the plan limits; rows are as many as the last look has found."""
    database, size = place.database, SIZES[place.database.plan]
    # Of a server of its own all files count, as soon as somebody has looked.
    own = not place.engine.shared and database.measured_at is not None
    usage = Usage(octets=database.bytes_used if own else used[0], rows=database.rows_used)
    # Which of the two it is over, if it is.
    full = Access.REVOKED if database.blocked else Access.FULL
    standing = limits.standing(size, usage, full)
    rows = {} if size.rows is None else {"Rows": f"{usage.rows:,}/{size.rows:,} ({standing})"}
    refused = " (At limit)" if used[1] >= size.connections else ""
    return {
        "Connections": f"{used[1]}/{size.connections}{refused}",
        "Data Size": f"{usage.octets / rules.MB:.1f} MB / {size.storage // rules.GB} GB ({standing})",
        "Tables": str(used[2]),
        **rows,
    }


def _end_connections(connection: "psycopg.Connection[Any]", name: str) -> None:
    connection.execute(f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where {_OTHERS}", [name])


def _check_extensions(connection: "psycopg.Connection[Any]", wanted: list[str]) -> None:
    """Those that a user may make alone: with the superuser's rights comes none that reaches beyond the database."""
    query = "select distinct name from pg_available_extension_versions where trusted"
    trusted = {str(name) for (name,) in connection.execute(query)}
    for name in wanted:
        if name not in trusted:
            raise InvalidParams(f"cannot make the extension {name[:60]!r}: there are {', '.join(sorted(trusted))}")


def _empty(connection: "psycopg.Connection[Any]", place: Place, extensions: list[str]) -> None:
    """Everything of its owner's goes, also its rights on the database, which are given again."""
    role, size = sql.Identifier(place.database.role), SIZES[place.database.plan]
    connection.execute(sql.SQL("drop owned by {} cascade").format(role))
    connection.execute("create schema if not exists public")
    connection.execute("grant usage on schema public to public")
    tenants.ensure(connection, tenant_of(place), size.connections)
    tenants.ensure_inside(connection, tenant_of(place), statistics=not place.engine.shared)
    # As their owner, who may drop them; their scripts find nothing of anybody's in the new schema.
    connection.execute(sql.SQL("set local role {}").format(role))
    for name in extensions:
        statement = sql.SQL("create extension if not exists {} with schema public cascade")
        connection.execute(statement.format(sql.Identifier(name)))
