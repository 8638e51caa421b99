"""Verified backups: each scheduled one is restored into a cluster that exists for that alone, and its rows are counted.

The engine's id is in the transfer's row before anything of it is made: whoever comes after a crash removes it and begins
anew. A backup is blamed only when it cannot be restored; whatever the platform is to blame for is tried again some times.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import replace

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions import transferring
from celadon.actions.context import Context
from celadon.addons.backoff import Backoff
from celadon.model.engine import Engine
from celadon.model.errors import Conflict
from celadon.model.transfer import CHECKS, Check, Transfer, differences
from celadon.platform.failure import PlatformFailure
from celadon.postgres import tenants
from celadon.postgres.cluster import ClusterFailure, Clusters
from celadon.postgres.programs import Login, login_to
from celadon.postgres.snapshots import count
from celadon.postgres.transfers import Interrupted, TransferFailure, Transfers
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

_CONNECTIONS = 5
# Seconds before one that was interrupted is tried again: memory may be short for a while.
_PAUSES = (1.0, 300.0)
_FAILURES = (RuntimeFailure, ClusterFailure, PlatformFailure, Conflict, psycopg.Error, OSError)
_STOPPED = "the platform stopped each time"


class Verification:
    """Checks one backup after the other."""

    def __init__(
        self, context: Context, clusters: Clusters, transfers: Transfers, pauses: Sequence[float] = _PAUSES
    ) -> None:
        self.context = context
        self.clusters = clusters
        self.transfers = transfers
        self._backoff = Backoff(pauses)

    def ensure(self) -> int:
        """Check what is due; returns how many were tried."""
        waiting = transferring.to_check(self.context)
        due = [one for one in waiting if self._backoff.due(one.id)]
        for transfer in due:
            try:
                self.run(transfer)
            except (Interrupted, *_FAILURES) as failure:
                self._backoff.failed(transfer.id)
                log.exception("at=verify transfer=%s", transfer.id)
                why = str(failure) if isinstance(failure, Interrupted) else "the server for it did not answer"
                transferring.check_interrupted(self.context, transfer.id, why)
            else:
                self._backoff.done(transfer.id)
        return len(due)

    def run(self, transfer: Transfer) -> None:
        """Restore a backup and write whether it is good.

        Raises Interrupted, RuntimeFailure, ClusterFailure, PlatformFailure, Conflict, psycopg.Error, OSError.
        """
        if transfer.check is Check.RUNNING:
            self._remove(transfer)
        place = databases.find(self.context, transfer.addon_id)
        if place is None or not transfer.kept:
            transferring.not_checked(self.context, transfer.id)
            return
        if transfer.check_attempts >= CHECKS:
            transferring.check_interrupted(self.context, transfer.id, _STOPPED)
            return
        transfer = replace(transfer, check_engine_id=str(uuid.uuid4()))
        transferring.checking(self.context, transfer.id, transfer.check_engine_id)
        try:
            engine = databases.scratch(self.context, place.engine, transfer.check_engine_id or "")
            wrong = self._restore(transfer, engine)
        finally:
            self._remove(transfer)
        transferring.checked(self.context, transfer.id, wrong)

    def _restore(self, transfer: Transfer, engine: Engine) -> str | None:
        """What is wrong with a backup; None when it is all there."""
        self.clusters.make(engine)
        self.clusters.configure(engine)
        self.clusters.start(engine)
        tenant = tenants.new()
        with self.clusters.connect(engine) as connection:
            tenants.ensure(connection, tenant, _CONNECTIONS)
        with self.clusters.connect(engine, tenant.name) as connection:
            tenants.ensure_inside(connection, tenant, statistics=False)
        login = Login(engine=engine, database=tenant.name, role=tenant.role, password=tenant.password)
        try:
            self.transfers.try_out(transfer, login)
        except TransferFailure as failure:
            return str(failure)
        with login_to(self.clusters, login) as connection:
            lacking = differences(transfer.row_counts or {}, count(connection))
        return "; ".join(lacking[:5]) or None

    def _remove(self, transfer: Transfer) -> None:
        self.transfers.backup_files.clear(transfer)
        self.transfers.programs.end(transfer)
        if transfer.check_engine_id is not None:
            databases.remove_scratch(self.context, transfer.check_engine_id, self.clusters.engines.remove)
