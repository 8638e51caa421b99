"""Worlds: each test has a store of its own, copied from one that was migrated once."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.world import World, make_store, open_world

from celadon.platform.settings import Settings


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Homes to copy: without and with the app `example`."""
    homes = {furnished: tmp_path_factory.mktemp("prepared") for furnished in (False, True)}
    for furnished, home in homes.items():
        make_store(home, furnished=furnished)
    return homes


@pytest.fixture
def new_world(prepared: dict[bool, Path], tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes a world with the settings given."""
    opened: list[World] = []

    def make(*, furnished: bool = True, **settings: Any) -> World:
        home = tmp_path / f"home{len(opened)}"
        shutil.copytree(prepared[furnished], home)
        opened.append(open_world(Settings(home=home, acme_email="ops@example.com", **settings)))
        return opened[-1]

    yield make
    for world in opened:
        world.context.database.close()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """A world with the app `example`."""
    return new_world()


@pytest.fixture
def empty(new_world: Callable[..., World]) -> World:
    """A world with nothing but an operator."""
    return new_world(furnished=False)
