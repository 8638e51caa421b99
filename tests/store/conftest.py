"""A store on SQLite and one on a real PostgreSQL: every test here runs on both."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from celadon.store.database import Database, upgrade
from celadon.store.secrets import Secrets


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL cluster of this test run's own, reached by a Unix socket; gone at its end."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.fail("PostgreSQL is missing: bin/test installs it")
    binaries = programs[-1]
    # PostgreSQL does not run as root; a short path, for its socket lives there.
    home = Path(f"/tmp/celadon-pg-{os.getpid()}")
    home.mkdir(mode=0o700)
    user = pwd.getpwnam("postgres")
    os.chown(home, user.pw_uid, user.pw_gid)

    def run(*argv: str) -> None:
        subprocess.run(argv, check=True, user=user.pw_uid, group=user.pw_gid, cwd=home, stdout=subprocess.DEVNULL)

    run(str(binaries / "initdb"), "-D", str(home / "data"), "-A", "trust", "-U", "postgres", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off -c max_connections=60"
    run(str(binaries / "pg_ctl"), "-D", str(home / "data"), "-w", "-o", options, "-l", str(home / "log"), "start")
    try:
        yield f"postgresql+psycopg://postgres@/{{name}}?host={home}"
    finally:
        run(str(binaries / "pg_ctl"), "-D", str(home / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(home)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    import psycopg

    template: str = request.getfixturevalue("postgres_url")
    name = f"t{abs(hash(str(tmp_path))):x}"
    admin = template.format(name="postgres").replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')  # type: ignore[arg-type]
    return template.format(name=name)


@pytest.fixture
def database(url: str, tmp_path: Path) -> Iterator[Database]:
    opened = Database(url, Secrets.make(tmp_path))
    upgrade(opened)
    yield opened
    opened.close()
