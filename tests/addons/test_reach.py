"""What an app's dynos reach after a role that was killed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests import stores

from celadon.actions import context
from celadon.actions.context import Context
from celadon.addons.reach import Reach
from celadon.platform.settings import Settings


@dataclass
class Kernel:
    """What stays when a role dies: each group with what it may reach."""

    chains: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    def groups(self, prefix: str) -> list[str]:
        return [name for name in self.chains if name.startswith(prefix)]

    def allow(self, groups: Mapping[str, Iterable[tuple[str, int]]]) -> None:
        self.chains |= {group: list(targets) for group, targets in groups.items()}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Context]:
    settings = Settings(home=tmp_path)
    stores.make(settings)
    opened = context.connect(settings)
    yield opened
    opened.database.close()


def test_a_way_that_was_taken_from_an_app_while_nobody_looked_is_closed(world: Context) -> None:
    kernel = Kernel({"app_7": [("10.200.238.73", 5432)], "peers_2": [("10.200.238.74", 5432)]})
    reach = Reach(world, kernel, ())  # type: ignore[arg-type]
    assert reach.ensure() == 1
    assert kernel.chains == {"app_7": [], "peers_2": [("10.200.238.74", 5432)]}
    assert reach.ensure() == 0
