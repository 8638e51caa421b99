"""Scheduler jobs, and the schedulers (add-ons) that they are of."""

from datetime import datetime

import sqlalchemy as sa

from celadon.model.scheduler_job import JobStatus, Scheduler, SchedulerJob
from celadon.store import rows, tables
from celadon.store.database import Transaction

_t = tables.scheduler_jobs
_s = tables.schedulers


def scheduler_of(tx: Transaction, app_id: str) -> Scheduler | None:
    """The app's scheduler: it has one at most."""
    return rows.one(tx, Scheduler, sa.select(_s).where(_s.c.app_id == app_id).order_by(_s.c.created_at))


def find_scheduler(tx: Transaction, scheduler_id: str) -> Scheduler | None:
    return rows.one(tx, Scheduler, sa.select(_s).where(_s.c.id == scheduler_id))


def insert_scheduler(tx: Transaction, scheduler: Scheduler) -> None:
    rows.insert(tx, _s, scheduler)


def delete_scheduler(tx: Transaction, scheduler_id: str) -> None:
    """With its jobs."""
    tx.connection.execute(_s.delete().where(_s.c.id == scheduler_id))


def list_of(tx: Transaction, app_id: str) -> list[SchedulerJob]:
    return rows.every(tx, SchedulerJob, sa.select(_t).where(_t.c.app_id == app_id).order_by(_t.c.created_at, _t.c.id))


def find(tx: Transaction, app_id: str, job_id: str) -> SchedulerJob | None:
    return rows.one(tx, SchedulerJob, sa.select(_t).where(_t.c.app_id == app_id, _t.c.id == job_id))


def find_of_dyno(tx: Transaction, dyno_id: str) -> SchedulerJob | None:
    """The job whose last run this dyno is."""
    return rows.one(tx, SchedulerJob, sa.select(_t).where(_t.c.dyno_id == dyno_id))


def lock(tx: Transaction, job_id: str) -> SchedulerJob | None:
    """The job, its row locked until the transaction ends."""
    return rows.one(tx, SchedulerJob, sa.select(_t).where(_t.c.id == job_id).with_for_update())


def list_due(tx: Transaction, now: datetime, limit: int) -> list[SchedulerJob]:
    """Jobs whose time has come, of apps that are there; who has waited longest first."""
    apps = tables.apps.c
    query = sa.select(_t).join(tables.apps, apps.id == _t.c.app_id).where(apps.deleted_at.is_(None))
    return rows.every(tx, SchedulerJob, query.where(_t.c.next_run_at <= now).order_by(_t.c.next_run_at).limit(limit))


def list_abandoned(tx: Transaction, limit: int) -> list[SchedulerJob]:
    """Jobs that seem to run but have no dyno any more: it went before it had begun."""
    dynos = tables.dynos.c
    there = sa.exists().where(dynos.id == _t.c.dyno_id)
    query = sa.select(_t).where(_t.c.last_status == JobStatus.RUNNING, sa.not_(there))
    return rows.every(tx, SchedulerJob, query.limit(limit))


def insert(tx: Transaction, job: SchedulerJob) -> None:
    rows.insert(tx, _t, job)


def update(tx: Transaction, job_id: str, *, now: datetime, **values: object) -> bool:
    return rows.update(tx, _t, job_id, updated_at=now, **values)


def delete(tx: Transaction, job_id: str) -> None:
    tx.connection.execute(_t.delete().where(_t.c.id == job_id))
