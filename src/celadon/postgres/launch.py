"""How a cluster is configured and started: as a shared one, one with an archive, or one that follows another."""

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.model.engine import Engine
from celadon.model.postgres_database import SIZES
from celadon.postgres import archive
from celadon.postgres.archive import Archive
from celadon.postgres.cluster import Clusters
from celadon.postgres.followers import Followers


class Launcher:
    """Knows what a cluster is to be; whoever starts one asks it. Calls of one engine must not overlap."""

    def __init__(self, context: Context, clusters: Clusters) -> None:
        self.context = context
        self.clusters = clusters
        self.archive = Archive(context, clusters)
        self.followers = Followers(context, clusters)

    def launch(self, engine: Engine) -> None:
        """Start it unless it runs. Raises RuntimeFailure, ClusterFailure, PlatformFailure, OSError."""
        place = None if engine.shared else databases.of_engine(self.context, engine.id)
        if place is None:
            self.clusters.configure(engine)
            self.clusters.start(engine)
            return
        # A follower has one as well: it is written to as soon as it follows no longer.
        mount = self.archive.prepare(engine, SIZES[place.database.plan].rollback_days)
        leader = self.followers.leader_of(place)
        lines, group = self.followers.configure(place, leader) if leader else ("", None)
        self.clusters.configure(engine, archive.LINES + lines)
        self.clusters.start(engine, mounts=(mount,), group=group)
