"""Clusters and their tenants, by the real server: what one reaches and what not."""

from datetime import UTC, datetime

import psycopg
import pytest

from celadon.model.engine import Engine
from celadon.postgres import tenants
from celadon.postgres.cluster import Clusters
from celadon.postgres.tenants import Tenant
from tests.postgres.conftest import MakeEngine
from tests.postgres.owned import soon


@pytest.fixture(scope="module")
def shared(make_engine: MakeEngine, clusters: Clusters) -> Engine:
    engine = make_engine(shared=True)
    clusters.engines.publish({engine.port: engine})
    return engine


def given(clusters: Clusters, engine: Engine, connections: int = 3) -> Tenant:
    tenant = tenants.new()
    with clusters.connect(engine) as connection:
        tenants.ensure(connection, tenant, connections)
    with clusters.connect(engine, tenant.name) as connection:
        tenants.ensure_inside(connection, tenant, statistics=not engine.shared)
    return tenant


def as_tenant(clusters: Clusters, engine: Engine, tenant: Tenant, **other: object) -> psycopg.Connection:
    settings = clusters.engines.settings
    words = {
        "host": settings.gateway,
        "port": engine.port,
        "user": tenant.role,
        "password": tenant.password,
        "dbname": tenant.name,
        "sslmode": "verify-full",
        "sslrootcert": str(settings.ca_file),
        "connect_timeout": 10,
        **other,
    }
    return psycopg.connect(autocommit=True, **words)  # type: ignore[arg-type]


def test_a_tenant_reaches_its_database_by_tls_and_owns_what_is_in_it(clusters: Clusters, shared: Engine) -> None:
    tenant = given(clusters, shared)
    with as_tenant(clusters, shared, tenant) as connection:
        connection.execute("create table t (n int primary key)")
        connection.execute("insert into t select generate_series(1, 100)")
        connection.execute("create extension citext")
        assert connection.execute("select count(*) from t").fetchone() == (100,)
        (tls,) = connection.execute("select version from pg_stat_ssl where pid = pg_backend_pid()").fetchone() or ("",)
        assert tls == "TLSv1.3"


def test_making_a_tenant_again_changes_nothing(clusters: Clusters, shared: Engine) -> None:
    tenant = given(clusters, shared)
    with as_tenant(clusters, shared, tenant) as connection:
        connection.execute("create table kept ()")
    with clusters.connect(shared) as connection:
        tenants.ensure(connection, tenant, 3)
    with as_tenant(clusters, shared, tenant) as connection:
        connection.execute("select from kept")


@pytest.mark.parametrize("where", ["postgres", "template1", "other"])
def test_a_tenant_reaches_no_other_database(clusters: Clusters, shared: Engine, where: str) -> None:
    mine, other = given(clusters, shared), given(clusters, shared)
    target = other.name if where == "other" else where
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        as_tenant(clusters, shared, mine, dbname=target)


def test_nobody_comes_in_without_tls_or_as_the_superuser(clusters: Clusters, shared: Engine) -> None:
    tenant = given(clusters, shared)
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        as_tenant(clusters, shared, tenant, sslmode="disable")
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects"):
        as_tenant(clusters, shared, tenant, user="postgres")


def test_no_more_connections_than_the_plan_has(clusters: Clusters, shared: Engine) -> None:
    tenant = given(clusters, shared)
    # Whoever has just left counts for a moment.
    query = "select count(*) from pg_stat_activity where datname = %s"
    with clusters.connect(shared) as connection:
        soon(lambda: connection.execute(query, [tenant.name]).fetchone() == (0,))
    open_ones = [as_tenant(clusters, shared, tenant) for _ in range(3)]
    try:
        with pytest.raises(psycopg.OperationalError, match="too many connections for database"):
            as_tenant(clusters, shared, tenant)
    finally:
        for connection in open_ones:
            connection.close()


@pytest.mark.parametrize(
    "attack",
    [
        "grant connect on database {other} to public",
        "alter database {mine} connection limit -1",
        "alter database {mine} owner to {role}",
        "alter role {role} connection limit -1",
        "alter role {role} superuser",
        "alter role {role} set temp_file_limit = -1",
        "set temp_file_limit = -1",
        "set log_statement = 'all'",
        "alter system set work_mem = '1GB'",
        "select pg_read_file('/etc/passwd')",
        "select pg_ls_dir('/')",
        "select lo_import('/etc/passwd')",
        "select lo_from_bytea(0, 'x')",
        "select lo_create(0)",
        "select pg_logical_emit_message(false, 'x', 'x')",
        "select pg_logical_emit_message(false, 'x', 'x'::bytea)",
        "copy (select 1) to program 'id'",
        "copy (select 1) to '/tmp/x'",
        "create extension dblink",
        "create extension postgres_fdw",
        "create extension adminpack",
        "create extension file_fdw",
        "create language plpython3u",
        "select pg_create_physical_replication_slot('x')",
        "select * from pg_authid",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename <> current_user and usename is not null",
        "create event trigger x on ddl_command_start execute function pg_catalog.now()",
        "set role postgres",
        "set session authorization postgres",
        "select pg_database_size('{other}')",
        "create role another",
        "create database another",
        "create publication p for all tables",
        "create subscription s connection 'host=localhost' publication p",
        "comment on database {mine} is 'x'",
    ],
)
def test_a_hostile_tenant_is_refused(clusters: Clusters, shared: Engine, attack: str) -> None:
    mine, other = given(clusters, shared), given(clusters, shared)
    with as_tenant(clusters, shared, mine) as connection, pytest.raises(psycopg.Error):
        statement = attack.format(mine=mine.name, other=other.name, role=mine.role)
        found = connection.execute(statement)
        assert found.description is None or found.fetchall(), "nothing was done"
        raise AssertionError(f"it was allowed: {statement}")


def test_what_a_tenant_puts_in_its_schema_never_runs_as_the_superuser(clusters: Clusters, shared: Engine) -> None:
    tenant = given(clusters, shared)
    with as_tenant(clusters, shared, tenant) as connection:
        connection.execute("create function public.version() returns text language sql as $$ select 'mine' $$")
        connection.execute("alter role current_user set search_path = public, pg_catalog")
    with clusters.connect(shared, tenant.name) as connection:
        (answer,) = connection.execute("select version()").fetchone() or ("",)
        assert str(answer).startswith("PostgreSQL")


def test_a_new_password_cuts_off_who_has_the_old_one_and_keeps_all_rows(clusters: Clusters, shared: Engine) -> None:
    tenant = given(clusters, shared)
    old = as_tenant(clusters, shared, tenant)
    old.execute("create table kept as select 1 as n")
    with clusters.connect(shared) as connection:
        tenants.set_password(connection, tenant.role, "another-password")
        tenants.cut_off(connection, tenant.role, datetime.now(UTC))
    with pytest.raises(psycopg.OperationalError):
        old.execute("select 1")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        as_tenant(clusters, shared, tenant)
    with as_tenant(clusters, shared, tenant, password="another-password") as connection:
        assert connection.execute("select n from kept").fetchone() == (1,)


def test_a_tenant_that_goes_leaves_no_role_and_no_database(clusters: Clusters, shared: Engine) -> None:
    tenant = given(clusters, shared)
    connected = as_tenant(clusters, shared, tenant)
    connected.execute("create table t ()")
    for _ in range(2):
        with clusters.connect(shared) as connection:
            tenants.drop(connection, tenant)
    with clusters.connect(shared) as connection:
        roles = connection.execute("select from pg_roles where rolname in (%s, %s)", [tenant.name, tenant.role])
        assert roles.fetchall() == []


def test_a_second_server_on_the_same_files_ends_at_once(clusters: Clusters, shared: Engine) -> None:
    argv = (clusters.program(shared, "postgres"), "--version")
    with pytest.raises(Exception, match="status 1"):
        clusters.run(shared, "second", argv, 20)


def test_a_killed_cluster_starts_again_with_all_that_was_acknowledged(clusters: Clusters, shared: Engine) -> None:
    tenant = given(clusters, shared)
    with as_tenant(clusters, shared, tenant) as connection:
        connection.execute("create table t as select generate_series(1, 1000) as n")
    clusters.engines.runtime.kill(shared.name)
    clusters.start(shared)
    with as_tenant(clusters, shared, tenant) as connection:
        assert connection.execute("select count(*) from t").fetchone() == (1000,)


def test_a_query_that_wants_all_memory_fails_and_ends_nobody_else(clusters: Clusters, shared: Engine) -> None:
    mine, other = given(clusters, shared), given(clusters, shared)
    with as_tenant(clusters, shared, other) as lives, as_tenant(clusters, shared, mine) as greedy:
        huge = "select length(string_agg(repeat(md5(i::text), 250000), '')) from generate_series(1, 120) as i"
        with pytest.raises(psycopg.errors.OutOfMemory):
            greedy.execute(huge)
        assert lives.execute("select 1").fetchone() == greedy.execute("select 1").fetchone() == (1,)
        # What an ordinary query needs it has.
        greedy.execute("create temporary table t as select i, md5(i::text) as v from generate_series(1, 300000) as i")
        greedy.execute("create index on t (v)")
        assert greedy.execute("select count(distinct v) from t").fetchone() == (300_000,)
