"""What an operator may know of the machine and the platform on it: from the system's files, the supervisor's, the store."""

import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from celadon.actions import access, roles
from celadon.actions.context import Context, now
from celadon.model.account import Actor
from celadon.model.status import COMPONENTS, ComponentState, RoleLife, day_of
from celadon.platform import certificates, x509
from celadon.store import platform_counts, status
from celadon.store.database import Transaction

# Restarts of so many days are told, and certificates of apps that end within so long.
RESTART_DAYS = 7
_SOON = timedelta(days=21)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Bytes of the file system that a directory is on."""

    name: str
    path: Path
    total: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`memory` and `available` are in bytes, `load` is of the last 1, 5 and 15 minutes."""

    cores: int
    memory: int
    available: int
    load: tuple[float, float, float]
    up_since: datetime
    disks: list[Disk]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleHealth:
    """A role now, how the clock has last seen its component, and how often it began anew within RESTART_DAYS."""

    life: RoleLife
    state: ComponentState | None
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`store` is the store's size in bytes; `certificate_ends` is None without a certificate of the platform's own."""

    roles: list[RoleHealth]
    dynos: dict[str, int]
    engines: dict[str, int]
    apps: int
    accounts: int
    queues: dict[str, int]
    store: int
    certificate_ends: datetime | None
    expiring: list[tuple[str, datetime, bool]]


def look(context: Context, actor: Actor) -> Machine:
    """Raises Forbidden for anybody but an operator."""
    access.require_operator(actor)
    settings = context.settings
    meminfo = _meminfo()
    booted = float(Path("/proc/uptime").read_text("ascii").split()[0])
    return Machine(
        cores=os.cpu_count() or 1,
        memory=meminfo.get("MemTotal", 0),
        available=meminfo.get("MemAvailable", 0),
        load=os.getloadavg(),
        up_since=now() - timedelta(seconds=booted),
        disks=[_disk("State", settings.home), _disk("Images", settings.images)],
    )


def _meminfo() -> dict[str, int]:
    """Bytes by name."""
    lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    return {line.partition(":")[0]: int(line.split()[1]) * 1024 for line in lines}


def _disk(name: str, path: Path) -> Disk:
    there = next(one for one in (path, *path.parents) if one.is_dir())
    usage = shutil.disk_usage(there)
    return Disk(name=name, path=path, total=usage.total, free=usage.free)


def health(context: Context, actor: Actor) -> Health:
    """Raises Forbidden for anybody but an operator."""
    access.require_operator(actor)
    lives = roles.lives(context)
    with context.database.read() as tx:
        states = status.states(tx)
        days = status.days_since(tx, day_of(now()) - timedelta(days=RESTART_DAYS - 1))
        return Health(
            roles=[
                RoleHealth(
                    life=lives.get(component.role, RoleLife(role=component.role, pid=None, since=None)),
                    state=states.get(component.name),
                    restarts=sum(day.restarts for day in days if day.component == component.name),
                )
                for component in COMPONENTS
            ],
            dynos=platform_counts.dynos(tx),
            engines=platform_counts.engines(tx),
            apps=platform_counts.apps(tx),
            accounts=platform_counts.accounts(tx),
            queues=platform_counts.queues(tx),
            store=_store_size(context, tx),
            certificate_ends=_certificate_ends(context),
            expiring=platform_counts.expiring(tx, now() + _SOON),
        )


def _store_size(context: Context, tx: Transaction) -> int:
    files = context.settings.home.glob("store.db*")
    return platform_counts.server_bytes(tx) or sum(path.stat().st_size for path in files)


def _certificate_ends(context: Context) -> datetime | None:
    path = certificates.server_pem(context.settings)
    if not path.is_file():
        return None
    return x509.read(path.read_text("ascii"))[0].not_valid_after_utc
