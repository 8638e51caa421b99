"""A store on SQLite and one on a real PostgreSQL: every test here runs on both."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import postgresql, stores

from celadon.store.database import Database, upgrade
from celadon.store.secrets import Secrets

_MIGRATED = "migrated"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL cluster of this test run's own; gone at its end."""
    with postgresql.cluster() as template:
        yield template


@pytest.fixture(scope="session")
def migrated(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database of that cluster; those of the tests are copies of it."""
    opened = Database(postgresql.create(postgres_url, _MIGRATED), Secrets.make(tmp_path_factory.mktemp("migrated")))
    upgrade(opened)
    opened.close()
    return _MIGRATED


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that has been migrated and has no rows."""
    if request.param == "sqlite":
        (tmp_path / "store.db").write_bytes(stores.migrated())
        return f"sqlite:///{tmp_path / 'store.db'}"
    source = request.getfixturevalue("migrated")
    return postgresql.create(request.getfixturevalue("postgres_url"), f"t{abs(hash(str(tmp_path))):x}", source)


@pytest.fixture
def database(url: str, tmp_path: Path) -> Iterator[Database]:
    opened = Database(url, Secrets.make(tmp_path))
    yield opened
    opened.close()
