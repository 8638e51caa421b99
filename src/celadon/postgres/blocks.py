"""How writing to a database ends and begins again: rights that are taken and kept, and a guard against giving them back.

The guard is an event trigger of the superuser's: only what makes room may be done to the database's schema. Then whoever is
in the middle of writing is cut off, and INSERT and UPDATE are taken from everybody, the owners of tables too. What was
taken stands in the schema `pg_celadon`, beside the trigger: a copy of the files has it as well and can be opened again. No
tenant may make a schema of that kind, and pg_dump passes it over; the trigger it passes over as part of an extension.

Where tables refer to each other, rows of both are locked when one is deleted, with their owner's right to update: so of such
columns that right stays, unless all is `sealed`.
"""

import logging
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from celadon.model.postgres_limits import Access

log = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

_SCHEMA: LiteralString = "pg_celadon"

# A relation of the tenant's that rows can be put into; also temporary ones, whose files are the database's.
_OURS = """(n.nspname !~ '^pg_' and n.nspname <> 'information_schema' or n.nspname ~ '^pg_temp_')"""

_GUARD = (
    "set allow_system_table_mods = on",
    f"create schema {_SCHEMA}",
    "set allow_system_table_mods = off",
    f"revoke all on schema {_SCHEMA} from public",
    f"create table {_SCHEMA}.block (sealed boolean not null, at timestamptz)",
    f"insert into {_SCHEMA}.block values (false, null)",
    # Which right of which column (0: of the whole table) was taken from whom, who had given it, and whether to be passed on.
    f"""create table {_SCHEMA}.taken (
  relation oid not null, attribute int not null, grantor oid not null, grantee oid not null, privilege text not null,
  passed_on boolean not null, primary key (relation, attribute, grantor, grantee, privilege))""",
    f"""create function {_SCHEMA}.refuse() returns event_trigger language plpgsql set search_path = '' as $do$
begin
  if (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = session_user) or tg_tag ~ '^(DROP |REINDEX)' then
    return;
  end if;
  raise insufficient_privilege using
    message = pg_catalog.format('cannot execute %s: this database is over the limits of its plan', tg_tag),
    hint = 'Make room with DELETE, TRUNCATE or DROP (and VACUUM FULL), or move to a larger plan; see pg:info.';
end $do$""",
    f"create event trigger celadon_limit on ddl_command_start execute function {_SCHEMA}.refuse()",
    "alter event trigger celadon_limit enable always",
    "alter extension plpgsql add event trigger celadon_limit",
)

_UNGUARD = (
    "alter extension plpgsql drop event trigger celadon_limit",
    "drop event trigger celadon_limit",
    f"drop schema {_SCHEMA} cascade",
)

# From when on the guard stands for everybody: after its transaction.
_STAND = f"update {_SCHEMA}.block set at = clock_timestamp() where at is null"

# Whoever wrote before: such a statement goes on with rights it had, such a transaction may show new tables.
_END = f"""
select pg_terminate_backend(a.pid, 5000) from pg_stat_activity a, {_SCHEMA}.block b
where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
  and a.backend_xid is not null and a.xact_start < b.at
  and not (select r.rolsuper from pg_roles r where r.oid = a.usesysid)"""

# Columns that refer to others or are referred to: of these their owners may update, see above.
_REFERRING = """select k.conrelid as relation, u.attnum as attribute from pg_constraint k
  cross join lateral unnest(k.conkey) as u (attnum) where k.contype = 'f'
  union
  select k.confrelid, u.attnum from pg_constraint k cross join lateral unnest(k.confkey) as u (attnum) where k.contype = 'f'"""

_RIGHTS = f"""
  select c.oid as relation, 0 as attribute, c.relowner as owner, a.grantor, a.grantee, a.privilege_type, a.is_grantable
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  cross join lateral aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
  where c.relkind in ('r', 'p', 'f', 'm') and {_OURS}
  union all
  select c.oid, t.attnum, c.relowner, a.grantor, a.grantee, a.privilege_type, a.is_grantable
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute t on t.attrelid = c.oid and t.attacl is not null and not t.attisdropped
  cross join lateral aclexplode(t.attacl) a
  where c.relkind in ('r', 'p', 'f', 'm') and {_OURS}"""

# Those that are to be taken; `sealed` is a variable of the block below.
_LEFT = f"""
    with rights as materialized ({_RIGHTS}), referring as materialized ({_REFERRING})
    select r.* from rights r where r.privilege_type in ('INSERT', 'UPDATE')
      and not exists (select from pg_roles o where o.oid = r.grantee and o.rolsuper)
      and (sealed or r.privilege_type <> 'UPDATE' or r.grantee <> r.owner or not exists (
        select from referring f where f.relation = r.relation and f.attribute = r.attribute))"""

# Each right is taken back as by who gave it: a grant that somebody else passed on is none of the owner's.
_TAKE = f"""
do $do$
declare
  sealed constant boolean := (select b.sealed from {_SCHEMA}.block b);
  found record;
begin
  if not exists ({_LEFT}) then
    return;
  end if;
  create temporary table celadon_rights on commit drop as {_LEFT};
  insert into {_SCHEMA}.taken
    select r.relation, r.attribute, r.grantor, r.grantee, r.privilege_type, r.is_grantable from pg_temp.celadon_rights r
    -- Those that were left until now are none of its own.
    where not (r.privilege_type = 'UPDATE' and r.grantee = r.owner and exists (
      select from ({_REFERRING}) f where f.relation = r.relation and f.attribute = r.attribute))
    on conflict do nothing;
  for found in
    select n.nspname, c.relname, pg_get_userbyid(r.grantor) as grantor, r.grantor <> c.relowner as passed_on,
      has_schema_privilege(r.grantor, n.oid, 'usage') as enters, string_agg(distinct
      case r.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(r.grantee)) end, ', ') as grantees,
      (select string_agg(distinct quote_ident(pg_get_userbyid(p.grantor)), ', ') from pg_temp.celadon_rights p
        where p.relation = r.relation and p.grantor <> p.owner and r.grantor = c.relowner) as passers
    from pg_temp.celadon_rights r join pg_class c on c.oid = r.relation join pg_namespace n on n.oid = c.relnamespace
    group by n.oid, n.nspname, c.relname, c.relowner, r.relation, r.grantor
    order by r.grantor = c.relowner
  loop
    -- The superuser is every owner. For another he has to become him, who might not enter the schema, and whose own
    -- right may be gone already: the owner, who comes last, takes it again.
    if found.passed_on then
      execute format('grant insert, update on table %I.%I to %I with grant option',
        found.nspname, found.relname, found.grantor);
      if not found.enters then
        execute format('grant usage on schema %I to %I', found.nspname, found.grantor);
      end if;
      perform set_config('role', found.grantor, true);
    end if;
    execute format('revoke insert, update on table %I.%I from %s cascade', found.nspname, found.relname,
      concat_ws(', ', found.grantees, found.passers));
    perform set_config('role', 'none', true);
    if found.passed_on and not found.enters then
      execute format('revoke usage on schema %I from %I', found.nspname, found.grantor);
    end if;
  end loop;
  for found in
    select n.nspname, c.relname, t.attname, pg_get_userbyid(c.relowner) as owner
    from (select distinct r.relation from pg_temp.celadon_rights r) r
    join pg_class c on c.oid = r.relation join pg_namespace n on n.oid = c.relnamespace
    join ({_REFERRING}) f on f.relation = c.oid
    join pg_attribute t on t.attrelid = c.oid and t.attnum = f.attribute
    where not sealed
  loop
    execute format('grant update (%I) on table %I.%I to %I', found.attname, found.nspname, found.relname, found.owner);
  end loop;
end $do$"""

# An owner who is another one by now has them in any case.
_GIVE = f"""
do $do$
declare
  found record;
begin
  for found in
    select n.nspname, c.relname, pg_get_userbyid(c.relowner) as owner,
      not exists (select from {_SCHEMA}.taken t where t.relation = c.oid and t.grantee = c.relowner) as other
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.oid in (select t.relation from {_SCHEMA}.taken t)
  loop
    execute format('revoke update on table %I.%I from %I', found.nspname, found.relname, found.owner);
    if found.other then
      execute format('grant insert, update on table %I.%I to %I', found.nspname, found.relname, found.owner);
    end if;
  end loop;
  for found in
    select n.nspname, c.relname, t.privilege, g.rolname as grantor, t.passed_on,
      pg_get_userbyid(c.relowner) as owner,
      case t.grantee when 0 then 'public' else quote_ident(e.rolname) end as grantee,
      coalesce((select format('(%I)', a.attname) from pg_attribute a
        where a.attrelid = t.relation and a.attnum = t.attribute and t.attribute <> 0), '') as attribute
    from {_SCHEMA}.taken t
    join pg_class c on c.oid = t.relation join pg_namespace n on n.oid = c.relnamespace
    join pg_roles g on g.oid = t.grantor left join pg_roles e on e.oid = t.grantee
    where t.grantee = 0 or e.oid is not null
    order by t.grantor <> c.relowner, not t.passed_on
  loop
    begin
      if found.grantor <> found.owner then
        perform set_config('role', found.grantor, true);
      end if;
      execute format('grant %s %s on table %I.%I to %s %s', found.privilege, found.attribute, found.nspname,
        found.relname, found.grantee, case when found.passed_on then 'with grant option' else '' end);
    exception when insufficient_privilege or undefined_object then
      raise notice 'a right of % is not given back', found.relname;
    end;
    perform set_config('role', 'none', true);
  end loop;
end $do$"""


def state(connection: Connection) -> Access:
    """How a database is now, whoever has made it so; `connection` is the superuser's to it. Raises psycopg.Error."""
    if connection.execute("select from pg_namespace where nspname = %s", [_SCHEMA]).fetchone() is None:
        return Access.FULL
    row = connection.execute(sql.SQL("select sealed from {}.block").format(sql.Identifier(_SCHEMA))).fetchone()
    return Access.SEALED if row and row[0] else Access.REVOKED


def ensure(connection: Connection, wanted: Access) -> bool:
    """Have a database so, from full to revoked to sealed and back to full; whether it was otherwise. May be killed at any step and called again, and is to be while
    writing is revoked: a table may have come from a transaction that was not over. Raises psycopg.Error.
    """
    before = state(connection)
    if wanted is Access.FULL:
        if before is not Access.FULL:
            lift(connection)
        return before is not Access.FULL
    if before is Access.FULL:
        with connection.transaction():
            for statement in _GUARD:
                connection.execute(statement)
    sealed = wanted is Access.SEALED
    connection.execute(f"update {_SCHEMA}.block set sealed = %s where sealed <> %s", [sealed, sealed])
    connection.execute(_STAND)
    connection.execute(_END)
    with connection.transaction():
        connection.execute(_TAKE)
    return before is not wanted


def lift(connection: Connection) -> None:
    """Give back what was taken, all at once; no error when nothing was. Raises psycopg.Error."""
    if state(connection) is Access.FULL:
        return
    with connection.transaction():
        connection.execute(_GIVE)
        for statement in _UNGUARD:
            connection.execute(statement)
