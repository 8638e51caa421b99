"""Where the databases of this machine's clusters are for clips: each is prepared by its superuser before the first run."""

import logging
import threading

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.model.errors import Conflict
from celadon.model.postgres_database import Step
from celadon.postgres import clips
from celadon.postgres.clips import Place
from celadon.postgres.pairs import Pairs

log = logging.getLogger(__name__)


class ClusterPlaces:
    """Threads share it."""

    def __init__(self, context: Context, pairs: Pairs) -> None:
        self.context = context
        self.clusters = pairs.clusters
        self._pairs = pairs
        self._lock = threading.Lock()
        self._prepared: set[str] = set()

    def of(self, addon_id: str) -> Place:
        """Raises Conflict when the database cannot be asked now."""
        found = databases.find(self.context, addon_id)
        if found is None or found.database.step is not Step.AVAILABLE:
            raise Conflict("cannot run the dataclip: its database is not available now; try again later")
        name = found.database.name
        engine = self._pairs.primary(found.engine)
        place = Place(directory=self.clusters.engines.sockets(engine), database=name, role=clips.role_of(name))
        with self._lock:
            prepared = addon_id in self._prepared
        if not prepared:
            try:
                with self.clusters.connect(engine, name) as connection:
                    clips.prepare(connection, database=name, owners=[found.database.role], role=place.role)
            except psycopg.Error as error:
                # Its words may hold names that are nobody's to know.
                log.warning("at=failed intent=prepare addon=%s error=%s", addon_id, error)
                raise Conflict("cannot run the dataclip: its database does not answer; try again later") from None
            with self._lock:
                self._prepared.add(addon_id)
        return place

    def forget(self, addon_id: str) -> None:
        with self._lock:
            self._prepared.discard(addon_id)
