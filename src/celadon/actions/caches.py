"""What the platform itself writes about caches; who may do what to one is asked of its add-on (`actions/addons.py`)."""

import secrets
import uuid
from dataclasses import dataclass, field

from celadon.actions.context import Context, now
from celadon.model import cache as rules
from celadon.model import engine as engine_rules
from celadon.model.cache import Cache, Step
from celadon.model.engine import Engine, EngineKind, EngineState
from celadon.model.errors import Conflict
from celadon.store import caches, changes, engines
from celadon.store.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A cache and the engine it is."""

    cache: Cache
    engine: Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Site):
    """With the password of its user, which is decrypted for it: who looks at many asks for their sites."""

    password: str = field(repr=False)

    @property
    def size(self) -> rules.Size:
        return rules.SIZES[self.engine.kind][self.cache.plan]


def find(context: Context, addon_id: str) -> Place | None:
    with context.database.read() as tx:
        return _place(tx, addon_id)


def list_all(context: Context) -> list[Site]:
    with context.database.read() as tx:
        return [Site(cache=cache, engine=engine) for cache, engine in caches.with_engines(tx)]


def _place(tx: Transaction, addon_id: str, *, locked: bool = False) -> Place | None:
    cache = caches.lock(tx, addon_id) if locked else caches.find(tx, addon_id)
    engine = engines.find(tx, cache.engine_id) if cache else None
    password = caches.password(tx, addon_id)
    if cache is None or engine is None or password is None:
        return None
    return Place(cache=cache, engine=engine, password=password)


def published(context: Context) -> dict[int, Engine]:
    """Port → the server it leads to. Only Redis speaks TLS: memcached is reached from this machine alone."""
    with context.database.read() as tx:
        found = engines.list_all(tx)
    return {one.port: one for one in found if one.kind is EngineKind.REDIS and one.state is EngineState.RUNNING}


def reserve(
    context: Context,
    addon_id: str,
    kind: EngineKind,
    plan: str,
    version: str,
    *,
    policy: str = rules.DEFAULT_POLICY,
    timeout: int = rules.DEFAULT_TIMEOUT,
) -> Place:
    """The place of an add-on's cache, chosen once: asked again, the answer is the same. Raises Conflict."""
    with context.database.transaction() as tx:
        if found := _place(tx, addon_id):
            return found
        engine, at = _new_engine(tx, kind, rules.SIZES[kind][plan], version), now()
        cache = Cache(
            addon_id=addon_id,
            engine_id=engine.id,
            username="default" if kind is EngineKind.REDIS else secrets.token_hex(3).upper(),
            plan=plan,
            step=Step.PREPARING,
            revision=1,
            policy=policy,
            timeout=timeout,
            notifications="",
            created_at=at,
            updated_at=at,
        )
        password = _new_password()
        caches.insert(tx, cache, password)
        changes.record(tx, "engine")
        return Place(cache=cache, engine=engine, password=password)


def _new_password() -> str:
    return f"p{secrets.token_hex(32)}"


def _new_engine(tx: Transaction, kind: EngineKind, size: rules.Size, version: str) -> Engine:
    number = engines.next_number(tx)
    if number > engine_rules.MOST:
        raise Conflict(f"cannot make another cache: this machine has {engine_rules.MOST} servers, the most it may")
    at = now()
    engine = Engine(
        id=str(uuid.uuid4()),
        number=number,
        kind=kind,
        version=version,
        shared=False,
        memory=rules.limit(kind, size),
        storage=0,
        connections=size.connections,
        state=EngineState.RUNNING,
        created_at=at,
        updated_at=at,
    )
    engines.insert(tx, engine)
    return engine


def change_plan(context: Context, addon_id: str, plan: str) -> Place | None:
    """It is to be of this plan; None when there is no such cache."""
    with context.database.transaction() as tx:
        found = _place(tx, addon_id, locked=True)
        if found is None or found.cache.plan == plan:
            return found
        size = rules.SIZES[found.engine.kind][plan]
        memory = rules.limit(found.engine.kind, size)
        engines.update(tx, found.engine.id, now=now(), memory=memory, connections=size.connections)
        return _wanted(tx, found, Step.CHANGING, plan=plan)


def configure(
    context: Context,
    addon_id: str,
    *,
    policy: str | None = None,
    timeout: int | None = None,
    notifications: str | None = None,
) -> Place | None:
    """Change what is given of its settings; None when there is no such cache. Raises InvalidParams."""
    values: dict[str, object] = {}
    if policy is not None:
        values["policy"] = rules.check_policy(policy)
    if timeout is not None:
        values["timeout"] = rules.check_timeout(timeout)
    if notifications is not None:
        values["notifications"] = rules.check_notifications(notifications)
    with context.database.transaction() as tx:
        found = _place(tx, addon_id, locked=True)
        if found is None or not values:
            return found
        return _wanted(tx, found, Step.CHANGING, **values)


def rotate(context: Context, addon_id: str) -> Place | None:
    """It is to have another password; None when there is no such cache."""
    with context.database.transaction() as tx:
        found = _place(tx, addon_id, locked=True)
        if found is None:
            return None
        caches.set_password(tx, addon_id, _new_password())
        return _wanted(tx, found, Step.ROTATING)


def _wanted(tx: Transaction, place: Place, step: Step, **values: object) -> Place | None:
    """What is under way already stays its step when that does all of this as well."""
    cache = place.cache
    kept = (Step.PREPARING, Step.REMOVING, Step.ROTATING)
    step = cache.step if cache.step in kept else step
    caches.update(tx, cache.addon_id, now=now(), step=step, revision=cache.revision + 1, **values)
    changes.record(tx, "engine")
    return _place(tx, cache.addon_id)


def done(context: Context, place: Place) -> bool:
    """Its server is as it was to be; False when more was asked for meanwhile."""
    with context.database.transaction() as tx:
        return caches.done(tx, place.cache.addon_id, place.cache.revision, now=now())


def remove(context: Context, addon_id: str) -> Place | None:
    """Say that it is to be removed; None when it is gone. Its engine stops being kept running at once."""
    with context.database.transaction() as tx:
        found = _place(tx, addon_id, locked=True)
        if found is not None:
            caches.update(tx, addon_id, now=now(), step=Step.REMOVING)
            engines.update(tx, found.engine.id, now=now(), state=EngineState.REMOVED)
            changes.record(tx, "engine")
        return found


def removed(context: Context, place: Place) -> None:
    """It is gone, and its engine with it."""
    with context.database.transaction() as tx:
        caches.delete(tx, place.cache.addon_id)
        engines.delete(tx, place.engine.id)
        changes.record(tx, "engine")
