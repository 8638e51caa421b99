"""One query of a user, run against a database so that it can only read, and takes bounded time, memory and rows.

The query runs in a program of its own (`clip_program`), with a connection of its own that is closed after it, as a role
that may only read. Why each step is there: docs/decisions/0026-dataclips.md.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
import psycopg
from psycopg import sql

from celadon.postgres.clip_outcome import Asked, Outcome, failed, took_too_long

Connection = psycopg.Connection[tuple[object, ...]]

# The group of all roles that clips run as: the servers let its members in by their socket only,
# and only the platform (authentication.py).
GROUP = "celadon_clips"

# What the program may write beyond the rows: the names of 1,664 columns.
_OVERHEAD = 1 << 20
_GRACE = 2.0
# Connections at once of one database's clips.
_CONNECTIONS = 8

# Run by the server: names of schemas may be in an encoding that nobody here can read. Only what is missing is given, for
# each grant is a new row of a catalogue.
_READ_SCHEMAS = """
do $do$
declare
  found record;
begin
  for found in select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
    if not has_schema_privilege({role}, found.oid, 'usage') then
      execute format('grant usage on schema %I to %I', found.nspname, {role});
    end if;
  end loop;
  for found in
    select c.oid, c.relname, c.relkind, n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  loop
    if found.relkind = 'S' and not has_sequence_privilege({role}, found.oid, 'select') then
      execute format('grant select on sequence %I.%I to %I', found.nspname, found.relname, {role});
    elsif found.relkind <> 'S' and not has_table_privilege({role}, found.oid, 'select') then
      execute format('grant select on table %I.%I to %I', found.nspname, found.relname, {role});
    end if;
  end loop;
end $do$"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a database is: the directory of its server's socket, its name and the role that its clips run as."""

    directory: Path
    port: int = 5432
    database: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`rows` and `octets` (of the rows as JSON) are what is kept of a result; the rest is cut off and said to be.

    `seconds` is for the statement, `connect` for reaching the server; `memory` is what the program may take for a row.
    """

    rows: int = 10_000
    octets: int = 4 << 20
    seconds: float = 10.0
    connect: int = 5
    memory: int = 128 << 20

    @property
    def deadline(self) -> float:
        """Seconds after which the program is killed, whatever the server does."""
        return self.seconds + self.connect + _GRACE


DEFAULT = Limits()


def role_of(database: str) -> str:
    """What the role is called that a database's clips run as: of a name as `dx7…` it is `cx7…`."""
    return f"c{database.removeprefix('d')}"


def run(place: Place, query: str, limits: Limits = DEFAULT) -> Outcome:
    """What the query answers, or why it has no answer: what is wrong with a query is an outcome too.

    Takes no longer than `limits.deadline`, and the start of a program.
    """
    asked = Asked(
        directory=str(place.directory),
        port=place.port,
        database=place.database,
        role=place.role,
        query=query,
        rows=limits.rows,
        octets=limits.octets,
        seconds=limits.seconds,
        connect=limits.connect,
        memory=limits.memory,
        deadline=limits.deadline,
    )
    # Files that nobody else sees: a program that does not read or write as told keeps nobody waiting.
    with _memory("question") as question, _memory("outcome") as answer:
        question.write(msgspec.json.encode(asked))
        question.seek(0)
        argv = [sys.executable, "-I", "-m", "celadon.postgres.clip_program"]
        # What of the platform is in its own environment is nothing to a program that meets users' words.
        program = subprocess.Popen(argv, stdin=question, stdout=answer, stderr=subprocess.DEVNULL, env={}, cwd="/")
        try:
            program.wait(limits.deadline)
        except subprocess.TimeoutExpired:
            return failed(took_too_long(limits.seconds))
        finally:
            program.kill()
            program.wait()
        answer.seek(0)
        return _read(answer.read(2 * limits.octets + _OVERHEAD), program.returncode, limits)


def _memory(name: str) -> BinaryIO:
    return os.fdopen(os.memfd_create(name), "w+b")


def _read(told: bytes, status: int, limits: Limits) -> Outcome:
    if status == 0:
        return msgspec.json.decode(told, type=Outcome)
    if -status == signal.SIGALRM:
        return failed(took_too_long(limits.seconds))
    return failed(f"cannot run the query: reading its result took more than {limits.memory >> 20} MB; select less")


def prepare(connection: Connection, *, database: str, owners: Sequence[str], role: str) -> None:
    """Make the role that this database's clips run as, and let it read what these roles own and will own.

    Takes a superuser's connection to the database itself, in autocommit mode; safe to run again at any time. The role
    is no member of any of theirs: what it calls runs with nobody's rights to write.
    """
    if connection.execute("select pg_is_in_recovery()").fetchone() == (True,):
        # A follower has what its source has.
        return
    ours = sql.Identifier(role)
    with connection.transaction():
        connection.execute("set local lock_timeout = '5s'")
        connection.execute("select pg_advisory_xact_lock(hashtext('celadon'), hashtext('clips'))")
        _make_role(connection, GROUP, "nologin")
        _make_role(connection, role, "login")
        for statement in _rights(ours, sql.Identifier(database), owners):
            connection.execute(statement)
        connection.execute(sql.SQL(_READ_SCHEMAS).format(role=sql.Literal(role)))


def _make_role(connection: Connection, role: str, login: str) -> None:
    if connection.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is None:
        # Another database of the cluster may be making the group now.
        with contextlib.suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            with connection.transaction():
                connection.execute(sql.SQL("create role {} {}").format(sql.Identifier(role), sql.SQL(login)))


def _rights(role: sql.Identifier, database: sql.Identifier, owners: Sequence[str]) -> list[sql.Composed]:
    """What the role may, whatever it might before."""
    lone = "alter role {} nosuperuser nocreatedb nocreaterole noreplication nobypassrls noinherit connection limit {}"
    statements = [
        sql.SQL(lone).format(role, sql.Literal(_CONNECTIONS)),
        sql.SQL("grant {} to {}").format(sql.Identifier(GROUP), role),
        # Not a query's to change: what it sorts fills nobody's disk.
        sql.SQL("alter role {} set temp_file_limit = '256MB'").format(role),
        sql.SQL("alter role {} set default_transaction_read_only = on").format(role),
        sql.SQL("revoke all on database {} from {}").format(database, role),
        sql.SQL("grant connect on database {} to {}").format(database, role),
    ]
    for owner in map(sql.Identifier, owners):
        statements += [
            sql.SQL("revoke {} from {}").format(owner, role),
            sql.SQL("alter default privileges for role {} grant usage on schemas to {}").format(owner, role),
            sql.SQL("alter default privileges for role {} grant select on tables to {}").format(owner, role),
            sql.SQL("alter default privileges for role {} grant select on sequences to {}").format(owner, role),
        ]
    return statements
