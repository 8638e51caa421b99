"""A store on SQLite and one on a real PostgreSQL: every test here runs on both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import postgresql

from celadon.store.database import Database, upgrade
from celadon.store.secrets import Secrets


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL cluster of this test run's own; gone at its end."""
    with postgresql.cluster() as template:
        yield template


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return postgresql.create(request.getfixturevalue("postgres_url"), f"t{abs(hash(str(tmp_path))):x}")


@pytest.fixture
def database(url: str, tmp_path: Path) -> Iterator[Database]:
    opened = Database(url, Secrets.make(tmp_path))
    upgrade(opened)
    yield opened
    opened.close()
