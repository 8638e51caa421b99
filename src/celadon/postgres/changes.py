"""Carries out what is wanted of credentials: a row says it, the server gets it, then rows and config vars follow.

Wakes on: the change feed, and every quarter of a second. Survives: a SIGKILL; each step may be done again, and what a
server has been told is told again in the same words.
"""

import logging
from dataclasses import replace
from datetime import timedelta

import psycopg

from celadon.actions import postgres_credentials as credentials
from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context, now
from celadon.actions.postgres_credentials import Known
from celadon.actions.postgres_databases import Place, Site
from celadon.addons.backoff import Backoff
from celadon.model.engine import Engine
from celadon.model.postgres_database import Credential, CredentialState, Step
from celadon.postgres import credential_roles as roles
from celadon.postgres import tenants
from celadon.postgres.followers import Followers
from celadon.postgres.pairs import Pairs
from celadon.postgres.provider import tenant_of
from celadon.postgres.tenants import Connection, Tenant

log = logging.getLogger(__name__)

# So long a login that began with an old password may go on: the servers' authentication_timeout, and a little more.
_LOGIN = timedelta(seconds=22)
# Seconds between two looks for whoever came in by one.
_CUT_AGAIN = 1.0
# Seconds that a request waits for others who work on the server; then it is left to the next look.
_PATIENCE = 5.0


class Changes:
    """Threads share it. Who works on a server has the lock of its engine: nobody starts or stops it meanwhile."""

    def __init__(self, context: Context, pairs: Pairs) -> None:
        self.context = context
        self.clusters = pairs.clusters
        self.locks = pairs.locks
        self.pairs = pairs
        self.followers = Followers(context, pairs)
        self._backoff = Backoff()

    def ensure(self) -> int:
        """Do what is to be done and nobody is at; returns for how many databases."""
        waiting = credentials.unsettled(self.context)
        return sum(self.attempt(addon_id, patience=0.0) for addon_id in waiting if self._backoff.due(addon_id))

    def attempt(self, addon_id: str, patience: float = _PATIENCE) -> bool:
        """Do it now; False when that did not go, in which case `ensure` tries again."""
        place = databases.find(self.context, addon_id)
        if place is None:
            return False
        lock = self.locks.of(place.engine.id)
        if not lock.acquire(timeout=patience):
            return False
        try:
            self.apply(addon_id)
        except psycopg.Error:
            log.exception("at=change-failed addon=%s failures=%d", addon_id, self._backoff.failed(addon_id))
            return False
        finally:
            lock.release()
        self._backoff.done(addon_id, _CUT_AGAIN)
        return True

    def apply(self, addon_id: str) -> None:
        """Bring a database's credentials to rest, but for logins that may still be under way. Raises psycopg.Error."""
        place = databases.find(self.context, addon_id)
        if place is None or place.database.step is not Step.AVAILABLE:
            return
        leader = self.followers.leader_of(place)
        work = [
            one for one in credentials.known(self.context, addon_id) if one.credential.state != CredentialState.ACTIVE
        ]
        if leader is None:
            self._change(place, work)
        elif work:
            # The server has them by its leader; its apps are to be told of them.
            credentials.finish(self.context, addon_id, work, self._host)
        self._cut_off(place, leader)
        for follower in databases.followers(self.context, addon_id):
            # A follower that does not answer, or is behind, is looked after by itself.
            try:
                self._cut_off(follower, place)
            except psycopg.Error as error:
                log.warning("at=cut-off engine=%s error=%s", follower.engine.name, type(error).__name__)

    def lagging(self, place: Place, most: int) -> list[str]:
        """The add-ons of the followers that do not answer, do not stream, or lack more than so many bytes of its log."""
        found = []
        for follower in databases.followers(self.context, place.database.addon_id):
            if follower.database.step is not Step.AVAILABLE:
                continue
            try:
                lag = self.followers.lag(follower)
            except psycopg.Error:
                found.append(follower)
            else:
                if lag is None or not lag.streaming or lag.bytes > most:
                    found.append(follower)
        return [one.database.addon_id for one in found]

    @property
    def _host(self) -> str:
        return self.clusters.engines.settings.engine_host

    def _change(self, place: Place, work: list[Known]) -> None:
        if not work:
            return
        engine, tenant = self.pairs.primary(place.engine), tenant_of(place)
        with self.clusters.connect(engine, place.database.name) as connection:
            for one in work:
                self._step(connection, tenant, one)
        # All at once: an app that has several of them gets one release.
        credentials.finish(self.context, place.database.addon_id, work, self._host)

    def _step(self, connection: Connection, tenant: Tenant, wanted: Known) -> None:
        credential = wanted.credential
        match credential.state:
            case CredentialState.CREATING:
                roles.ensure(connection, tenant, credential, wanted.password)
            case CredentialState.ROTATING:
                tenants.set_password(connection, credential.role, wanted.pending or wanted.password)
            case CredentialState.REMOVING:
                roles.remove(connection, tenant, credential.role)
        log.info("at=credential database=%s name=%s state=%s", tenant.name, credential.name, credential.state)

    def _cut_off(self, place: Site, leader: Site | None) -> None:
        """End the sessions of old passwords, also of those that had begun to log in with one and were not seen yet."""
        for known in credentials.known(self.context, place.database.addon_id):
            credential = known.credential
            if credential.cut_at is None or credential.state is not CredentialState.ACTIVE:
                continue
            if leader is not None and self._is_behind(place.engine, leader.engine, credential):
                continue
            if credential.cut_at > now():
                # It has the new one by now, and may have taken the old one until a moment ago.
                credential = credentials.cut_at(self.context, credential, now())
            self._cut(place, replace(known, credential=credential))

    def _cut(self, place: Site, known: Known) -> None:
        credential = known.credential
        if credential.cut_at is None:
            return
        over = now() > credential.cut_at + _LOGIN
        with self.clusters.connect(self.pairs.primary(place.engine)) as connection:
            tenants.cut_off(connection, credential.role, credential.cut_at)
        if over:
            credentials.cut_off(self.context, known, self._host)

    def _is_behind(self, follower: Engine, leader: Engine, credential: Credential) -> bool:
        with self.clusters.connect(follower) as connection:
            here = roles.secret(connection, credential.role)
        with self.clusters.connect(self.pairs.primary(leader)) as connection:
            return here != roles.secret(connection, credential.role)
