"""How connections to PostgreSQL are kept."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from tests import postgresql

from celadon.store import database
from celadon.store.secrets import Secrets


@pytest.fixture
def url(postgres_url: str, tmp_path: Path) -> str:
    return postgresql.create(postgres_url, f"t{abs(hash(str(tmp_path))):x}")


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[database.Database]:
    opened = database.Database(url, Secrets.make(tmp_path))
    yield opened
    opened.close()


@pytest.mark.parametrize("way", ["read", "transaction"])
def test_idle_connections_that_a_restarted_server_has_ended_are_replaced(
    store: database.Database, url: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_IDLE", 0)
    opened = getattr(store, way)
    with opened() as tx:
        ended = tx.connection.exec_driver_sql("select pg_backend_pid()").scalar_one()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("select pg_terminate_backend(%s, 10000)", [ended])
    with opened() as tx:
        assert tx.connection.exec_driver_sql("select pg_backend_pid()").scalar_one() != ended


def test_a_read_writes_nothing(store: database.Database) -> None:
    make = "create table written (id int)"
    with pytest.raises(sa.exc.InternalError, match="read-only transaction"), store.read() as tx:
        tx.connection.exec_driver_sql(make)
    with store.transaction() as tx:
        tx.connection.exec_driver_sql(make)
