"""Plans side by side: what each has, as the columns of a table."""

from dataclasses import dataclass

from celadon.model import cache, postgres_database
from celadon.model.addon import AddOnService, Plan
from celadon.model.cache import MEMCACHED, REDIS
from celadon.model.engine import EngineKind

_CACHES = {REDIS: EngineKind.REDIS, MEMCACHED: EngineKind.MEMCACHED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A service's plans with a text for each column; the columns are those in which they differ."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Plan, tuple[str, ...]], ...]


def compare(service: AddOnService) -> Comparison:
    """Of a third party's plans there is what its manifest says."""
    if service.name == postgres_database.SERVICE:
        columns = ("Server", "Memory", "Storage", "Rows", "Connections", "Backups kept", "Rollback", "Standby")
        return _comparison(service, columns, [_database(plan.name) for plan in service.plans])
    if service.name in _CACHES:
        told = ("Memory", "Connections", "Kept on disk")
        return _comparison(service, told, [_cache(_CACHES[service.name], plan.name) for plan in service.plans])
    return _comparison(service, ("What it has",), [(plan.description,) for plan in service.plans])


def _comparison(service: AddOnService, columns: tuple[str, ...], cells: list[tuple[str, ...]]) -> Comparison:
    told = [at for at in range(len(columns)) if any(row[at] not in ("", "no") for row in cells)]
    return Comparison(
        columns=tuple(columns[at] for at in told),
        rows=tuple((plan, tuple(row[at] for at in told)) for plan, row in zip(service.plans, cells, strict=True)),
    )


def _database(plan: str) -> tuple[str, ...]:
    size = postgres_database.SIZES[plan]
    return (
        "shared" if size.shared else "its own",
        "shared" if size.shared else octets(size.memory),
        octets(size.storage),
        "no limit" if size.rows is None else f"{size.rows:,}",
        f"{size.connections:,}",
        str(size.backups),
        f"{size.rollback_days} days" if size.rollback_days else "no",
        "yes" if size.available else "no",
    )


def _cache(kind: EngineKind, plan: str) -> tuple[str, ...]:
    size = cache.SIZES[kind][plan]
    return octets(size.memory), f"{size.connections:,}", "yes" if size.persistent else "no"


def octets(size: int) -> str:
    """`400 MB`, `1.7 GB` (as plans call 1700 MB), `64 GB`, `1 TB`."""
    megabytes = size >> 20
    for name, unit in (("TB", 1 << 20), ("GB", 1 << 10)):
        if megabytes >= unit and megabytes % unit == 0:
            return f"{megabytes // unit:,} {name}"
    return f"{megabytes / 1000:g} GB" if megabytes >= 1000 else f"{megabytes:,} MB"
