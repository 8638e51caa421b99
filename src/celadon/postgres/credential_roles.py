"""Additional credentials at a server: roles beside the tenant's, which may do what they are told and never become it.

All is done by the superuser, connected to the tenant's database, each call one transaction that may be done again. A
credential is a member of the marker, so that it may connect, and of nothing else; the tenant is a member of each
credential, so that what one makes can be backed up, restored and dropped by its owner.
"""

from collections.abc import Iterable

import psycopg
from psycopg import sql

from celadon.model.postgres_database import Credential, CredentialPermission
from celadon.postgres import clips, tenants
from celadon.postgres.tenants import Connection, Tenant

# Milliseconds for each session to end.
_END = 5000

# Permission → what is granted on each kind of thing; the words of `alter default privileges` are those of `grant`.
_GRANTS = {
    CredentialPermission.READ: {"schemas": "usage", "tables": "select", "sequences": "select"},
    CredentialPermission.WRITE: {
        "schemas": "usage",
        "tables": "select, insert, update, delete",
        "sequences": "usage, select, update",
    },
}

# On what is there, if it is the tenant's or another credential's: extensions of the superuser's are nobody's to grant.
_GRANT_PRESENT = """
do $do$
declare
  found record;
begin
  for found in select nspname from pg_namespace where pg_has_role({owner}, nspowner, 'member') loop
    execute format('grant {schemas} on schema %I to %I', found.nspname, {role});
  end loop;
  for found in
    select c.relname, c.relkind, n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where pg_has_role({owner}, c.relowner, 'member') and n.nspname !~ '^pg_' and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  loop
    if found.relkind = 'S' then
      execute format('grant {sequences} on sequence %I.%I to %I', found.nspname, found.relname, {role});
    else
      execute format('grant {tables} on table %I.%I to %I', found.nspname, found.relname, {role});
    end if;
  end loop;
end $do$"""

# What runs or reads as its owner would do so as the tenant, when it is the tenant's: whoever made it must not gain by that.
_DISARM = """
do $do$
declare
  found record;
begin
  for found in select oid::regprocedure as name from pg_proc where prosecdef and proowner = {role}::regrole loop
    execute format('alter routine %s security invoker', found.name);
  end loop;
  for found in select oid::regclass as name from pg_class where relkind = 'v' and relowner = {role}::regrole loop
    execute format('alter view %s set (security_invoker = true)', found.name);
  end loop;
  for found in
    select r.rulename, c.oid::regclass as name from pg_rewrite r join pg_class c on c.oid = r.ev_class
    where c.relowner = {role}::regrole and r.ev_type <> '1'
  loop
    execute format('drop rule %I on %s', found.rulename, found.name);
  end loop;
end $do$"""


def exists(connection: Connection, role: str) -> bool:
    return connection.execute("select from pg_catalog.pg_roles where rolname = %s", [role]).fetchone() is not None


def ensure(connection: Connection, tenant: Tenant, credential: Credential, password: str) -> None:
    """Have its role, which may log in with this password, and its rights."""
    with connection.transaction():
        tenants.ensure_login(connection, tenant.name, credential.role, password)
        grant(connection, tenant, credential)


def grant(connection: Connection, tenant: Tenant, credential: Credential) -> None:
    """What its permission says, on everything of its tenant's and on all that comes; the caller has a transaction."""
    role, owner = sql.Identifier(credential.role), sql.Identifier(tenant.role)
    connection.execute(sql.SQL("grant {} to {}").format(role, owner))
    grants = _GRANTS.get(credential.permission)
    if grants is None:
        return
    words = {
        "owner": sql.Literal(tenant.role),
        "role": sql.Literal(credential.role),
        **{kind: sql.SQL(rights) for kind, rights in grants.items()},
    }
    connection.execute(sql.SQL(_GRANT_PRESENT).format(**words))
    for kind, rights in grants.items():
        statement = sql.SQL("alter default privileges for role {} grant {} on {} to {}")
        connection.execute(statement.format(owner, sql.SQL(rights), sql.SQL(kind), role))
    if credential.permission is CredentialPermission.WRITE:
        connection.execute(sql.SQL("grant temporary on database {} to {}").format(sql.Identifier(tenant.name), role))


def remove(connection: Connection, tenant: Tenant, role: str) -> None:
    """End its sessions, give what it owns to its tenant, remove it; no error when there is none."""
    if not exists(connection, role):
        return
    connection.execute(sql.SQL("alter role {} nologin").format(sql.Identifier(role)))
    connection.execute("select pg_terminate_backend(pid, %s) from pg_stat_activity where usename = %s", [_END, role])
    with connection.transaction():
        hand_over(connection, role, tenant.role)
        connection.execute(sql.SQL("drop owned by {}").format(sql.Identifier(role)))
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def hand_over(connection: Connection, role: str, owner: str) -> None:
    """What a role owns is another's from now on, and nothing of it runs or reads with that one's rights."""
    connection.execute(sql.SQL(_DISARM).format(role=sql.Literal(_quoted(connection, role))))
    words = {"role": sql.Identifier(role), "owner": sql.Identifier(owner)}
    connection.execute(sql.SQL("reassign owned by {role} to {owner}").format(**words))


def repair(connection: Connection, tenant: Tenant, additional: Iterable[Credential]) -> None:
    """Everything is the tenant's again, with the rights it began with; the caller has a transaction."""
    for one in additional:
        hand_over(connection, one.role, tenant.role)
        grant(connection, tenant, one)


def remove_unknown(connection: Connection, tenant: Tenant, known: Iterable[str]) -> None:
    """Remove the credentials that are none of these."""
    ours = {tenant.role, clips.role_of(tenant.name), *known, "postgres"}
    query = (
        "select m.rolname from pg_catalog.pg_auth_members a join pg_catalog.pg_roles r on r.oid = a.roleid "
        "join pg_catalog.pg_roles m on m.oid = a.member where r.rolname = %s"
    )
    for (role,) in connection.execute(query, [tenant.name]).fetchall():
        if role not in ours:
            remove(connection, tenant, str(role))


def secret(connection: Connection, role: str) -> str | None:
    """What the server knows its password by: a follower has it when it has the leader's newest one."""
    found = connection.execute("select rolpassword from pg_catalog.pg_authid where rolname = %s", [role]).fetchone()
    return None if found is None else str(found[0])


def _quoted(connection: psycopg.Connection[object], role: str) -> str:
    """As `regrole` reads it."""
    return sql.Identifier(role).as_string(connection)
