"""Worlds: each test has a store of its own, copied from one that was migrated once."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.world import World, furnish, make_store, open_world

from celadon.platform.settings import Settings


@pytest.fixture(scope="session")
def prepared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("prepared")
    make_store(home)
    return home


@pytest.fixture
def new_world(prepared_home: Path, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes a world with the settings given; only an operator is in it."""
    opened: list[World] = []

    def make(**settings: Any) -> World:
        home = tmp_path / f"home{len(opened)}"
        shutil.copytree(prepared_home, home)
        opened.append(open_world(Settings(home=home, **settings)))
        return opened[-1]

    yield make
    for world in opened:
        world.context.database.close()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """A world with the app `example`."""
    made = new_world()
    furnish(made)
    return made
