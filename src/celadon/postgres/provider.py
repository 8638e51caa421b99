"""heroku-postgresql, a provider: from a plan to a database that answers.

An add-on's row in `postgres_databases` is its program counter: each step may be done again.
"""

import logging
import os
from collections.abc import Callable

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.actions.postgres_databases import Names, Place
from celadon.addons.locks import Locks
from celadon.addons.ports import Ports
from celadon.addons.provider import Provided, ProviderFailed, ProviderRefused, Wanted
from celadon.model import postgres_database as rules
from celadon.model.errors import Conflict
from celadon.model.postgres_database import SIZES, Step
from celadon.platform.failure import PlatformFailure
from celadon.postgres import tenants
from celadon.postgres.cluster import ClusterFailure, Clusters
from celadon.postgres.pairs import Pairs
from celadon.postgres.tenants import Tenant
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

PREFIX = "HEROKU_POSTGRESQL"


class PostgresProvider:
    """The Provider port over the clusters of this machine."""

    def __init__(
        self,
        context: Context,
        clusters: Clusters,
        locks: Locks,
        reach: Callable[[], object] = lambda: None,
        ports: Ports | None = None,
        forget: Callable[[str], object] = lambda _: None,
    ) -> None:
        # Removes the backups of a database.
        self.forget = forget
        self.context = context
        # Lets the dynos of apps reach what they are attached to: before they are told of it.
        self.reach = reach
        self.clusters = clusters
        self.locks = locks
        self.pairs = Pairs(context, clusters)
        self.ports = ports or Ports(clusters.engines, (self.pairs.published,))

    def provision(self, wanted: Wanted) -> Provided:
        size = SIZES.get(wanted.plan)
        if size is None:
            raise ProviderRefused(f"cannot make a database: there is no plan {wanted.plan[:40]!r}")
        if size.memory > _machine_memory():
            raise ProviderRefused(
                f"cannot make a database: {wanted.plan} has {size.memory >> 20:,} MB of memory, more than this machine"
            )
        if wanted.options:
            raise ProviderRefused(f"cannot make a database: it has no option --{min(wanted.options)[:40]}")
        place = self._reserve(wanted)
        self._attempt(f"make {wanted.name}", lambda: self._prepare(place))
        self._attempt(f"connect {wanted.name}", self.reach)
        return self.provided(place)

    def change_plan(self, addon_id: str, provider_id: str, plan: str) -> Provided:
        place = databases.find(self.context, addon_id)
        if place is None:
            raise ProviderRefused("cannot change the plan: the database is gone")
        raise ProviderRefused(
            f"cannot change from {place.database.plan} to {plan}: make a database of that plan with "
            "--fork or --follow, then pg:promote it"
        )

    def deprovision(self, addon_id: str, provider_id: str | None) -> None:
        place = databases.remove(self.context, addon_id)
        if place is not None:
            self._attempt(f"forget {place.database.name}", lambda: self.forget(addon_id))
            self._attempt(f"remove {place.database.name}", lambda: self._remove(place))
            databases.removed(self.context, place)
            self.publish()

    def provided(self, place: Place) -> Provided:
        """What an app is told of a database."""
        database, host = place.database, self.clusters.engines.settings.engine_host
        url = rules.url(database.role, place.password, host, place.engine.port, database.name)
        return Provided(provider_id=database.addon_id, config={f"{PREFIX}_URL": url})

    def publish(self) -> None:
        """Make all engines reachable that are to run."""
        self.ports.publish()

    def _reserve(self, wanted: Wanted) -> Place:
        made = tenants.new()
        names = Names(name=made.name, role=made.role, password=made.password)
        try:
            return databases.reserve(self.context, wanted.addon_id, wanted.plan, self.clusters.version, names)
        except Conflict as error:
            raise ProviderRefused(error.message) from None

    def _prepare(self, place: Place) -> None:
        """From a place to a database that takes connections."""
        if place.database.step is Step.AVAILABLE:
            return
        self.run(place)
        self.publish()
        engine, connections = self.pairs.primary(place.engine), SIZES[place.database.plan].connections
        with self.clusters.connect(engine) as connection:
            if engine.pair:
                self.pairs.ensure_roles(connection, engine)
            tenants.ensure(connection, tenant_of(place), connections)
        with self.clusters.connect(engine, place.database.name) as connection:
            tenants.ensure_inside(connection, tenant_of(place), statistics=not place.engine.shared)
        databases.step(self.context, place.database.addon_id, Step.AVAILABLE)

    def run(self, place: Place) -> None:
        """Have its cluster made and running."""
        with self.locks.of(place.engine.id):
            self.clusters.make(place.engine)
            if place.engine.pair:
                self.pairs.run(place.engine)
                return
            self.clusters.configure(place.engine)
            self.clusters.start(place.engine)

    def _remove(self, place: Place) -> None:
        own = databases.engines_of(self.context, place)
        if any(engine.pair for engine in own):
            self.pairs.forget(place.engine)
        for engine in own:
            with self.locks.of(engine.id):
                self.clusters.engines.remove(engine)
        with self.locks.of(place.engine.id):
            if place.engine.shared and self.clusters.made(place.engine):
                self.clusters.start(place.engine)
                with self.clusters.connect(place.engine) as connection:
                    tenants.drop(connection, tenant_of(place))

    def _attempt(self, intent: str, work: Callable[[], object]) -> None:
        try:
            work()
        except (RuntimeFailure, ClusterFailure, PlatformFailure, psycopg.Error, OSError) as error:
            log.exception("at=failed intent=%s", intent)
            # What the server said may hold names of others: it is in the role's log.
            raise ProviderFailed(f"cannot {intent}: its server does not answer as it should") from error


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def tenant_of(place: Place) -> Tenant:
    return Tenant(name=place.database.name, role=place.database.role, password=place.password)
