"""What the platform itself writes about databases; who may do what to one is asked of its add-on (`actions/addons.py`)."""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from celadon.actions.context import Context, now
from celadon.model import engine as engines_rules
from celadon.model import postgres_database as rules
from celadon.model.engine import Engine, EngineKind, EngineState
from celadon.model.errors import Conflict
from celadon.model.postgres_database import DEFAULT_CREDENTIAL, Credential, Origin, PostgresDatabase, Size, Step
from celadon.store import changes, engines, postgres_databases
from celadon.store.database import Transaction

_ETCD_MEMORY = 512 << 20
_PAIR_SECRETS = ("replication", "rewind", "rest")

_SCRATCH_MEMORY = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database, the engine it is in, and the password of its owner."""

    database: PostgresDatabase
    engine: Engine
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What the server is to call a new database, and its owner's login."""

    name: str
    role: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a database is made from; see `Origin`."""

    origin: Origin = Origin.EMPTY
    addon_id: str | None = None
    target: datetime | None = None


def find(context: Context, addon_id: str) -> Place | None:
    with context.database.read() as tx:
        return _place(tx, addon_id)


def _place(tx: Transaction, addon_id: str) -> Place | None:
    database = postgres_databases.find(tx, addon_id)
    engine = engines.find(tx, database.engine_id) if database else None
    password = postgres_databases.password(tx, addon_id, DEFAULT_CREDENTIAL)
    if database is None or engine is None or password is None:
        return None
    return Place(database=database, engine=engine, password=password)


def reserve(
    context: Context, addon_id: str, plan: str, version: str, names: Names, source: Source | None = None
) -> Place:
    """The place of an add-on's database, chosen once: asked again, the answer is the same. Raises Conflict."""
    size, source = rules.SIZES[plan], source or Source()
    with context.database.transaction() as tx:
        if found := _place(tx, addon_id):
            return found
        engine = (engines.shared(tx, EngineKind.POSTGRESQL) if size.shared else None) or _make(tx, size, version)
        if source.origin is not Origin.EMPTY and not size.shared:
            engine = replace(engine, state=EngineState.RESTORING)
            engines.update(tx, engine.id, now=now(), state=engine.state)
        at = now()
        database = PostgresDatabase(
            addon_id=addon_id,
            engine_id=engine.id,
            name=names.name,
            role=names.role,
            plan=plan,
            step=Step.PREPARING if source.origin is Origin.EMPTY else Step.COPYING,
            origin=source.origin,
            source_id=source.addon_id,
            target=source.target,
            blocked=False,
            bytes_used=0,
            rows_used=0,
            measured_at=None,
            created_at=at,
            updated_at=at,
        )
        postgres_databases.insert(tx, database)
        credential = Credential(addon_id=addon_id, name=DEFAULT_CREDENTIAL, role=names.role, created_at=at)
        postgres_databases.put_credential(tx, credential, names.password)
        changes.record(tx, "engine")
        return Place(database=database, engine=engine, password=names.password)


def _make(tx: Transaction, size: Size, version: str) -> Engine:
    if size.available:
        return _pair(tx, size, version)
    engine = _engine(tx, size, version)
    engines.insert(tx, engine)
    return engine


def _pair(tx: Transaction, size: Size, version: str) -> Engine:
    """The first node of a new pair; its standby is made with it, and etcd when this is the machine's first pair."""
    if not any(one.kind is EngineKind.ETCD for one in engines.list_all(tx)):
        engines.insert(tx, replace(_engine(tx, size, ""), kind=EngineKind.ETCD, shared=True, memory=_ETCD_MEMORY))
    first = _engine(tx, size, version)
    first = replace(first, pair=first.id)
    engines.insert(tx, first, {name: secrets.token_hex(24) for name in _PAIR_SECRETS})
    engines.insert(tx, replace(_engine(tx, size, version), pair=first.id))
    return first


def _engine(tx: Transaction, size: Size, version: str) -> Engine:
    number = engines.next_number(tx)
    if number > engines_rules.MOST:
        raise Conflict(f"cannot make another database: this machine has {engines_rules.MOST} servers, the most it may")
    at = now()
    return Engine(
        id=str(uuid.uuid4()),
        number=number,
        kind=EngineKind.POSTGRESQL,
        version=version,
        shared=size.shared,
        memory=size.memory or rules.SHARED_MEMORY,
        storage=size.storage,
        connections=rules.SHARED_CONNECTIONS if size.shared else size.connections,
        state=EngineState.RUNNING,
        created_at=at,
        updated_at=at,
    )


def pair(context: Context, engine: Engine) -> tuple[list[Engine], Engine, dict[str, str]]:
    """The nodes of an engine's pair, the first one first, the machine's etcd, and what they know each other by."""
    assert engine.pair is not None, "asked of pairs only"
    with context.database.read() as tx:
        etcd = next(one for one in engines.list_all(tx) if one.kind is EngineKind.ETCD)
        return engines.of_pair(tx, engine.pair), etcd, engines.secrets(tx, engine.pair)


def step(context: Context, addon_id: str, step: Step) -> None:
    """Its next step is this one."""
    with context.database.transaction() as tx:
        postgres_databases.update(tx, addon_id, now=now(), step=step)


def copied(context: Context, addon_id: str) -> None:
    """Its files are complete: from now on its engine is kept running."""
    with context.database.transaction() as tx:
        found = postgres_databases.find(tx, addon_id)
        if found is not None:
            postgres_databases.update(tx, addon_id, now=now(), step=Step.PREPARING)
            engines.update(tx, found.engine_id, now=now(), state=EngineState.RUNNING)
            changes.record(tx, "engine")


def remove(context: Context, addon_id: str) -> Place | None:
    """Say that it is to be removed; None when it is gone. An engine of its own stops being kept running at once."""
    with context.database.transaction() as tx:
        found = _place(tx, addon_id)
        if found is not None:
            postgres_databases.update(tx, addon_id, now=now(), step=Step.REMOVING)
            if not found.engine.shared:
                for engine in _own(tx, found.engine):
                    engines.update(tx, engine.id, now=now(), state=EngineState.REMOVED)
            changes.record(tx, "engine")
        return found


def removed(context: Context, place: Place) -> None:
    """It is gone from its server, and the server with it when it was its own."""
    with context.database.transaction() as tx:
        postgres_databases.delete(tx, place.database.addon_id)
        if not place.engine.shared:
            for engine in _own(tx, place.engine):
                engines.delete(tx, engine.id)
        changes.record(tx, "engine")


def _own(tx: Transaction, engine: Engine) -> list[Engine]:
    """All engines of the database whose own this one is."""
    return engines.of_pair(tx, engine.pair) if engine.pair else [engine]


def engines_of(context: Context, place: Place) -> list[Engine]:
    """The engines that are the database's own; none for one in the shared cluster."""
    with context.database.read() as tx:
        return [] if place.engine.shared else _own(tx, place.engine)


def rotated(context: Context, addon_id: str, credential: Credential, password: str) -> None:
    """A credential has this password from now on."""
    with context.database.transaction() as tx:
        postgres_databases.put_credential(tx, credential, password)


def running(context: Context, kind: EngineKind = EngineKind.POSTGRESQL) -> list[Engine]:
    """The engines of a kind that are to run."""
    with context.database.read() as tx:
        found = engines.list_all(tx)
    return [one for one in found if one.kind is kind and one.state is EngineState.RUNNING]


def scratch(context: Context, like: Engine, engine_id: str) -> Engine:
    """A server of this id for a while, which nobody but the caller starts and removes. Raises Conflict."""
    with context.database.transaction() as tx:
        size = Size(memory=_SCRATCH_MEMORY, storage=like.storage, connections=20)
        made = replace(_engine(tx, size, like.version), id=engine_id, state=EngineState.RESTORING)
        engines.insert(tx, made)
        return made


def remove_scratch(context: Context, engine_id: str, remove: Callable[[Engine], None]) -> None:
    """Remove such a server, then its row; no error when there is none."""
    with context.database.read() as tx:
        found = engines.find(tx, engine_id)
    if found is not None:
        remove(found)
        with context.database.transaction() as tx:
            engines.delete(tx, engine_id)
