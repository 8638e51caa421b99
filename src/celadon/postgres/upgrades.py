"""Carries out upgrades of databases. A row is the program counter (model/postgres_upgrade.py); each state may be done again.

A copy is tried in a server that exists for that alone, whose id is in the row before anything of it is made. The database
itself is closed while pg_upgrade copies its files; until those are switched, whatever goes wrong opens it again as it was.
"""

import logging
import threading
import time
import uuid
from dataclasses import replace

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions import upgrading
from celadon.actions.postgres_databases import Place
from celadon.model.errors import Conflict
from celadon.model.postgres_database import Origin, Step
from celadon.model.postgres_upgrade import ATTEMPTS, Upgrade, UpgradeStatus
from celadon.platform.failure import PlatformFailure
from celadon.postgres import tenants
from celadon.postgres.cluster import ClusterFailure
from celadon.postgres.provider import PostgresProvider
from celadon.postgres.upgrade_files import UpgradeFiles, UpgradeRefused
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

# At once on this machine; each takes a disk.
_AT_ONCE = 2
_STOP = 120.0
# Seconds before what the platform interrupted is tried again.
_PAUSE = 5.0
_STOPPED = "The platform was in the way each time; its operator finds the reason in the log of the addons role."
_FAILURES = (RuntimeFailure, ClusterFailure, PlatformFailure, Conflict, psycopg.Error, OSError)


class Upgrades:
    """The upgrades of this machine, each in a thread."""

    def __init__(self, provider: PostgresProvider) -> None:
        self.provider = provider
        self.context = provider.context
        self.clusters = provider.clusters
        self.files = UpgradeFiles(provider.clusters)
        self._lock = threading.Lock()
        self._at_work: set[str] = set()
        self._due: dict[str, float] = {}

    def ensure(self) -> int:
        """Go on with what nobody is at work on; returns how many."""
        begun = 0
        for upgrade in upgrading.unfinished(self.context):
            with self._lock:
                waits = self._due.get(upgrade.addon_id, 0.0) > time.monotonic()
                if waits or upgrade.addon_id in self._at_work or len(self._at_work) >= _AT_ONCE:
                    continue
                self._at_work.add(upgrade.addon_id)
            threading.Thread(target=self._work, args=(upgrade.addon_id,), daemon=True).start()
            begun += 1
        return begun

    def _work(self, addon_id: str) -> None:
        try:
            self.run(addon_id)
        except Exception:
            # The store does not answer, or the engine: the next look goes on.
            log.exception("at=upgrade addon=%s", addon_id)
            self._due[addon_id] = time.monotonic() + _PAUSE
        finally:
            with self._lock:
                self._at_work.discard(addon_id)

    def run(self, addon_id: str) -> None:
        """Carry one out as far as can be now; it may be called again after a kill at any point.

        Raises RuntimeFailure, ClusterFailure, PlatformFailure, Conflict, psycopg.Error, OSError: to be called again.
        """
        upgrade, place = upgrading.find(self.context, addon_id), databases.find(self.context, addon_id)
        if upgrade is None:
            return
        if place is None or place.database.step is Step.REMOVING:
            self._remove_copy(upgrade)
            if place is None:
                upgrading.forget(self.context, addon_id)
        elif not upgrade.busy:
            self._remove_copy(upgrade)
        elif upgrade.status is UpgradeStatus.TRYING:
            self._rehearse(upgrade, place)
        elif upgrade.busy:
            with self.provider.locks.of(place.engine.id):
                self._upgrade(upgrade)

    # A copy.

    def _rehearse(self, upgrade: Upgrade, place: Place) -> None:
        self._remove_copy(upgrade)
        if upgrade.attempts >= ATTEMPTS:
            upgrading.failed(self.context, upgrade.addon_id, _STOPPED)
            return
        if place.database.step is not Step.AVAILABLE:
            return
        begun = upgrading.trying(self.context, upgrade.addon_id, str(uuid.uuid4()))
        if begun is None:
            return
        began, refused = time.monotonic(), None
        try:
            self._upgrade_copy(begun, place)
        except UpgradeRefused as refusal:
            refused = str(refusal)
        finally:
            self._remove_copy(begun)
        if refused is not None:
            upgrading.failed(self.context, upgrade.addon_id, refused)
        else:
            took = f"pg_upgrade found nothing in the way; with the copy it took {time.monotonic() - began:.0f} s."
            upgrading.tried(self.context, upgrade.addon_id, took)

    def _upgrade_copy(self, upgrade: Upgrade, place: Place) -> None:
        assert upgrade.scratch_id is not None, "it was written when this was begun"
        engine = databases.scratch(self.context, place.engine, upgrade.scratch_id)
        # Other names, as a copy has.
        tenant = tenants.new()
        names = {"name": tenant.name, "role": tenant.role, "origin": Origin.FORK, "target": None}
        database = replace(place.database, **names)  # type: ignore[arg-type]
        self.provider.copies.make(Place(database=database, engine=engine, password=tenant.password), place)
        self.files.make(engine, upgrade.version_to)

    def _remove_copy(self, upgrade: Upgrade) -> None:
        if upgrade.scratch_id is None:
            return
        engine = databases.engine(self.context, upgrade.scratch_id)
        if engine is not None:
            self.provider.copies.clear(engine)
            self.files.clear(engine)
            databases.remove_scratch(self.context, engine.id, self.clusters.engines.remove)
        upgrading.removed(self.context, upgrade.addon_id)

    # The database itself.

    def _upgrade(self, upgrade: Upgrade) -> None:
        if upgrade.status in (UpgradeStatus.WAITING, UpgradeStatus.RUNNING) and not self._make(upgrade):
            return
        place = databases.find(self.context, upgrade.addon_id)
        if place is None:
            return
        if place.database.step is Step.UPGRADING and not self._open(upgrade, place):
            return
        self._analyze(place)
        self.files.clear_old(place.engine)
        upgrading.succeeded(self.context, upgrade.addon_id)
        log.info("at=upgraded engine=%s version=%s", place.engine.name, upgrade.version_to)

    def _make(self, upgrade: Upgrade) -> bool:
        """Have the files of the new version; False when it has failed, or cannot begin now."""
        if upgrade.attempts >= ATTEMPTS:
            self._give_up(upgrade, _STOPPED)
            return False
        place = upgrading.begin(self.context, upgrade.addon_id)
        if place is None:
            return False
        engine, runtime = place.engine, self.clusters.engines.runtime
        try:
            if self.clusters.engines.running(engine):
                self.clusters.stop(engine, engine.name, _STOP)
            runtime.remove(engine.name)
            self.files.make(engine, upgrade.version_to)
        except UpgradeRefused as refusal:
            self._give_up(upgrade, str(refusal))
            return False
        except _FAILURES:
            if upgrade.attempts + 1 < ATTEMPTS:
                raise
            log.exception("at=upgrade engine=%s", engine.name)
            self._give_up(upgrade, _STOPPED)
            return False
        return upgrading.advance(self.context, upgrade.addon_id, UpgradeStatus.SWITCHING)

    def _give_up(self, upgrade: Upgrade, report: str) -> None:
        """Open it again, as it was."""
        place = databases.find(self.context, upgrade.addon_id)
        if place is not None and place.database.step is Step.UPGRADING:
            self.files.clear(place.engine)
        upgrading.failed(self.context, upgrade.addon_id, report)
        if place is not None and place.database.step is Step.UPGRADING:
            self.provider.launcher.launch(place.engine)

    def _open(self, upgrade: Upgrade, place: Place) -> bool:
        """From complete files to a database that takes connections; False when it is being removed."""
        self.files.switch(place.engine, upgrade.version_to)
        if not upgrading.switched(self.context, upgrade.addon_id):
            return False
        place = replace(place, engine=replace(place.engine, version=upgrade.version_to))
        self.provider.launcher.launch(place.engine)
        self.provider.ensure_tenant(place)
        # Before anybody asks for a rollback: those to before the upgrade end here.
        self.provider.archive.renew(place.engine)
        return upgrading.opened(self.context, upgrade.addon_id)

    def _analyze(self, place: Place) -> None:
        """Make the statistics that pg_upgrade leaves behind: without them queries are planned badly."""
        with self.clusters.connect(place.engine, place.database.name) as connection:
            connection.execute("set statement_timeout = 0")
            connection.execute("analyze")
