"""Where a database comes from and who follows it, in the rows of `pg:info`."""

import logging
from typing import Any

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.actions.postgres_databases import Site
from celadon.model.postgres_database import Origin
from celadon.postgres.followers import Followers, Lag
from celadon.postgres.pairs import Pairs

log = logging.getLogger(__name__)


class Lineage:
    """Tells databases by URLs without logins; clients find the names of config vars by them."""

    def __init__(self, context: Context, pairs: Pairs) -> None:
        self._context = context
        self._followers = Followers(context, pairs)

    def url(self, place: Site) -> str:
        return f"postgres://{self._context.settings.engine_host}:{place.engine.port}/{place.database.name}"

    def source(self, place: Site, origin: Origin) -> str | None:
        """What it was made from so; None for another origin, or when that is gone."""
        database = place.database
        found = databases.find(self._context, database.source_id or "") if database.origin is origin else None
        return None if found is None else self.url(found)

    def rows(self, place: Site) -> list[dict[str, Any]]:
        """Only what there is."""
        followers = databases.followers(self._context, place.database.addon_id)
        named: dict[str, list[str | None]] = {
            "Forked From": [self.source(place, Origin.FORK)],
            "Following": [self.source(place, Origin.FOLLOW)],
            "Followers": [*sorted(map(self.url, followers))],
        }
        urls = {name: [url for url in found if url] for name, found in named.items()}
        told = [{"name": name, "values": found, "resolve_db_name": True} for name, found in urls.items() if found]
        if place.database.origin is Origin.FOLLOW:
            told.append({"name": "Behind By", "values": [self._behind(place)]})
        return told

    def _behind(self, place: Site) -> str:
        try:
            lag = self._followers.lag(place)
        except psycopg.Error as error:
            log.warning("at=failed intent=lag engine=%s error=%r", place.engine.name, error)
            lag = None
        return "unknown, a server does not answer" if lag is None else _told(lag)


def _told(lag: Lag) -> str:
    if lag.lost:
        return "more than its leader keeps: it is made anew"
    return f"{lag.bytes:,} bytes, {lag.seconds:.1f} seconds" + (
        "" if lag.streaming else "; not connected to its leader"
    )
