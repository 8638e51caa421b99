"""A database of a tenant on a real cluster, in the layout of shared plans, and everything that would write to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from tests import postgresql

from celadon.postgres import clips
from celadon.postgres.clips import Place

ROWS = 3
OWNER, ROLE = "d1", "clip_d1"

# What a tenant may have made, with its own rights behind it: everybody may call it.
_TENANTS_OWN = """
create table public.people (id bigint primary key, name text);
insert into public.people values (1, 'ada'), (2, 'grace'), (3, null);
create sequence public.counter;
create function public.evil() returns int language plpgsql security definer as
  $$ begin delete from public.people; return 1; end $$;
create function public.evil_setting() returns int language plpgsql security definer as
  $$ begin perform set_config('transaction_read_only', 'off', false); delete from public.people; return 1; end $$;
create function public.evil_set() returns int language plpgsql security definer as
  $$ begin set transaction read write; delete from public.people; return 1; end $$;
create function public.slow_setting() returns int language plpgsql as
  $$ begin perform set_config('statement_timeout', '0', false); perform pg_sleep(60); return 1; end $$;
create procedure public.evil_call() language plpgsql security definer as
  $$ begin delete from public.people; end $$;
create procedure public.evil_commit() language plpgsql as
  $$ begin commit; delete from public.people; commit; end $$;
"""


class Tenant:
    """`admin` is a superuser's connection, `own` the tenant's."""

    def __init__(self, template: str, home: Path) -> None:
        self.directory = home
        self.admin = self._connect("postgres", "postgres")
        self._layout()
        self.super = self._connect(OWNER, "postgres")
        self.super.execute(sql.SQL("alter schema public owner to {}").format(sql.Identifier(OWNER)))
        self.own = self._connect(OWNER, "u1")
        self.own.execute(_TENANTS_OWN)
        clips.prepare(self.super, database=OWNER, owners=[OWNER], role=ROLE)
        self.place = Place(directory=home, database=OWNER, role=ROLE)

    def _connect(self, database: str, user: str) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(host=str(self.directory), dbname=database, user=user, autocommit=True)

    def _layout(self) -> None:
        for statement in (
            'create role "d1" nologin',
            'create role "u1" login connection limit 20 in role "d1"',
            'alter role "u1" set role "d1"',
            'create database "d1"',
            'revoke all on database "d1" from public',
            'grant connect, create, temp on database "d1" to "d1"',
        ):
            self.admin.execute(statement)

    def count(self) -> int:
        found = self.super.execute("select count(*) from public.people").fetchone()
        assert found is not None
        return int(str(found[0]))

    def close(self) -> None:
        for connection in (self.admin, self.super, self.own):
            connection.close()


@contextmanager
def tenant() -> Iterator[Tenant]:
    with postgresql.cluster() as template:
        found = Tenant(template, Path(template.rpartition("=")[2]))
        try:
            yield found
        finally:
            found.close()
