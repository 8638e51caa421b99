"""heroku-postgresql, a provider: from a plan to a database that answers.

An add-on's row in `postgres_databases` is its program counter: each step may be done again.
"""

import logging
from collections.abc import Callable

import psycopg

from celadon.actions import engines as all_engines
from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.actions.postgres_databases import Names, Place
from celadon.addons.locks import Locks
from celadon.addons.provider import Provided, ProviderFailed, ProviderRefused, Wanted
from celadon.model import postgres_database as rules
from celadon.model.errors import Conflict
from celadon.model.postgres_database import SIZES, Step
from celadon.platform.failure import PlatformFailure
from celadon.postgres import tenants
from celadon.postgres.cluster import ClusterFailure, Clusters
from celadon.postgres.tenants import Tenant
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

PREFIX = "HEROKU_POSTGRESQL"


class PostgresProvider:
    """The Provider port over the clusters of this machine."""

    def __init__(self, context: Context, clusters: Clusters, locks: Locks) -> None:
        self.context = context
        self.clusters = clusters
        self.locks = locks

    def provision(self, wanted: Wanted) -> Provided:
        size = SIZES.get(wanted.plan)
        if size is None:
            raise ProviderRefused(f"cannot make a database: there is no plan {wanted.plan[:40]!r}")
        if wanted.options:
            raise ProviderRefused(f"cannot make a database: it has no option --{min(wanted.options)[:40]}")
        place = self._reserve(wanted)
        self._attempt(f"make {wanted.name}", lambda: self._prepare(place))
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
        self.clusters.engines.publish(all_engines.running(self.context))

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
        connections = SIZES[place.database.plan].connections
        with self.clusters.connect(place.engine) as connection:
            tenants.ensure(connection, tenant_of(place), connections)
        with self.clusters.connect(place.engine, place.database.name) as connection:
            tenants.ensure_inside(connection, tenant_of(place), statistics=not place.engine.shared)
        databases.step(self.context, place.database.addon_id, Step.AVAILABLE)

    def run(self, place: Place) -> None:
        """Have its cluster made and running."""
        with self.locks.of(place.engine.id):
            self.clusters.make(place.engine)
            self.clusters.configure(place.engine)
            self.clusters.start(place.engine)

    def _remove(self, place: Place) -> None:
        with self.locks.of(place.engine.id):
            if not place.engine.shared:
                self.clusters.engines.remove(place.engine)
            elif self.clusters.made(place.engine):
                self.clusters.start(place.engine)
                with self.clusters.connect(place.engine) as connection:
                    tenants.drop(connection, tenant_of(place))

    def _attempt(self, intent: str, work: Callable[[], None]) -> None:
        try:
            work()
        except (RuntimeFailure, ClusterFailure, PlatformFailure, psycopg.Error, OSError) as error:
            log.exception("at=failed intent=%s", intent)
            # What the server said may hold names of others: it is in the role's log.
            raise ProviderFailed(f"cannot {intent}: its server does not answer as it should") from error


def tenant_of(place: Place) -> Tenant:
    return Tenant(name=place.database.name, role=place.database.role, password=place.password)
