"""A PostgreSQL cluster of one's own, reached by a Unix socket and gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


@contextmanager
def cluster(fsync: bool = False) -> Iterator[str]:
    """Yields the URL of its databases, with `{name}` for theirs; raises FileNotFoundError when there is no PostgreSQL."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise FileNotFoundError("PostgreSQL is missing: bin/test installs it")
    binaries = programs[-1]
    # PostgreSQL does not run as root; a short path, for its socket lives there.
    home = Path(tempfile.mkdtemp(prefix="celadon-pg-", dir="/tmp"))
    user = pwd.getpwnam("postgres")
    os.chown(home, user.pw_uid, user.pw_gid)

    def run(*argv: str) -> None:
        subprocess.run(argv, check=True, user=user.pw_uid, group=user.pw_gid, cwd=home, stdout=subprocess.DEVNULL)

    run(str(binaries / "initdb"), "-D", str(home / "data"), "-A", "trust", "-U", "postgres", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={home} -c max_connections=60 -c fsync={'on' if fsync else 'off'}"
    run(str(binaries / "pg_ctl"), "-D", str(home / "data"), "-w", "-o", options, "-l", str(home / "log"), "start")
    try:
        yield f"postgresql+psycopg://postgres@/{{name}}?host={home}"
    finally:
        run(str(binaries / "pg_ctl"), "-D", str(home / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(home)


def create(template: str, name: str) -> str:
    """An empty database of a cluster; returns its URL."""
    admin = template.format(name="postgres").replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')  # type: ignore[arg-type]
    return template.format(name=name)
