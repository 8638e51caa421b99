"""Verified backups: each scheduled one is restored into a cluster that exists for that alone, and its rows are counted.

The engine's id is in the transfer's row before anything of it is made: whoever comes after a crash removes it and begins
anew.
"""

import logging
import uuid
from dataclasses import replace

import psycopg

from celadon.actions import postgres_databases as databases
from celadon.actions import transferring
from celadon.actions.context import Context
from celadon.model.engine import Engine
from celadon.model.errors import Conflict
from celadon.model.transfer import Check, Transfer, differences
from celadon.postgres import tenants
from celadon.postgres.cluster import ClusterFailure, Clusters
from celadon.postgres.programs import Login
from celadon.postgres.snapshots import count
from celadon.postgres.transfers import TransferFailure, Transfers
from celadon.runtime.protocol import RuntimeFailure

log = logging.getLogger(__name__)

_CONNECTIONS = 5


class Verification:
    """Checks one backup after the other."""

    def __init__(self, context: Context, clusters: Clusters, transfers: Transfers) -> None:
        self.context = context
        self.clusters = clusters
        self.transfers = transfers

    def ensure(self) -> int:
        """Check what is due; returns how many were checked."""
        waiting = transferring.to_check(self.context)
        for transfer in waiting:
            try:
                self.run(transfer)
            except (RuntimeFailure, ClusterFailure, Conflict, psycopg.Error, OSError):
                # The platform is to blame, and not the backup: the next look tries again.
                log.exception("at=verify transfer=%s", transfer.id)
        return len(waiting)

    def run(self, transfer: Transfer) -> None:
        """Restore a backup and write whether it is good. Raises RuntimeFailure, ClusterFailure, psycopg.Error, OSError."""
        if transfer.check is Check.RUNNING:
            self._remove(transfer)
        place = databases.find(self.context, transfer.addon_id)
        if place is None or not transfer.kept:
            transferring.checked(self.context, transfer.id, "it is not there any more")
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
        with self.clusters.connect(engine, tenant.name) as connection:
            lacking = differences(transfer.row_counts or {}, count(connection))
        return "; ".join(lacking[:5]) or None

    def _remove(self, transfer: Transfer) -> None:
        self.transfers.archives.clear(transfer)
        self.transfers.programs.end(transfer)
        if transfer.check_engine_id is not None:
            databases.remove_scratch(self.context, transfer.check_engine_id, self.clusters.engines.remove)
