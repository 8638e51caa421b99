"""Who provides which add-ons: one object for each service that comes with the platform, HTTP for the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psycopg
from starlette.types import ASGIApp

from celadon.actions import caches, provisioning
from celadon.actions import transfers as backups
from celadon.actions.context import Context
from celadon.actions.postgres_databases import running
from celadon.addons.accepted import Accepted
from celadon.addons.engines import Engines
from celadon.addons.http import HttpProvider
from celadon.addons.locks import Locks
from celadon.addons.ports import Ports
from celadon.addons.provider import OwnProvider, Provider, ProviderFailed
from celadon.addons.reach import Reach
from celadon.addons.renewals import Renewals
from celadon.api.route import Route
from celadon.caches import manager as caches_manager
from celadon.caches import routes as cache_routes
from celadon.caches.memcached import MemcachedServers
from celadon.caches.provider import MemcachedProvider, RedisProvider
from celadon.caches.redis import RedisServers
from celadon.caches.servers import ServerFailure
from celadon.dashboard import database_routes
from celadon.dashboard.data_api import DataApi
from celadon.deployhooks.provider import DeployHooksProvider
from celadon.model.cache import MEMCACHED, REDIS
from celadon.model.engine import Engine, EngineKind
from celadon.platform import runtimes
from celadon.platform.failure import PlatformFailure
from celadon.postgres import dataclip_pages, downloads, maintenance_routes, reports, transfer_routes, upgrade_routes
from celadon.postgres import manager as postgres_manager
from celadon.postgres import routes as postgres_routes
from celadon.postgres.changes import Changes
from celadon.postgres.clip_places import ClusterPlaces
from celadon.postgres.clip_runs import Runs
from celadon.postgres.cluster import Clusters
from celadon.postgres.credentials import Credentials
from celadon.postgres.databases import Databases
from celadon.postgres.inspection import Inspection
from celadon.postgres.limits import Limits
from celadon.postgres.logs import Logs
from celadon.postgres.maintenance import Maintenance
from celadon.postgres.maintenance_routes import Windows
from celadon.postgres.pairs import Pairs
from celadon.postgres.provider import PostgresProvider
from celadon.postgres.reports import Reports
from celadon.postgres.samples import Samples
from celadon.postgres.settings import Settings
from celadon.postgres.transfers import Transfers
from celadon.postgres.upgrades import Upgrades
from celadon.postgres.verification import Verification
from celadon.postgres.watch import Watch
from celadon.runtime.protocol import RuntimeFailure
from celadon.scheduler.provider import SchedulerProvider
from celadon.store import addon_services, postgres_databases
from celadon.store import caches as stored_caches
from celadon.store import engines as stored_engines


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Service → its provider, and those of them that make something; what keeps their engines as they should be: often,
    in a thread of its own; and what they answer themselves, of which the router sends the paths here
    (router/haproxy.cfg).
    """

    providers: Mapping[str, Provider]
    own: Mapping[str, OwnProvider] = field(default_factory=dict)
    ensures: tuple[Callable[[], object], ...] = ()
    routes: tuple[Route, ...] = ()
    files: Mapping[str, ASGIApp] = field(default_factory=dict)


def built_in(context: Context) -> Services:
    """What this machine provides. Raises RuntimeFailure, PlatformFailure.

    A service of the catalogue without a provider waits, and is given up after a day.
    """
    engines = Engines(context.settings)
    runtimes.network(context.settings).ensure()
    with context.database.read() as tx:
        known = stored_engines.list_all(tx)
    engines.sweep(known)
    clusters, locks = Clusters(engines), Locks()
    pairs = Pairs(context, clusters, locks)
    reach = Reach(context, engines, (postgres_databases.engines_of, stored_caches.engines_of))
    ports = Ports(engines, (pairs.published, lambda: caches.published(context)))
    postgres = postgres_manager.Manager(context, pairs, ports)
    transfers = Transfers(context, pairs)
    verification = Verification(context, clusters, transfers)
    provider = PostgresProvider(context, pairs, reach.ensure, ports, transfers.forget)
    settings = Settings(context, pairs)
    changes = Changes(context, pairs)
    limits, logs, samples = Limits(context, pairs), Logs(context, pairs), Samples(context, pairs)
    redis = RedisServers(engines)
    cached = caches_manager.Manager(
        context,
        {EngineKind.REDIS: redis, EngineKind.MEMCACHED: MemcachedServers(engines)},
        locks,
        ports,
        lambda addon_id, config: provisioning.config_changed(context, addon_id, config),
    )
    own: dict[str, OwnProvider] = {
        "heroku-postgresql": provider,
        MEMCACHED: MemcachedProvider(cached, reach.ensure),
        REDIS: RedisProvider(cached, reach.ensure),
        "deployhooks": DeployHooksProvider(context),
        "scheduler": SchedulerProvider(context),
    }
    return Services(
        own=own,
        providers={
            **own,
            "logging": Accepted("Not needed: `celadon logs --tail` works for every app, drains too."),
            "pgbackups": Accepted("Not needed: backups are part of heroku-postgresql, see `celadon pg:backups`."),
            "ssl": Accepted("Not needed: `celadon certs:auto:enable`, or `celadon certs:add`, is all that TLS takes."),
        },
        ensures=(
            reach.ensure,
            postgres.look,
            postgres.publish,
            postgres.keep_spare,
            transfers.ensure,
            verification.ensure,
            provider.archive.ensure,
            provider.finish_followers,
            settings.ensure,
            Maintenance(context, pairs).ensure,
            changes.ensure,
            Upgrades(provider).ensure,
            limits.ensure,
            Watch(context, clusters).ensure,
            logs.ensure,
            samples.ensure,
            cached.look,
            *(renewals.ensure for renewals in _renewals(context, clusters, locks, redis)),
        ),
        routes=served(context, pairs, cached, redis, settings, changes),
        files={backups.PATH: downloads.application(context)},
    )


def _renewals(context: Context, clusters: Clusters, locks: Locks, redis: RedisServers) -> tuple[Renewals, ...]:
    """Of the servers that speak TLS."""

    def caches_running() -> list[Engine]:
        found = [place.engine for place in caches.list_all(context)]
        return [engine for engine in found if engine.kind is EngineKind.REDIS]

    return (
        Renewals(
            clusters.engines,
            locks,
            lambda: running(context),
            clusters.reload,
            (RuntimeFailure, PlatformFailure, OSError, psycopg.Error),
        ),
        Renewals(
            clusters.engines,
            locks,
            caches_running,
            redis.reload,
            (RuntimeFailure, PlatformFailure, OSError, ServerFailure),
        ),
    )


def served(
    context: Context,
    pairs: Pairs,
    cached: caches_manager.Manager,
    redis: RedisServers,
    settings: Settings,
    changes: Changes,
) -> tuple[Route, ...]:
    """All routes of the role."""
    places = ClusterPlaces(context, pairs)
    databases = Databases(context, pairs, places.forget)
    runs = Runs(context, places)
    data_api = (
        *postgres_routes.routes(runs),
        *postgres_routes.of_databases(databases),
        *postgres_routes.of_credentials(Credentials(databases, changes)),
        *postgres_routes.of_inspection(Inspection(pairs)),
        *postgres_routes.of_settings(settings),
        *maintenance_routes.routes(Windows(pairs.clusters)),
        *reports.routes(Reports(pairs)),
        *upgrade_routes.routes(pairs.clusters.versions),
        *transfer_routes.ROUTES,
        *cache_routes.routes(cached, redis),
    )
    return (*data_api, *database_routes.routes(DataApi(data_api)), *dataclip_pages.routes(runs))


class Providers:
    """Finds the provider of a service."""

    def __init__(self, context: Context, own: Mapping[str, Provider]) -> None:
        self._context = context
        self._own = own

    def is_own(self, service: str) -> bool:
        """Whether the platform provides it itself."""
        return service in self._own

    def of(self, service: str) -> Provider:
        """Raises ProviderFailed when nobody provides it."""
        if service in self._own:
            return self._own[service]
        with self._context.database.read() as tx:
            known = addon_services.credentials(tx, service)
        if known is None:
            raise ProviderFailed(f"there is no provider of {service} on this platform")
        return HttpProvider(self._context, known)
