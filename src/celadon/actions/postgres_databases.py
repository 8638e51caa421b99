"""What the platform itself writes about databases; who may do what to one is asked of its add-on (`actions/addons.py`)."""

import hmac
import secrets
import urllib.parse
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from celadon.actions.context import Context, now
from celadon.model import engine as engines_rules
from celadon.model import postgres_database as rules
from celadon.model.engine import Engine, EngineKind, EngineState
from celadon.model.errors import Conflict, NotFound
from celadon.model.postgres_database import (
    DEFAULT_CREDENTIAL,
    Credential,
    CredentialState,
    Origin,
    PostgresDatabase,
    Size,
    Step,
)
from celadon.store import changes, engines, postgres_databases, postgres_upgrades
from celadon.store.database import Transaction

_ETCD_MEMORY = 512 << 20
_PAIR_SECRETS = ("replication", "rewind", "rest")

_SCRATCH_MEMORY = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A database and the engine it is in."""

    database: PostgresDatabase
    engine: Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Site):
    """With the password of its owner, which is decrypted for it: who looks at many asks for their sites."""

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
        return place_of(tx, addon_id)


def sites(context: Context, addon_ids: Collection[str]) -> dict[str, Site]:
    """Those of these add-ons that have a database."""
    with context.database.read() as tx:
        by_id = {engine.id: engine for engine in engines.list_all(tx)} if len(addon_ids) > 1 else {}
        found = [database for addon_id in addon_ids if (database := postgres_databases.find(tx, addon_id))]
        known = [(one, by_id.get(one.engine_id) or engines.find(tx, one.engine_id)) for one in found]
    return {one.addon_id: Site(database=one, engine=engine) for one, engine in known if engine is not None}


def place_of(tx: Transaction, addon_id: str) -> Place | None:
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
        if found := place_of(tx, addon_id):
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
        if source.origin is Origin.FOLLOW and source.addon_id is not None:
            _share_credentials(tx, source.addon_id, addon_id)
        changes.record(tx, "engine")
        place = place_of(tx, addon_id)
        assert place is not None, "it was just made"
        return place


def _share_credentials(tx: Transaction, leader_id: str, addon_id: str) -> None:
    """A follower has its leader's: its apps are told of them when it is there."""
    postgres_databases.lock(tx, leader_id)
    for one in postgres_databases.credentials(tx, leader_id):
        password = postgres_databases.password(tx, leader_id, one.name)
        if password is not None and one.state in (CredentialState.ACTIVE, CredentialState.ROTATING):
            state = CredentialState.ACTIVE if one.default else CredentialState.CREATING
            postgres_databases.put_credential(tx, replace(one, addon_id=addon_id, state=state, cut_at=None), password)


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
    engines.insert(tx, replace(_engine(tx, size, version), pair=first.id, user_number=first.number))
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


def nodes(context: Context, engine: Engine) -> list[Engine]:
    """The nodes of an engine's pair, the first one first."""
    assert engine.pair is not None, "asked of pairs only"
    with context.database.read() as tx:
        return engines.of_pair(tx, engine.pair)


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


def copied(context: Context, addon_id: str, step: Step = Step.PREPARING) -> None:
    """Its files are complete: from now on its engine is kept running."""
    with context.database.transaction() as tx:
        found = postgres_databases.find(tx, addon_id)
        if found is not None:
            postgres_databases.update(tx, addon_id, now=now(), step=step)
            engines.update(tx, found.engine_id, now=now(), state=EngineState.RUNNING)
            changes.record(tx, "engine")


def remove(context: Context, addon_id: str) -> Place | None:
    """Say that it is to be removed; None when it is gone. An engine of its own stops being kept running at once.

    Those that follow it become databases of their own: they are `unfinished` from now on.
    """
    with context.database.transaction() as tx:
        found = place_of(tx, addon_id)
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
        upgrade = postgres_upgrades.find(tx, place.database.addon_id)
        if upgrade is not None and not upgrade.busy:
            # Another is forgotten by who carries it out, with what it has made.
            postgres_upgrades.delete(tx, upgrade.addon_id)
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


def running(context: Context, kind: EngineKind = EngineKind.POSTGRESQL) -> list[Engine]:
    """The engines of a kind that are to run."""
    with context.database.read() as tx:
        found = engines.list_all(tx)
    return [one for one in found if one.kind is kind and one.state is EngineState.RUNNING]


def engine(context: Context, engine_id: str) -> Engine | None:
    with context.database.read() as tx:
        return engines.find(tx, engine_id)


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


def followers(context: Context, addon_id: str) -> list[Site]:
    """What follows this database."""
    with context.database.read() as tx:
        return _sites(postgres_databases.list_followers(tx, addon_id))


def following(context: Context) -> list[Site]:
    """The followers that are available."""
    with context.database.read() as tx:
        return _sites(postgres_databases.list_following(tx))


def _sites(found: Iterable[tuple[PostgresDatabase, Engine]]) -> list[Site]:
    return [Site(database=database, engine=engine) for database, engine in found]


def of_engine(context: Context, engine_id: str) -> Place | None:
    """The database of an engine that has one."""
    with context.database.read() as tx:
        found = postgres_databases.of_engine(tx, engine_id)
        return place_of(tx, found[0].addon_id) if found else None


def by_url(context: Context, url: str) -> str | None:
    """The add-on of whoever has a database's URL."""
    with context.database.read() as tx:
        return of_url(tx, url)


def of_url(tx: Transaction, url: str) -> str | None:
    """The add-on whose database has this URL, password and all; None for a URL of another server, or none at all."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    role, password = urllib.parse.unquote(parts.username or ""), urllib.parse.unquote(parts.password or "")
    for one in postgres_databases.list_all(tx):
        if (one.name, one.role) == (parts.path.strip("/"), role):
            known = place_of(tx, one.addon_id)
            same = known and hmac.compare_digest(known.password.encode(), password.encode())
            if known and same and known.engine.port == port:
                return one.addon_id
    return None


def archived(context: Context) -> list[Engine]:
    """The engines with an archive: those of one database that follows nobody."""
    with context.database.read() as tx:
        found = postgres_databases.list_running(tx, own=True)
    return [engine for database, engine in found if database.origin is not Origin.FOLLOW]


def own_servers(context: Context) -> list[Site]:
    """The databases that are available and have a server of their own."""
    with context.database.read() as tx:
        return _sites(postgres_databases.list_running(tx, own=True))


def unfinished(context: Context) -> list[Place]:
    """The followers that are to follow no longer, or are made anew; so is one whose leader is gone."""
    with context.database.read() as tx:
        places = [place_of(tx, addon_id) for addon_id in postgres_databases.list_unfinished(tx)]
    return [place for place in places if place is not None]


def unfollow(context: Context, addon_id: str) -> PostgresDatabase:
    """Let a follower become a database of its own; the role does it. Raises Conflict, NotFound."""
    with context.database.transaction() as tx:
        found = _follower(tx, addon_id)
        if found.step not in (Step.AVAILABLE, Step.PROMOTING):
            raise Conflict("cannot unfollow: it is still being made; wait until it is available")
        postgres_databases.update(tx, addon_id, now=now(), step=Step.PROMOTING)
        changes.record(tx, "engine")
        return replace(found, step=Step.PROMOTING)


def rebuild(context: Context, addon_id: str) -> PostgresDatabase:
    """Make a follower anew that has fallen too far behind; the role does it. Raises Conflict, NotFound."""
    with context.database.transaction() as tx:
        found = _follower(tx, addon_id)
        if found.step is not Step.AVAILABLE:
            raise Conflict("cannot make the follower anew: it is not available yet")
        postgres_databases.update(tx, addon_id, now=now(), step=Step.REBUILDING)
        engines.update(tx, found.engine_id, now=now(), state=EngineState.RESTORING)
        changes.record(tx, "engine")
        return replace(found, step=Step.REBUILDING)


def _follower(tx: Transaction, addon_id: str) -> PostgresDatabase:
    found = postgres_databases.find(tx, addon_id)
    if found is None:
        raise NotFound("database")
    if found.origin is not Origin.FOLLOW:
        raise Conflict("cannot do this with a database that follows none")
    return found


def unfollowed(context: Context, addon_id: str) -> None:
    """It follows no longer; where it came from is still known."""
    with context.database.transaction() as tx:
        postgres_databases.update(tx, addon_id, now=now(), step=Step.AVAILABLE, origin=Origin.FORK)
        # What its leader was changing just then may have come here or not: it is made as its own rows say.
        for one in postgres_databases.credentials(tx, addon_id):
            if not one.default:
                postgres_databases.update_credential(tx, addon_id, one.name, state=CredentialState.CREATING)
        changes.record(tx, "engine")
