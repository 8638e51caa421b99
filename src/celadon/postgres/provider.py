"""heroku-postgresql, a provider: from a plan to a database that answers.

An add-on's row in `postgres_databases` is its program counter: each step may be done again.
"""

import contextlib
import functools
import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace

import psycopg

from celadon.actions import postgres_credentials as credentials
from celadon.actions import postgres_databases as databases
from celadon.actions import postgres_limits, postgres_sources
from celadon.actions.context import Context
from celadon.actions.postgres_databases import Names, Place, Source
from celadon.addons.backoff import Backoff
from celadon.addons.ports import Ports
from celadon.addons.provider import Provided, ProviderFailed, ProviderRefused, Wanted
from celadon.model import postgres_database as rules
from celadon.model import postgres_limits as limits
from celadon.model import postgres_origin, postgres_upgrade
from celadon.model.errors import Conflict, InvalidParams, NotFound
from celadon.model.postgres_database import SIZES, Origin, Step
from celadon.platform.failure import PlatformFailure
from celadon.postgres import credential_roles as roles
from celadon.postgres import sources, statements, tenants
from celadon.postgres.cluster import ClusterFailure
from celadon.postgres.copies import Copies
from celadon.postgres.launch import Launcher
from celadon.postgres.pairs import Pairs
from celadon.postgres.sources import Sources, check_span
from celadon.postgres.tenants import Tenant
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

# The option that says which PostgreSQL a new database has.
_VERSION = "version"
# Seconds for a server to end by itself.
_STOP = 30.0
# Between two looks whether a follower will ever catch up.
_LOOK = 10.0


class PostgresProvider:
    """The Provider port over the clusters of this machine."""

    def __init__(
        self,
        context: Context,
        pairs: Pairs,
        reach: Callable[[], object] = lambda: None,
        ports: Ports | None = None,
        forget: Callable[[str], object] = lambda _: None,
        resolve: sources.Resolve | None = None,
    ) -> None:
        # Removes the backups of a database.
        self.forget = forget
        self.context = context
        # Lets the dynos of apps reach what they are attached to: before they are told of it.
        self.reach = reach
        self.clusters = pairs.clusters
        self.locks = pairs.locks
        self.pairs = pairs
        self.ports = ports or Ports(pairs.clusters.engines, (self.pairs.published,))
        self._look_at = 0.0
        self._backoff = Backoff()
        self.launcher = Launcher(context, pairs)
        self.archive = self.launcher.archive
        self.followers = self.launcher.followers
        self.copies = Copies(pairs.clusters, self.archive, self.followers)
        self.sources = Sources(context, resolve or functools.partial(postgres_sources.find, context))

    def provision(self, wanted: Wanted) -> Provided:
        size = SIZES.get(wanted.plan)
        if size is None:
            raise ProviderRefused(f"cannot make a database: there is no plan {wanted.plan[:40]!r}")
        if size.memory > _machine_memory():
            raise ProviderRefused(
                f"cannot make a database: {wanted.plan} has {size.memory >> 20:,} MB of memory, more than this machine"
            )
        if unknown := wanted.options.keys() - postgres_origin.OPTIONS - {_VERSION}:
            raise ProviderRefused(f"cannot make a database: it has no option --{min(unknown)[:40]}")
        # What was accepted once is: a moment may be out of reach by now.
        place = databases.find(self.context, wanted.addon_id) or self._reserve(wanted)
        self._attempt(f"make {wanted.name}", lambda: self._finish(place))
        self._attempt(f"connect {wanted.name}", self.reach)
        # A follower's password may be another by now.
        return self.provided(databases.find(self.context, wanted.addon_id) or place)

    def change_plan(self, addon_id: str, provider_id: str, plan: str) -> Provided:
        place = databases.find(self.context, addon_id)
        if place is None:
            raise ProviderRefused("cannot change the plan: the database is gone")
        if plan in SIZES and SIZES[plan].shared and place.engine.shared:
            # Both are in the same cluster: only its limits are others.
            try:
                postgres_limits.change_plan(self.context, addon_id, plan)
            except Conflict as error:
                raise ProviderRefused(error.message) from None
            return self.provided(place)
        if place.engine.shared:
            raise ProviderRefused(
                f"cannot change from {place.database.plan} to {plan}, which has a server of its own: make a database of that "
                "plan, pg:copy this one into it, then pg:promote it"
            )
        # A follower has no standby.
        words = "--fork" if plan in SIZES and SIZES[plan].available else "--fork or --follow"
        raise ProviderRefused(
            f"cannot change from {place.database.plan} to {plan}: make a database of that plan with "
            f"{words}, then pg:promote it"
        )

    def deprovision(self, addon_id: str, provider_id: str | None) -> None:
        place = databases.remove(self.context, addon_id)
        if place is not None:
            self._attempt(f"forget {place.database.name}", lambda: self.forget(addon_id))
            self._attempt(f"remove {place.database.name}", lambda: self._remove(place))
            databases.removed(self.context, place)
            self.publish()

    def has(self, addon_id: str) -> bool:
        place = databases.find(self.context, addon_id)
        return place is not None and place.database.step is not Step.REMOVING

    def provided(self, place: Place) -> Provided:
        """What an app is told of a database."""
        database, host = place.database, self.clusters.engines.settings.engine_host
        config = rules.config(database.role, place.password, host, place.engine.port, database.name)
        return Provided(provider_id=database.addon_id, config=config)

    def publish(self) -> None:
        """Make all engines reachable that are to run."""
        self.ports.publish()

    def _reserve(self, wanted: Wanted) -> Place:
        made = tenants.new()
        names = Names(name=made.name, role=made.role, password=made.password)
        version, origin = self._version(wanted), Source()
        if (found := self.sources.of(wanted)) is not None:
            asked, source = found
            if asked.target is not None:
                self._attempt(
                    "read the archive", lambda: check_span(asked, self.archive.span(self.pairs.primary(source.engine)))
                )
            if asked.origin is Origin.FOLLOW:
                names = Names(name=source.database.name, role=source.database.role, password=source.password)
            if _VERSION in wanted.options and source.engine.version != version:
                raise ProviderRefused(
                    f"cannot make a database: what is made from another one has its PostgreSQL, {source.engine.version}; "
                    "leave --version out, and pg:upgrade it afterwards"
                )
            version = source.engine.version
            origin = Source(origin=asked.origin, addon_id=source.database.addon_id, target=asked.target)
        try:
            return databases.reserve(self.context, wanted.addon_id, wanted.plan, version, names, origin)
        except Conflict as error:
            raise ProviderRefused(error.message) from None

    def _version(self, wanted: Wanted) -> str:
        """The major version that is asked for, by default the newest. Raises ProviderRefused."""
        asked = wanted.options.get(_VERSION)
        if asked is None:
            return self.clusters.version
        try:
            found = postgres_upgrade.check_version(asked, self.clusters.versions)
        except InvalidParams as error:
            raise ProviderRefused(f"cannot make a database: {error.message}") from None
        size = SIZES[wanted.plan]
        if found != self.clusters.version and (size.shared or size.available):
            raise ProviderRefused(
                f"cannot make a database: {wanted.plan} is of PostgreSQL {self.clusters.version} only; a standard plan, as "
                f"standard-0, can have {found}"
            )
        return found

    def _finish(self, place: Place) -> None:
        if place.database.step is Step.COPYING:
            self._copy(place)
        self._prepare(place)

    def _copy(self, place: Place) -> None:
        """Fill its server from the one it is made from."""
        source = databases.find(self.context, place.database.source_id or "")
        if source is None or source.database.step is Step.REMOVING:
            self.deprovision(place.database.addon_id, None)
            raise ProviderRefused("cannot make a database: the one it was to be made from is gone")
        source = replace(source, engine=self.pairs.primary(source.engine))
        if place.database.origin is Origin.FOLLOW:
            self._admit(source)
        with self.locks.of(place.engine.id):
            self.copies.make(place, source)
        databases.copied(self.context, place.database.addon_id)

    def _prepare(self, place: Place) -> None:
        """From a place to a database that takes connections."""
        if place.database.step is Step.AVAILABLE:
            return
        self.run(place)
        self.publish()
        if place.database.origin is Origin.FOLLOW:
            self.followers.wait_for_stream(place)
        else:
            self.ensure_tenant(place)
        databases.step(self.context, place.database.addon_id, Step.AVAILABLE)

    def ensure_tenant(self, place: Place) -> None:
        """Have its owner, its rights and its schema as they should be. Raises psycopg.Error."""
        engine, connections = self.pairs.primary(place.engine), SIZES[place.database.plan].connections
        with self.clusters.connect(engine) as connection:
            if engine.pair:
                self.pairs.ensure_roles(connection, engine)
            statements.ensure(connection)
            tenants.ensure(connection, tenant_of(place), connections)
            tenants.bound_spill(connection, place.database.name, limits.temporary(SIZES[place.database.plan]))
        with self.clusters.connect(engine, place.database.name) as connection:
            tenants.ensure_inside(connection, tenant_of(place), statistics=not place.engine.shared)
            if place.engine.shared:
                statements.give_own(connection, place.database.role)

    def run(self, place: Place) -> None:
        """Have its cluster made and running."""
        with self.locks.of(place.engine.id):
            self.clusters.make(place.engine)
            if place.engine.pair:
                self.pairs.run(place.engine)
            else:
                self.launcher.launch(place.engine)

    def finish_followers(self) -> int:
        """Let go and make anew the followers that are to be; returns how many were.

        Takes as long as that takes: whoever calls it has a thread for it. What fails is tried again, ever later.
        """
        self._find_lost()
        done = 0
        for place in databases.unfinished(self.context):
            if not self._backoff.due(place.engine.id):
                continue
            work = self._rebuild if place.database.step is Step.REBUILDING else self._promote
            try:
                self._attempt(f"finish {place.engine.name}", functools.partial(work, place))
            except ProviderFailed:
                self._backoff.failed(place.engine.id)
            else:
                self._backoff.done(place.engine.id)
                done += 1
        return done

    def _find_lost(self) -> None:
        """Say of those followers that will never catch up that they are to be made anew."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOK
        for place in databases.following(self.context):
            # One that does not answer now is looked at again.
            with contextlib.suppress(psycopg.Error, Conflict, NotFound):
                lag = self.followers.lag(place)
                if lag is not None and lag.lost:
                    log.warning("at=lost engine=%s", place.engine.name)
                    databases.rebuild(self.context, place.database.addon_id)

    def _promote(self, place: Place) -> None:
        leader = self.followers.leader_of(place)
        with self.locks.of(place.engine.id):
            self.launcher.launch(place.engine)
            self.followers.promote(place)
            self._own_credentials(place)
        databases.unfollowed(self.context, place.database.addon_id)
        if leader is not None:
            self._admit(leader)

    def _own_credentials(self, place: Place) -> None:
        """What its leader was changing at the end may have come here or not: from now on its own rows say."""
        known = credentials.known(self.context, place.database.addon_id)
        with self.clusters.connect(place.engine, place.database.name) as connection:
            for one in known:
                if one.credential.default:
                    tenants.set_password(connection, one.credential.role, one.password)
            roles.remove_unknown(connection, tenant_of(place), [one.credential.role for one in known])

    def _admit(self, leader: Place) -> None:
        for engine in databases.engines_of(self.context, leader):
            with self.locks.of(engine.id):
                self.launcher.admit(leader, engine)

    def _rebuild(self, place: Place) -> None:
        leader = self.followers.leader_of(place)
        if leader is None:
            raise ClusterFailure(f"cannot make {place.engine.name} anew: its leader is gone")
        leader = replace(leader, engine=self.pairs.primary(leader.engine))
        with self.locks.of(place.engine.id):
            self.clusters.engines.runtime.remove(place.engine.name)
            shutil.rmtree(self.clusters.files(place.engine), ignore_errors=True)
            self.copies.make(place, leader)
            databases.copied(self.context, place.database.addon_id, Step.AVAILABLE)
            self.run(place)

    def _remove(self, place: Place) -> None:
        own = databases.engines_of(self.context, place)
        followed = databases.followers(self.context, place.database.addon_id)
        if place.engine.pair and followed:
            self.pairs.stop(place.engine, _STOP)
        leader = self.followers.leader_of(place)
        for engine in own:
            with self.locks.of(engine.id):
                # Those that follow it get all that was ever committed here.
                if followed and not engine.pair and self.clusters.engines.running(engine):
                    self.clusters.stop(engine, engine.name, _STOP)
                self.copies.clear(engine)
                self.clusters.engines.remove(engine)
                self.archive.remove(engine)
        if place.engine.pair:
            self.pairs.forget(place.engine)
        if leader is not None:
            self.followers.drop_slot(leader, place.engine)
            self._admit(leader)
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
