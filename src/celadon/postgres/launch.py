"""How a cluster is configured and started: as a shared one, one with an archive, one that follows another, or a pair's."""

import contextlib

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.actions.postgres_databases import Place
from celadon.model import postgres_setting as settings
from celadon.model.engine import Engine
from celadon.model.postgres_database import SIZES, Step
from celadon.postgres.followers import Followers
from celadon.postgres.pairs import Pairs


class Launcher:
    """Knows what a cluster is to be; whoever starts one asks it. Calls of one engine must not overlap."""

    def __init__(self, context: Context, pairs: Pairs) -> None:
        self.context = context
        self.clusters = pairs.clusters
        self.pairs = pairs
        self.archive = pairs.archive
        self.followers = Followers(context, pairs)

    def launch(self, engine: Engine) -> None:
        """Start it unless it runs. Raises RuntimeFailure, ClusterFailure, PlatformFailure, OSError."""
        place = None if engine.shared else databases.of_engine(self.context, engine.id)
        if place is None:
            self.clusters.configure(engine)
            self.clusters.start(engine)
            return
        # A follower has one as well: it is written to as soon as it follows no longer.
        mount = self.archive.prepare(engine, SIZES[place.database.plan].rollback_days)
        group = self.configure(place)
        self.clusters.start(engine, mounts=(mount,), group=group)

    def configure(self, place: Place) -> str | None:
        """Write what a database's own server is to be; returns the group to start it in. Raises RuntimeFailure, OSError."""
        leader = self.followers.leader_of(place)
        lines, group = self.followers.configure(place, leader) if leader else ("", None)
        followers = databases.followers(self.context, place.database.addon_id)
        peers = [
            self.clusters.engines.address(one.engine) for one in followers if one.database.step is not Step.REMOVING
        ]
        own = settings.lines(place.database.settings)
        self.clusters.configure(place.engine, self.archive.lines(place.engine) + lines + own, peers)
        return group

    def admit(self, place: Place, engine: Engine) -> None:
        """Let those in that follow a database now, and no others any more, at one of its servers.

        Raises RuntimeFailure, psycopg.Error, OSError.
        """
        if engine.pair is None:
            self.configure(place)
        else:
            self.pairs.admit(place, engine)
        # A node that is away is configured anew when it is started.
        away = () if engine.pair is None else (psycopg.OperationalError,)
        with contextlib.suppress(*away):
            # One that does not know the new files yet is restarted with them by the manager.
            if not self.clusters.outdated(engine):
                self.clusters.reload(engine)
