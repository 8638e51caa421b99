"""The one `Pairs` of the role: who starts etcd keeps all others from it, and who was the primary is known to all."""

import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import celadon
from celadon.actions import context as contexts
from celadon.actions import postgres_databases as databases
from celadon.actions.postgres_databases import Names
from celadon.addons.locks import Locks
from celadon.model.engine import Engine, EngineKind, EngineState
from celadon.platform.settings import Settings
from celadon.postgres import patroni
from celadon.postgres.pairs import Pairs
from tests import stores

DEADLINE = 10.0


class Engines:
    """Counts what is started."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def running(self, engine: Engine) -> bool:
        return engine.name in self.started

    def address(self, engine: Engine) -> str:
        return f"10.0.0.{engine.number}"

    def start(self, engine: Engine, argv: object) -> None:
        self.started.append(engine.name)


class Clusters:
    def __init__(self) -> None:
        self.engines: Any = Engines()


def test_there_is_one_of_it() -> None:
    root = Path(celadon.__file__).parent
    calls = [path.name for path in root.rglob("*.py") for _ in range(path.read_text("utf-8").count(" Pairs("))]
    assert calls == ["services.py"]


def test_etcd_is_started_by_who_has_its_lock() -> None:
    clusters: Any = Clusters()
    nothing: Any = None
    pairs = Pairs(nothing, clusters, Locks())
    etcd = _etcd()
    with pairs.locks.of(etcd.id):
        others = [threading.Thread(target=pairs.start_etcd, args=(etcd,)) for _ in range(2)]
        for other in others:
            other.start()
        others[0].join(0.1)
        assert clusters.engines.started == []
    for other in others:
        other.join(DEADLINE)
    assert clusters.engines.started == [etcd.name]


def test_a_primary_that_does_not_answer_is_still_the_primary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path)
    stores.make(settings)
    context = contexts.connect(settings)
    made = databases.reserve(context, str(uuid.uuid4()), "premium-0", "17", Names(name="d", role="u", password="p"))
    clusters: Any = Clusters()
    pairs = Pairs(context, clusters, Locks())
    first, standby = databases.engines_of(context, made)
    monkeypatch.setattr(patroni, "is_primary", lambda address: address == clusters.engines.address(standby))
    assert pairs.primary(first).id == standby.id
    monkeypatch.setattr(patroni, "is_primary", lambda _: False)
    assert pairs.primary(first).id == standby.id


def _etcd() -> Engine:
    at = datetime.now(UTC)
    return Engine(
        id=str(uuid.uuid4()),
        number=1,
        kind=EngineKind.ETCD,
        version="",
        shared=True,
        memory=1,
        storage=0,
        connections=0,
        state=EngineState.RUNNING,
        created_at=at,
        updated_at=at,
    )
