"""A tenant's place in a cluster: a database, the role that owns what is in it, and nothing else.

The database belongs to the superuser: its owner could open it to everybody. Three names that tell nothing: the database
`d…`, the marker role of the same name (whoever is a member of it may connect: pg_hba.conf says `samerole`), and the login
role `u…` that owns schema and tables.
"""

import secrets
import string
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from celadon.postgres import clips, statements

Connection = psycopg.Connection[Any]

_ALPHABET = string.ascii_lowercase + string.digits
_LARGE_OBJECTS = (
    "lo_create(oid)",
    "lo_creat(integer)",
    "lo_from_bytea(oid, bytea)",
    "lo_put(oid, bigint, bytea)",
    "lowrite(integer, bytea)",
)
# It writes to the write-ahead log, and so to the archive, without a row that a limit would see. Before version 17 it has
# other arguments: pg_upgrade could not carry over what was revoked there.
_MESSAGES = ("text", "bytea")
_MESSAGES_SINCE = 170_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """`name` is the database's and the marker's; `role` logs in, by default as its owner."""

    name: str
    role: str
    password: str = field(repr=False)


def new() -> Tenant:
    """Names and a password nobody has."""
    return Tenant(name=f"d{_random(15)}", role=f"u{_random(15)}", password=new_password())


def new_password() -> str:
    return f"p{secrets.token_hex(32)}"


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def ensure(connection: Connection, tenant: Tenant, connections: int) -> None:
    """Make what is missing of a tenant's roles and database; `connection` is the superuser's to `postgres`.

    What is in the database is `ensure_inside`'s.
    """
    marker, role = sql.Identifier(tenant.name), sql.Identifier(tenant.role)
    if not _exists(connection, "pg_roles", "rolname", tenant.name):
        connection.execute(sql.SQL("create role {} nologin").format(marker))
    ensure_login(connection, tenant.name, tenant.role, tenant.password)
    if not _exists(connection, "pg_database", "datname", tenant.name):
        connection.execute(sql.SQL("create database {} connection limit 0").format(marker))
    # Closed to all until its rights are as they should be.
    connection.execute(sql.SQL("revoke all on database {} from public").format(marker))
    connection.execute(sql.SQL("grant connect on database {0} to {0}").format(marker))
    connection.execute(sql.SQL("grant create, temporary on database {} to {}").format(marker, role))
    limit(connection, tenant.name, connections)


def limit(connection: Connection, name: str, connections: int) -> None:
    """How many connections all roles of a database may have together; -1 for as many as there are."""
    statement = sql.SQL("alter database {} connection limit {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(connections)))


def bound_spill(connection: Connection, name: str, octets: int) -> None:
    """What the temporary files of one connection may take: sorts beyond it fail instead of filling the disk."""
    statement = sql.SQL("alter database {} set temp_file_limit = {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(f"{octets >> 10}kB")))


def ensure_inside(connection: Connection, tenant: Tenant, *, statistics: bool) -> None:
    """Give the role the schema of its database; `connection` is the superuser's to that database.

    `statistics` are for a cluster that nobody else has: they tell of everybody's statements.
    """
    role = sql.Identifier(tenant.role)
    connection.execute(sql.SQL("alter schema public owner to {}").format(role))
    # Large objects are a way to write that no size limit sees: there are none.
    names = list(_LARGE_OBJECTS)
    if connection.info.server_version >= _MESSAGES_SINCE:
        names += [f"pg_logical_emit_message(boolean, text, {kind}, boolean)" for kind in _MESSAGES]
    for name in names:
        connection.execute(sql.SQL("revoke execute on function pg_catalog.{} from public").format(sql.SQL(name)))
    if statistics:
        statements.give_all(connection, tenant.role)
        connection.execute(sql.SQL("grant pg_read_all_stats, pg_signal_backend to {}").format(role))


def ensure_login(connection: Connection, name: str, role: str, password: str) -> None:
    """A role that may connect to the database of this name, with this password from now on."""
    identifier = sql.Identifier(role)
    if not _exists(connection, "pg_roles", "rolname", role):
        connection.execute(sql.SQL("create role {} nologin").format(identifier))
    connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(name), identifier))
    set_password(connection, role, password)


def set_password(connection: Connection, role: str, password: str) -> None:
    """What a role logs in with from now on; who is connected stays so until `cut_off`."""
    # A password in a statement is never logged here: statements are only when they are slow, and this is hashed already.
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(hashed)))


def cut_off(connection: Connection, role: str, before: datetime) -> None:
    """End the sessions of a role that began before; those by the socket are the platform's own, as a backup is."""
    connection.execute(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
        "where usename = %s and backend_start < %s and client_addr is not null",
        [role, before],
    )


def drop(connection: Connection, tenant: Tenant) -> None:
    """Remove a tenant from a shared cluster; no error when there is none."""
    names = {"name": tenant.name}
    if _exists(connection, "pg_database", "datname", tenant.name):
        limit(connection, tenant.name, 0)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(tenant.name)))
    members = connection.execute(
        "select m.rolname from pg_auth_members a join pg_roles r on r.oid = a.roleid "
        "join pg_roles m on m.oid = a.member where r.rolname = %(name)s and m.rolname <> 'postgres'",
        names,
    ).fetchall()
    for role in dict.fromkeys([*(found[0] for found in members), clips.role_of(tenant.name), tenant.role, tenant.name]):
        connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))


def _exists(connection: Connection, table: str, column: str, name: str) -> bool:
    query = sql.SQL("select 1 from pg_catalog.{} where {} = %s").format(sql.Identifier(table), sql.Identifier(column))
    return connection.execute(query, [name]).fetchone() is not None
