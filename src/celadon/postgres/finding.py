"""Which database a call means, and the superuser's connection to it."""

import logging
from dataclasses import dataclass
from typing import Any

import psycopg

from celadon.actions import addons
from celadon.actions import postgres_databases as databases
from celadon.actions.addons import Described
from celadon.actions.postgres_databases import Place
from celadon.api.request import Call
from celadon.model.engine import Engine
from celadon.model.errors import Conflict, NotFound
from celadon.model.postgres_database import SERVICE, Step
from celadon.postgres.cluster import Clusters

log = logging.getLogger(__name__)

_LATER = "its server does not answer as it should; try again later, pg:info shows its state"
WAITING = {
    Step.COPYING: "copying",
    Step.PREPARING: "preparing",
    Step.PROMOTING: "unfollowing",
    Step.REBUILDING: "rebuilding",
    Step.UPGRADING: "upgrading",
    Step.REMOVING: "removing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    addon: Described
    place: Place


def find(call: Call, permission: str, named: str | None = None) -> Found:
    """The database that the path names, or that is `named`. Raises NotFound, Forbidden."""
    with call.context.database.read() as tx:
        addon = addons.find_for(tx, call.actor, named or call.params["database"], permission)
        described = addons.described(tx, addon)
    place = databases.find(call.context, addon.id) if addon.service == SERVICE else None
    if place is None:
        raise NotFound("database", f"{addon.name} is no database, or none yet.")
    return Found(addon=described, place=place)


def available(found: Found, intent: str) -> Place:
    """Its place, when its server takes connections. Raises Conflict."""
    if found.place.database.step is not Step.AVAILABLE:
        raise Conflict(f"cannot {intent}: it is {WAITING[found.place.database.step]}; wait with pg:wait")
    return found.place


class Connected:
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
        if isinstance(error, psycopg.errors.QueryCanceled):
            return Conflict(f"cannot {self._intent}: it took too long; try again when the database has less to do")
        return Conflict(f"cannot {self._intent}: {_LATER}")
