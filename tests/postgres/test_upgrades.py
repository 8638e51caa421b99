"""Upgrades of real clusters from PostgreSQL 15: tried, done, refused, killed at each step."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from celadon.actions import postgres_databases as databases
from celadon.actions import transferring, upgrading
from celadon.addons.provider import ProviderRefused
from celadon.model.engine import EngineState
from celadon.model.postgres_archive import BackupType
from celadon.model.postgres_database import Origin, Step
from celadon.model.postgres_upgrade import ATTEMPTS, Upgrade, UpgradeKind, UpgradeStatus
from celadon.model.transfer import Check, Transfer, TransferKind, TransferStatus
from celadon.platform import certificates
from celadon.postgres import upgrades as module
from celadon.postgres.manager import Manager
from celadon.postgres.provider import PostgresProvider
from celadon.postgres.transfers import Transfers
from celadon.postgres.upgrades import Upgrades
from celadon.postgres.verification import Verification
from celadon.runtime.protocol import RuntimeFailure
from celadon.store import engines, postgres_upgrades, transfers
from tests.postgres.place import Place, wanted
from tests.postgres.test_forks import Killed, Made
from tests.postgres.test_transfers import Shop, make_app

Make = Callable[..., Made]

_CONTENTS = """
create table t as select n, md5(n::text) as word from generate_series(1, 1000) n;
create extension hstore;
create table kept (id serial primary key, at timestamptz default now(), more hstore);
insert into kept (more) values ('a=>1'), ('b=>2'), ('c=>3');
create index on t (word);
"""


@pytest.fixture(scope="module")
def provider(place: Place) -> PostgresProvider:
    certificates.issue(place.settings, datetime.now(UTC))
    return PostgresProvider(place.context, place.pairs, resolve=lambda word, _: word)


@pytest.fixture(scope="module")
def upgrades(provider: PostgresProvider) -> Upgrades:
    return Upgrades(provider)


@pytest.fixture
def make(provider: PostgresProvider) -> Iterator[Make]:
    """Makes add-ons that are gone after the test, and with them all that was made for them."""
    orders = []

    def making(plan: str = "standard-0", **options: str) -> Made:
        order = wanted(plan, **options)
        orders.append(order)
        return Made(provider, order, provider.provision(order))

    yield making
    for order in reversed(orders):
        provider.deprovision(order.addon_id, None)
        assert upgrading.find(provider.context, order.addon_id) is None
    with provider.context.database.read() as tx:
        assert [one for one in engines.list_all(tx) if not one.shared] == []
    assert [one for one in provider.clusters.engines.runtime.list() if "upgrade" in one] == []


@pytest.fixture
def old(make: Make) -> Made:
    """A database of PostgreSQL 15 that has something in it."""
    made = make(version="15")
    for statement in _CONTENTS.strip().split(";\n"):
        made.ask(statement)
    return made


def order(made: Made, status: UpgradeStatus = UpgradeStatus.WAITING, kind: UpgradeKind = UpgradeKind.UPGRADE) -> None:
    """What the action writes."""
    at = datetime.now(UTC)
    upgrade = Upgrade(
        addon_id=made.id,
        kind=kind,
        status=status,
        version_from="15",
        version_to="17",
        attempts=0,
        report="",
        scratch_id=None,
        created_at=at,
        updated_at=at,
        finished_at=None,
    )
    with made.provider.context.database.transaction() as tx:
        postgres_upgrades.put(tx, upgrade)


def upgrade_of(made: Made) -> Upgrade:
    found = upgrading.find(made.provider.context, made.id)
    assert found is not None
    return found


def check_contents(made: Made, version: str) -> None:
    assert made.ask("select current_setting('server_version_num')::int / 10000") == [(int(version),)]
    assert made.place.engine.version == version
    assert made.ask("select count(*), max(word) from t where word = md5(n::text)") == [
        (1000, made.ask("select max(word) from t")[0][0])
    ]
    assert made.ask("select more->'b' from kept where id = 2") == [("2",)]
    made.ask("insert into kept (more) values ('d=>4')")
    assert made.ask("select max(id) - count(*) from kept") == [(0,)]


def left(made: Made) -> list[str]:
    """What should not be there when no upgrade is under way."""
    files = made.provider.clusters.engines.directory(made.place.engine)
    found = [path.name for path in files.iterdir() if path.name.startswith(("cluster.", "upgrade"))]
    with made.provider.context.database.read() as tx:
        scratch = [one.name for one in engines.list_all(tx) if one.state is EngineState.RESTORING]
    running = [
        one for one in made.provider.clusters.engines.runtime.list() if re.search("-(upgrade|initdb|copy)$", one)
    ]
    return [*found, *scratch, *running]


def test_a_version_is_chosen_when_a_database_is_made(make: Make, provider: PostgresProvider) -> None:
    assert make().place.engine.version == "17"
    for plan, version, why in (
        ("standard-0", "9", "there are 15 and 17"),
        ("mini", "15", "a standard plan"),
        ("premium-0", "15", "a standard plan"),
    ):
        with pytest.raises(ProviderRefused, match=why):
            provider.provision(wanted(plan, version=version))


def test_a_fork_and_a_follower_have_the_version_of_their_source(make: Make, old: Made) -> None:
    for origin in ("fork", "follow"):
        copy = make(**{origin: old.id})
        assert copy.place.engine.version == "15"
        assert copy.ask("select count(*) from t") == [(1000,)]
        with pytest.raises(ProviderRefused, match="leave --version out"):
            make(**{origin: old.id, "version": "17"})


def test_a_dry_run_upgrades_a_copy_and_nothing_else(old: Made, upgrades: Upgrades) -> None:
    order(old, UpgradeStatus.TRYING, UpgradeKind.DRY_RUN)
    with old.provider.clusters.connect(old.place.engine) as connection:
        began = connection.execute("select pg_postmaster_start_time()").fetchone()
        upgrades.run(old.id)
        assert connection.execute("select pg_postmaster_start_time()").fetchone() == began
    found = upgrade_of(old)
    assert (found.status, found.scratch_id) == (UpgradeStatus.SUCCEEDED, None), found.report
    assert "nothing in the way" in found.report
    check_contents(old, "15")
    assert left(old) == []


@pytest.mark.parametrize("kind", ["dry run", "upgrade"])
def test_a_hindrance_is_told_and_changes_nothing(old: Made, upgrades: Upgrades, kind: str) -> None:
    old.ask("create table hindering (what regproc)")
    order(old, *((UpgradeStatus.TRYING, UpgradeKind.DRY_RUN) if kind == "dry run" else ()))
    upgrades.run(old.id)
    found = upgrade_of(old)
    assert found.status is UpgradeStatus.FAILED and found.finished_at is not None
    assert "reg* data types" in found.report and "hindering.what" in found.report and "/engine" not in found.report
    assert old.place.database.step is Step.AVAILABLE
    check_contents(old, "15")
    assert left(old) == []


@pytest.mark.parametrize(
    "definition",
    [
        "create table trap (a int) partition by range ((a + public.f(1)))",
        "create table trap (a int, b int generated always as (a + public.f(1)) stored)",
        "create table trap (a int check (a > public.f(1)))",
        "create domain trap as int check (value operator(public.===) 1 > 0)",
    ],
)
def test_no_code_of_a_tenants_is_run_by_the_superuser(old: Made, upgrades: Upgrades, definition: str) -> None:
    old.ask("create function f(int) returns int language plpgsql immutable as 'begin return 0; end'")
    old.ask("create function plus(int, int) returns int language sql immutable as 'select 1'")
    old.ask("create operator === (leftarg = int, rightarg = int, function = plus)")
    old.ask(definition)
    order(old)
    upgrades.run(old.id)
    found = upgrade_of(old)
    assert found.status is UpgradeStatus.FAILED and "which an upgrade in place would run" in found.report
    check_contents(old, "15")
    assert left(old) == []


def test_an_upgrade_keeps_all_and_ends_the_old_history(make: Make, old: Made, upgrades: Upgrades) -> None:
    archive, engine = old.provider.archive, old.place.engine
    archive.back_up(engine, BackupType.FULL)
    before = archive.span(engine)
    assert before is not None
    order(old)
    upgrades.run(old.id)
    found = upgrade_of(old)
    assert (found.status, found.report) == (UpgradeStatus.SUCCEEDED, "")
    check_contents(old, "17")
    assert left(old) == []
    engine = old.place.engine
    # Before there is a backup of the new version there is nothing to go back to, and one is due at once.
    assert archive.span(engine) is None
    assert archive.ensure() == 1
    (backup,) = archive.backups(engine)
    assert backup.full
    span = archive.span(engine)
    assert span is not None and span.earliest > before.latest
    with pytest.raises(ProviderRefused, match="possible is"):
        make(rollback=old.id, to=f"{before.latest - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}+00")
    assert make(fork=old.id).ask("select count(*) from t") == [(1000,)]
    # Statistics are made, and the owner's rights are as before.
    assert old.ask("select reltuples from pg_class where relname = 't'") == [(1000.0,)]
    old.ask("create table more (); drop table more")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        old.ask("select pg_read_file('/etc/passwd')")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        old.ask("select lo_create(0)")


def test_followers_are_made_anew(make: Make, old: Made, upgrades: Upgrades) -> None:
    follower = make(follow=old.id)
    order(old)
    upgrades.run(old.id)
    assert (follower.place.database.step, follower.place.engine.version) == (Step.REBUILDING, "17")
    old.provider.finish_followers()
    check_contents(old, "17")
    assert follower.place.database.step is Step.AVAILABLE
    assert follower.ask("select pg_is_in_recovery(), current_setting('server_version_num')::int / 10000") == [
        (True, 17)
    ]


def test_a_follower_becomes_a_database_of_its_own_before(make: Make, old: Made, upgrades: Upgrades) -> None:
    follower = make(follow=old.id)
    order(follower)
    upgrades.run(follower.id)
    assert upgrade_of(follower).status is UpgradeStatus.WAITING
    databases.unfollow(old.provider.context, follower.id)
    old.provider.finish_followers()
    upgrades.run(follower.id)
    assert follower.place.database.origin is Origin.FORK
    check_contents(follower, "17")
    check_contents(old, "15")


def test_an_older_version_is_backed_up_checked_and_restored(place: Place, old: Made) -> None:
    shop = Shop(
        place, Transfers(place.context, place.pairs), make_app(place), old.id, lambda: place.connect(old.provided)
    )
    backup = shop.backup(scheduled=True)
    Verification(place.context, place.clusters, shop.transfers).ensure()
    assert (shop.found(backup.id).check, shop.found(backup.id).check_error) == (Check.PASSED, None)
    old.ask("delete from t where n > 10")
    restore = shop.run(shop.order(TransferKind.RESTORE, of=backup.id))
    assert (restore.status, restore.warnings) == (TransferStatus.SUCCEEDED, 0), restore.error
    check_contents(old, "15")
    shop.transfers.forget(old.id)


def test_what_a_newer_version_saved_is_not_restored_into_an_older_one(place: Place, make: Make, old: Made) -> None:
    newer, context, app_id = make(), place.context, make_app(place)
    newer.ask("create table t as select 1 as n")
    moved: dict[str, Transfer] = {}
    for source, target in ((newer, old), (old, newer)):
        with context.database.transaction() as tx:
            ordered = transferring.insert(
                tx,
                app_id=app_id,
                addon_id=target.id,
                kind=TransferKind.COPY,
                from_name="A",
                to_name="B",
                source_id=source.id,
            )
        Transfers(context, old.provider.pairs).run(ordered.id)
        with context.database.read() as tx:
            moved[target.id] = transfers.find(tx, ordered.id) or ordered
    assert moved[old.id].status is TransferStatus.FAILED and "newer PostgreSQL" in (moved[old.id].error or "")
    check_contents(old, "15")
    assert moved[newer.id].status is TransferStatus.SUCCEEDED, moved[newer.id].error
    assert newer.ask("select count(*) from t") == [(1000,)]


_STEPS = (
    *("trying", "begin", "advance", "switched", "opened", "succeeded", "tried"),
    *("stop", "initdb", "_run_server", "_upgrade", "make", "switch", "clear_old"),
    *("launch", "ensure_tenant", "renew", "_analyze", "remove_scratch"),
)


@pytest.mark.parametrize("step", _STEPS)
@pytest.mark.parametrize(
    "after", [pytest.param(False, id="before", marks=pytest.mark.long), pytest.param(True, id="after")]
)
def test_an_upgrade_that_was_killed_is_finished_by_the_next(
    old: Made, upgrades: Upgrades, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    provider = old.provider
    copied = step in ("trying", "tried", "remove_scratch")
    order(old, *((UpgradeStatus.TRYING, UpgradeKind.DRY_RUN) if copied else ()))
    owners = (upgrading, upgrades.files, upgrades, provider, provider.clusters, provider.archive, provider.launcher)
    owner = next(one for one in (*owners, module.databases) if hasattr(one, step))
    doing = getattr(owner, step)

    def killed(*words: object, **more: object) -> object:
        if after:
            doing(*words, **more)
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(owner, step, killed)
        Upgrades(provider).run(old.id) if owner is not upgrades and owner is not upgrades.files else upgrades.run(
            old.id
        )
    # The role that comes next.
    Manager(provider.context, provider.pairs).ensure()
    Upgrades(provider).run(old.id)
    found = upgrade_of(old)
    assert (found.status, found.scratch_id) == (UpgradeStatus.SUCCEEDED, None), found.report
    check_contents(old, "15" if copied else "17")
    assert left(old) == []


@pytest.mark.parametrize("step", ["initdb", "_upgrade"])
def test_what_the_platform_cannot_do_opens_the_database_as_it_was(
    old: Made, upgrades: Upgrades, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def failing(*_: object) -> None:
        raise RuntimeFailure("cannot")

    order(old)
    with monkeypatch.context() as patched:
        patched.setattr(upgrades.files if step == "_upgrade" else upgrades.clusters, step, failing)
        for _ in range(ATTEMPTS - 1):
            with pytest.raises(RuntimeFailure):
                upgrades.run(old.id)
            assert old.place.database.step is Step.UPGRADING
        upgrades.run(old.id)
    found = upgrade_of(old)
    assert found.status is UpgradeStatus.FAILED and "operator" in found.report
    check_contents(old, "15")
    assert left(old) == []


def test_a_pg_upgrade_that_is_killed_from_outside_is_begun_anew(
    old: Made, upgrades: Upgrades, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its servers, in the middle of its work."""
    clusters, killed = upgrades.clusters, []
    waiting = clusters._wait_for_end

    def kill(container_id: str, seconds: float) -> int | None:
        found = clusters.engines.runtime.inspect(container_id)
        if not killed and container_id.endswith("-upgrade") and found is not None:
            log = upgrades.files._at(old.place.engine, "cluster.upgraded/pg_upgrade_output.d")
            while clusters.engines.runs(container_id) and not list(log.glob("*/dump/*.custom")):
                pass
            if clusters.engines.runs(container_id):
                killed.append(container_id)
                clusters.engines.runtime.kill(container_id)
        return waiting(container_id, seconds)

    order(old)
    with monkeypatch.context() as patched:
        patched.setattr(clusters, "_wait_for_end", kill)
        # The old server's end is waited for before.
        with pytest.raises(module.ClusterFailure):
            upgrades.run(old.id)
    assert killed
    upgrades.run(old.id)
    assert upgrade_of(old).status is UpgradeStatus.SUCCEEDED
    check_contents(old, "17")


def test_a_database_that_is_removed_meanwhile_takes_all_with_it(
    make: Make, upgrades: Upgrades, monkeypatch: pytest.MonkeyPatch
) -> None:
    for status in (UpgradeStatus.TRYING, UpgradeStatus.WAITING):
        made = make(version="15")
        order(made, status, UpgradeKind.DRY_RUN if status is UpgradeStatus.TRYING else UpgradeKind.UPGRADE)
        making = upgrades.files.make

        def remove(engine: object, version: str, made: Made = made, making: Callable[..., None] = making) -> None:
            databases.remove(made.provider.context, made.id)
            making(engine, version)

        with monkeypatch.context() as patched:
            patched.setattr(upgrades.files, "make", remove)
            upgrades.run(made.id)
        made.provider.deprovision(made.id, None)
        upgrades.run(made.id)
        assert upgrading.find(made.provider.context, made.id) is None
