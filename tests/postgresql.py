"""A PostgreSQL cluster of one's own, reached by a Unix socket and gone afterwards."""

import os
import pwd
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests import disk


@contextmanager
def cluster(fsync: bool = False) -> Iterator[str]:
    """Yields the URL of its databases, with `{name}` for theirs; raises FileNotFoundError when there is no PostgreSQL."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise FileNotFoundError("PostgreSQL is missing: bin/test installs it")
    binaries = programs[-1]
    # A short path, for its socket lives there.
    home = Path(f"/tmp/celadon-pg-{uuid.uuid4().hex[:8]}")
    # A database is three hundred files.
    with disk.mounted(home):
        # PostgreSQL does not run as root.
        user = pwd.getpwnam("postgres")
        os.chown(home, user.pw_uid, user.pw_gid)

        def run(program: str, *argv: str) -> None:
            subprocess.run(
                [str(binaries / program), "-D", str(home / "data"), *argv],
                check=True,
                user=user.pw_uid,
                group=user.pw_gid,
                cwd=home,
                stdout=subprocess.DEVNULL,
            )

        run("initdb", "-A", "trust", "-U", "postgres", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={home} -c max_connections=60 -c fsync={'on' if fsync else 'off'}"
        run("pg_ctl", "-w", "-o", options, "-l", str(home / "log"), "start")
        try:
            yield f"postgresql+psycopg://postgres@/{{name}}?host={home}"
        finally:
            run("pg_ctl", "-m", "immediate", "-w", "stop")


def create(template: str, name: str, source: str = "template1") -> str:
    """A database of a cluster, empty or a copy of the one called `source`; returns its URL."""
    admin = template.format(name="postgres").replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'create database "{name}" template "{source}"')  # type: ignore[arg-type]
    return template.format(name=name)
