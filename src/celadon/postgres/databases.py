"""What the data API tells of a database, as Heroku's client asks for it, and what it changes in one.

Every change is one transaction of the database's own server: who is killed in between has done all of it or nothing.
"""

import contextlib
from collections.abc import Callable
from datetime import UTC
from typing import Any

import psycopg
from psycopg import sql

from celadon.actions import postgres_credentials as credentials
from celadon.actions import postgres_databases as databases
from celadon.actions import postgres_limits, postgres_upgrades
from celadon.actions.context import Context, now
from celadon.actions.postgres_databases import Place
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model import postgres_database as rules
from celadon.model import postgres_limits as limits
from celadon.model.errors import Conflict, Forbidden, InvalidParams, NotFound
from celadon.model.postgres_database import SERVICE, SIZES, Credential, Origin, PostgresDatabase, Step
from celadon.model.postgres_limits import Access, Usage
from celadon.model.postgres_upgrade import Upgrade
from celadon.postgres import credential_roles as roles
from celadon.postgres import finding, statements, tenants, upgrade_routes
from celadon.postgres.finding import WAITING, Connected, Found
from celadon.postgres.lineage import Lineage
from celadon.postgres.maintenance import reasons_of
from celadon.postgres.pairs import Pairs
from celadon.postgres.provider import tenant_of

_OTHERS = "datname = %s and backend_type = 'client backend' and pid <> pg_backend_pid() and usename <> 'postgres'"
_USED = f"""
select pg_database_size(current_database()), (select count(*) from pg_stat_activity where {_OTHERS}),
  (select count(*) from pg_class where relkind in ('r', 'p') and relnamespace not in
    (select oid from pg_namespace where nspname ~ '^pg_' or nspname = 'information_schema'))"""


class Databases:
    """Answers the routes. A database is named by its add-on's name or id; `forget` is told of one whose contents are gone."""

    def __init__(self, context: Context, pairs: Pairs, forget: Callable[[str], None]) -> None:
        self.pairs = pairs
        self.clusters = pairs.clusters
        # Of engines: a reset gives rights and passwords anew, and nobody else does so meanwhile.
        self.locks = pairs.locks
        self._lineage = Lineage(context, pairs)
        self._forget = forget

    def show(self, call: Call) -> Answer:
        found = self.find(call, "addon:read")
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
        step = self.find(call, "addon:read").place.database.step
        return Answer(value={"message": WAITING.get(step, "available"), "waiting?": step is not Step.AVAILABLE})

    def reset_connections(self, call: Call) -> Answer:
        """End all connections of its users."""
        place = self.available(call)
        with self.connected(call, place, "end its connections") as connection:
            _end_connections(connection, place.database.name)
        return Answer(value={"message": "Connections reset"})

    def reset(self, call: Call) -> Answer:
        """PUT with `extensions`, names of those to be there at once: whatever its owner has made is gone."""
        wanted = call.body().texts("extensions") or []
        place = self.available(call)
        if place.database.origin is Origin.FOLLOW:
            raise InvalidParams("cannot reset a follower: pg:unfollow it first")
        with self.locks.of(place.engine.id), self.connected(call, place, "reset it") as connection:
            _check_extensions(connection, wanted)
            _end_connections(connection, place.database.name)
            # With the password that it has now.
            place = self.available(call)
            with connection.transaction():
                _empty(connection, place, wanted, credentials.additional(call.context, place.database.addon_id))
        self._forget(place.database.addon_id)
        postgres_limits.remeasure(call.context, place.database.addon_id)
        return Answer(value={"message": "Reset successful."})

    def unfollow(self, call: Call) -> Answer:
        """A follower becomes a database of its own; the role does it. Raises Conflict."""
        found = self.find(call, "addon:update")
        databases.unfollow(call.context, found.place.database.addon_id)
        return Answer(value={"message": f"{found.addon.addon.name} becomes a database of its own; see pg:wait"})

    def find(self, call: Call, permission: str) -> Found:
        return finding.find(call, permission)

    def available(self, call: Call) -> Place:
        return finding.available(self.find(call, "addon:update"), "change the database")

    def connected(self, call: Call, place: Place, intent: str) -> Connected:
        engine = self.pairs.primary(place.engine)
        return Connected(self.clusters, engine, place.database.name, intent)

    def _availability(self, place: Place) -> dict[str, str]:
        if place.engine.pair is None:
            return {}
        available = self.pairs.available(place.engine)
        return {"HA Status": "Available" if available else "Temporarily unavailable"}

    def _information(self, call: Call, place: Place) -> list[dict[str, object]]:
        """As `pg:info` prints it, in this order; what only the server knows is left out while it does not answer."""
        size = SIZES[place.database.plan]
        upgrade = postgres_upgrades.of_addon(call.context, place.database.addon_id)
        used = self._used(call, place)
        counted = {} if used is None else _limits(place, used)
        told = {
            "Plan": place.database.plan.capitalize(),
            "Status": _status(place).capitalize(),
            **self._availability(place),
            **counted,
            "PG Version": place.engine.version,
            "Created": f"{place.database.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            "Fork/Follow": "Unsupported" if size.shared else "Available",
            "Rollback": _rollback(place.database, upgrade),
            "Maintenance": self._maintenance(place),
            # One line: `pg:upgrade:wait` has all.
            **({} if upgrade is None else {"Upgrade": upgrade_routes.told(upgrade).partition("\n")[0]}),
        }
        rows: list[dict[str, object]] = [{"name": name, "values": [text]} for name, text in told.items()]
        return [*rows, *(self._lineage.rows(place) if place.database.step is Step.AVAILABLE else [])]

    def _maintenance(self, place: Place) -> str:
        if place.database.step is Step.AVAILABLE:
            with contextlib.suppress(psycopg.Error):
                if reasons_of(self.clusters, self.pairs.primary(place.engine)):
                    return "required"
        return "not required"

    def _used(self, call: Call, place: Place) -> tuple[int, int, int] | None:
        """Bytes, connections and tables; None when nobody can tell now."""
        if place.database.step is not Step.AVAILABLE:
            return None
        try:
            with self.connected(call, place, "measure it") as connection:
                row = connection.execute(_USED, [place.database.name]).fetchone()
        except Conflict:
            return None
        assert row is not None, "a query without a table has one row"
        return int(row[0]), int(row[1]), int(row[2])

    def _url(self, call: Call, place: Place) -> str | None:
        """By it clients find the names of a database's config vars; who may not read these is told none."""
        try:
            self.find(call, "addon:config")
        except (Forbidden, NotFound):
            return None
        database = place.database
        host = self.clusters.engines.settings.engine_host
        return rules.url(database.role, place.password, host, place.engine.port, database.name)


def _rollback(database: PostgresDatabase, upgrade: Upgrade | None) -> str:
    earliest = rules.rollback_from(database, now(), upgrade.ended_history if upgrade else None)
    return "Unsupported" if earliest is None else f"earliest from {earliest.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _status(place: Place) -> str:
    return WAITING.get(place.database.step, "available")


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


def _empty(
    connection: "psycopg.Connection[Any]", place: Place, extensions: list[str], additional: list[Credential]
) -> None:
    """Everything of its owner's goes, also its rights on the database, which are given again, as are those of others."""
    role, size = sql.Identifier(place.database.role), SIZES[place.database.plan]
    present = [one for one in additional if roles.exists(connection, one.role)]
    for name in (place.database.role, *(one.role for one in present)):
        connection.execute(sql.SQL("drop owned by {} cascade").format(sql.Identifier(name)))
    connection.execute("create schema if not exists public")
    connection.execute("grant usage on schema public to public")
    tenants.ensure(connection, tenant_of(place), size.connections)
    tenants.ensure_inside(connection, tenant_of(place), statistics=not place.engine.shared)
    if place.engine.shared:
        statements.give_own(connection, place.database.role)
    for one in present:
        roles.grant(connection, tenant_of(place), one)
    # As their owner, who may drop them; their scripts find nothing of anybody's in the new schema.
    connection.execute(sql.SQL("set local role {}").format(role))
    for name in extensions:
        statement = sql.SQL("create extension if not exists {} with schema public cascade")
        connection.execute(statement.format(sql.Identifier(name)))
