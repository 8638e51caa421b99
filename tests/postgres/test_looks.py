"""What the role looks at four times a second costs the store as much with many idle databases as with few."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import MagicMock

import pytest
import sqlalchemy as sa

from celadon.actions import caches, postgres_limits, provisioning
from celadon.actions import context as contexts
from celadon.actions import postgres_databases as databases
from celadon.actions.context import Context
from celadon.actions.postgres_databases import Names
from celadon.addons.locks import Locks
from celadon.model.engine import EngineKind
from celadon.model.postgres_database import DEFAULT_CREDENTIAL, Credential, Step
from celadon.platform.settings import Settings
from celadon.postgres import logs
from celadon.postgres.changes import Changes
from celadon.postgres.maintenance import Maintenance
from celadon.postgres.manager import Manager
from celadon.postgres.pairs import Pairs
from celadon.postgres.provider import PostgresProvider
from celadon.postgres.settings import Settings as PostgresSettings
from celadon.postgres.transfers import Transfers
from celadon.postgres.upgrades import Upgrades
from celadon.postgres.verification import Verification
from celadon.store import caches as stored_caches
from celadon.store import engines, postgres_databases
from tests import stores

FEW, MANY = 2, 200


class Secrets:
    """Counts what is decrypted."""

    def __init__(self, own: Any) -> None:
        self.own = own
        self.opened = 0

    def decrypt(self, token: bytes) -> str:
        self.opened += 1
        return str(self.own.decrypt(token))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    settings = Settings(home=tmp_path_factory.mktemp("looks"))
    stores.make(settings)
    found = contexts.connect(settings)
    yield found
    found.database.close()


@pytest.fixture(scope="module")
def crowd(context: Context) -> Callable[[int], None]:
    """Have so many idle databases of the shared cluster, and so many caches."""
    there: list[str] = []

    def grow(number: int) -> None:
        while len(there) < number:
            addon_id = str(uuid.uuid4())
            if not there:
                _first(context, addon_id)
            else:
                _another(context, there[0], addon_id)
            there.append(addon_id)

    return grow


def _first(context: Context, addon_id: str) -> None:
    databases.reserve(context, addon_id, "mini", "17", Names(name="d", role="u", password="p"))
    databases.step(context, addon_id, Step.AVAILABLE)
    caches.done(context, caches.reserve(context, addon_id, EngineKind.REDIS, "mini", "8"))


def _another(context: Context, first: str, addon_id: str) -> None:
    with context.database.transaction() as tx:
        like, cache = postgres_databases.find(tx, first), stored_caches.find(tx, first)
        assert like is not None and cache is not None
        engine = engines.find(tx, cache.engine_id)
        assert engine is not None
        postgres_databases.insert(tx, replace(like, addon_id=addon_id, name=f"d{addon_id}", role=f"u{addon_id}"))
        credential = Credential(
            addon_id=addon_id, name=DEFAULT_CREDENTIAL, role=f"u{addon_id}", created_at=like.created_at
        )
        postgres_databases.put_credential(tx, credential, "p")
        engines.insert(tx, replace(engine, id=addon_id, number=engines.next_number(tx)))
        stored_caches.insert(tx, replace(cache, addon_id=addon_id, engine_id=addon_id), "p")


def looks(context: Context) -> dict[str, Callable[[], object]]:
    """Those of the role, over servers that are all at rest."""
    clusters: Any = MagicMock()
    clusters.engines.running.return_value = False
    pairs = Pairs(context, clusters, Locks())
    provider, transfers = PostgresProvider(context, pairs), Transfers(context, pairs)
    return {
        "archive": pairs.archive.ensure,
        "followers": provider.finish_followers,
        "credentials": Changes(context, pairs).ensure,
        "upgrades": Upgrades(provider).ensure,
        "settings": PostgresSettings(context, pairs).ensure,
        "maintenance": Maintenance(context, pairs).ensure,
        "servers": Manager(context, pairs).ensure,
        "ports": pairs.published,
        "transfers": transfers.ensure,
        "checks": Verification(context, clusters, transfers).ensure,
        "limits": lambda: postgres_limits.limited(context),
        "logs": lambda: logs.routes(context),
        "own servers": lambda: databases.own_servers(context),
        "caches": lambda: caches.list_all(context),
        "add-ons": lambda: provisioning.due(context),
    }


def cost(context: Context, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[list[str], int]]:
    """Look → its statements, and how often it decrypts."""
    statements: list[str] = []
    sa.event.listen(context.database.engine, "before_cursor_execute", lambda *words: statements.append(words[2]))
    found = {}
    for name, look in looks(context).items():
        secrets: Any = Secrets(context.database.secrets)
        statements.clear()
        with monkeypatch.context() as patched:
            patched.setattr(context.database, "secrets", secrets)
            look()
        found[name] = list(statements), secrets.opened
    return found


def test_many_idle_databases_cost_as_many_queries_as_few(
    context: Context, crowd: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(FEW)
    few = cost(context, monkeypatch)
    crowd(MANY)
    many = cost(context, monkeypatch)
    assert {name: len(found) for name, (found, _) in many.items()} == {
        name: len(found) for name, (found, _) in few.items()
    }
    assert {name: opened for name, (_, opened) in many.items() if opened} == {}


def test_who_looks_writes_nothing(
    context: Context, crowd: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write transaction would have the whole platform wait, where the store is SQLite."""
    crowd(FEW)
    writing = {name for name, (found, _) in cost(context, monkeypatch).items() if "begin immediate" in found}
    assert writing == set()
