"""pg_stat_statements, as the platform asks it and as a tenant does, who has Heroku's client ask for `pg:outliers`.

The module counts for a whole server. The platform asks in `postgres`, where no tenant can have put something in its
place. The tenant of a server of its own has the extension as it is; in a shared one it is in the schema `_heroku`, its
view is ours and shows the statements of one database, and what shows all of them is the superuser's alone.
"""

from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]

SCHEMA = "_heroku"
# Any number: who installs the extension waits for who does.
_LOCK = 1_937_006_964
_RESET = """
select p.oid::pg_catalog.regprocedure::text from pg_catalog.pg_proc p
join pg_catalog.pg_depend d on d.objid = p.oid and d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.deptype = 'e'
join pg_catalog.pg_extension e on e.oid = d.refobjid and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
where e.extname = 'pg_stat_statements' and p.proname = 'pg_stat_statements_reset' and p.pronargs > 0"""
_ONE_DATABASE = """
revoke all on all tables in schema _heroku from public;
revoke all on all functions in schema _heroku from public;
create function _heroku.own_statements() returns setof _heroku.all_statements
language sql stable security definer set search_path = ''
begin atomic
  select s.* from _heroku.all_statements s
  where s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
    and s.userid <> (select r.oid from pg_catalog.pg_roles r where r.rolname = 'postgres');
end;
create view _heroku.pg_stat_statements as select * from _heroku.own_statements();
create function _heroku.pg_stat_statements_reset() returns void
language sql security definer set search_path = ''
begin atomic
  select _heroku.reset_statements(0, d.oid, 0)
  from pg_catalog.pg_database d where d.datname = pg_catalog.current_database();
end;
revoke all on function _heroku.own_statements(), _heroku.pg_stat_statements_reset() from public;
alter extension pg_stat_statements add function _heroku.own_statements();
alter extension pg_stat_statements add view _heroku.pg_stat_statements;
alter extension pg_stat_statements add function _heroku.pg_stat_statements_reset();
"""


def ensure(connection: Connection) -> None:
    """Have it in `postgres`, for the platform; `connection` is the superuser's to that database."""
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute("create extension if not exists pg_stat_statements with schema public")


def give_all(connection: Connection, role: str) -> None:
    """Let the only tenant of a server see and reset what it counts; `connection` is to the tenant's database."""
    connection.execute("create extension if not exists pg_stat_statements with schema public")
    for (function,) in connection.execute(_RESET).fetchall():
        statement = sql.SQL("grant execute on function {} to {}")
        connection.execute(statement.format(sql.SQL(str(function)), sql.Identifier(role)))


def give_own(connection: Connection, role: str) -> None:
    """Let a tenant of a shared server see and reset what is counted of its database, to which `connection` is."""
    with connection.transaction():
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(SCHEMA)))
        owner = "select nspowner = 'postgres'::regrole from pg_catalog.pg_namespace where nspname = %s"
        if connection.execute(owner, [SCHEMA]).fetchone() != (True,):
            # A tenant's of an earlier time: nothing of ours is put in there.
            return
        connection.execute("create extension if not exists pg_stat_statements with schema _heroku")
        if connection.execute("select to_regclass('_heroku.all_statements')").fetchone() == (None,):
            _show_own_alone(connection)
        name = sql.Identifier(role)
        connection.execute(sql.SQL("grant usage on schema _heroku to {}").format(name))
        connection.execute(sql.SQL("grant select on _heroku.pg_stat_statements to {}").format(name))
        functions = sql.SQL("_heroku.own_statements(), _heroku.pg_stat_statements_reset()")
        connection.execute(sql.SQL("grant execute on function {} to {}").format(functions, name))


def _show_own_alone(connection: Connection) -> None:
    connection.execute("alter view _heroku.pg_stat_statements rename to all_statements")
    for (function,) in connection.execute(_RESET).fetchall():
        connection.execute(sql.SQL("alter function {} rename to reset_statements").format(sql.SQL(str(function))))
    connection.execute(_ONE_DATABASE)
