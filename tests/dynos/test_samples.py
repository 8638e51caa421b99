"""What dynos use is kept for metrics whether or not the app wants it as lines."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests import stores

from celadon.actions import context, dynos
from celadon.actions.context import Context
from celadon.dynos.samples import Sampler
from celadon.model.dyno import Dyno, DynoState
from celadon.platform.settings import Settings
from celadon.runtime.protocol import MemoryUse
from celadon.store.metrics import Metrics

APP = "app-1"
MB = 1 << 20


class Measured:
    """A runtime of which only these two are asked."""

    def __init__(self, **rss: int) -> None:
        self.rss = rss

    def memory(self, container_id: str) -> MemoryUse | None:
        rss = self.rss.get(container_id)
        return None if rss is None else MemoryUse(rss=rss * MB, cache=900 * MB, swap=0)

    def active(self, container_id: str) -> int:
        return 3


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Context]:
    settings = Settings(home=tmp_path)
    stores.make(settings)
    opened = context.connect(settings)
    yield opened
    opened.database.close()


def dyno(process_type: str, number: int) -> Dyno:
    made = dynos.new(APP, str(uuid.uuid4()), process_type, number, "serve", "1X")
    return replace(made, state=DynoState.UP, container_id=f"{process_type}{number}")


def test_samples_are_kept_and_only_wanted_ones_are_lines(world: Context) -> None:
    runtime: Any = Measured(web1=100, web2=600, worker1=50)
    sampler = Sampler(world, runtime)
    running = [dyno("web", 1), dyno("web", 2), dyno("worker", 1), dyno("gone", 1)]
    sampler._count(running, 60)
    sampler.look(running, set())
    store = Metrics(world.settings.home)
    for span in (10, 60, 600):
        ((_, uses),) = store.samples(APP, span, 0, 1e12)
        assert set(uses) == {"web", "worker"}
        web = uses["web"]
        # What R14 measures: without the cache.
        assert (web.count, web.memory, web.memory_peak) == (2, 700 * MB, 600 * MB)
        assert web.quota == world.settings.sizes.of("1X").memory and web.load == pytest.approx(
            2 * 3 * (1 - 1 / 2.71828), 1e-3
        )
    said = b"".join(path.read_bytes() for path in (world.settings.home / "logs" / APP).iterdir())
    assert b"Error R14" in said and b"sample#" not in said
    sampler.look(running, {APP})
    said = b"".join(path.read_bytes() for path in (world.settings.home / "logs" / APP).iterdir())
    assert said.count(b"sample#memory_total=") == 3
