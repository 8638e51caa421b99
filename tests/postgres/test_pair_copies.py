"""Archive, fork, follow and rollback of a primary and its standby, while somebody writes and while servers are killed."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from celadon.actions import postgres_databases as databases
from celadon.actions.context import now
from celadon.addons.provider import ProviderRefused
from celadon.model.engine import Engine
from celadon.model.postgres_archive import STANZA, BackupType
from celadon.model.postgres_database import Origin, Step
from celadon.postgres.provider import PostgresProvider
from tests.postgres import failing
from tests.postgres.failing import Pair, Writer, kill_container, kill_postmaster, postmaster, wait_for
from tests.postgres.place import Place, wanted
from tests.postgres.test_forks import Killed, Made, _killed


@pytest.fixture(scope="module")
def provider(place: Place) -> PostgresProvider:
    """One that knows add-ons by their ids; it and the manager share their locks and ports, as in the role."""
    found = PostgresProvider(place.context, place.pairs, ports=place.ports, resolve=lambda word, _: word)
    place.__dict__["provider"] = found
    return place.provider


@pytest.fixture(scope="module")
def pair(place: Place, provider: PostgresProvider) -> Iterator[Pair]:
    """One that has a backup."""
    with failing.pair(place) as found:
        assert provider.archive.ensure() == 1
        span = provider.archive.span(found.primary)
        assert span is not None
        wait_for("it can be rolled back", lambda: now() >= span.earliest)
        yield found
    assert databases.running(place.context) == []


@pytest.fixture
def make(provider: PostgresProvider) -> Iterator[Callable[..., Made]]:
    """Makes add-ons that are gone after the test."""
    orders = []

    def making(plan: str = "standard-0", **options: str) -> Made:
        order = wanted(plan, **options)
        orders.append(order)
        return Made(provider, order, provider.provision(order))

    yield making
    for order in reversed(orders):
        provider.deprovision(order.addon_id, None)


def ask(pair: Pair, statement: str) -> list[tuple[object, ...]]:
    with pair.place.connect(pair.made) as connection:
        found = connection.execute(statement)
        return found.fetchall() if found.description else []


def rows(made: Made, writer: Writer) -> int:
    """How many a copy has; it has no number without those before it, but for those nobody was told of."""
    found = {number for (number,) in made.ask(f"select n from {writer.table}")}
    assert {number for number in writer.acknowledged if number <= max(found)} <= found  # type: ignore[type-var]
    return len(found)


def addon(pair: Pair) -> str:
    found = databases.of_engine(pair.place.context, pair.first.id)
    assert found is not None
    return found.database.addon_id


def timeline(pair: Pair) -> int:
    with pair.place.clusters.connect(pair.primary) as connection:
        (found,) = connection.execute(
            "select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int"
        ).fetchone() or (0,)
    assert isinstance(found, int)
    return found


def fail_over(pair: Pair) -> None:
    """Another one is the primary afterwards, and there is a standby.

    On a busy machine a primary may be started again before its standby has taken over: that is no failover.
    """
    before = pair.primary.id

    def taken_over() -> bool:
        if pair.primary.id == before and pair.available() and reached(pair):
            kill_postmaster(pair)
        return pair.primary.id != before

    wait_for("the standby is the primary", taken_over)
    wait_for("it is reached", lambda: reached(pair))
    wait_for("there is a standby again", pair.available)


def reached(pair: Pair) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        return ask(pair, "select pg_is_in_recovery()") == [(False,)]
    return False


def test_a_pair_has_one_archive_which_both_write_to_and_nobody_else_sees(
    pair: Pair, provider: PostgresProvider, make: Callable[..., Made]
) -> None:
    nodes, _, _ = databases.pair(pair.place.context, pair.first)
    directories = {provider.archive.directory(node) for node in nodes}
    (directory,) = directories
    assert provider.archive.ensure() == 0
    assert [one.full for one in provider.archive.backups(pair.primary)] == [True]
    users = {provider.clusters.engines.uid(node) for node in nodes}
    found = directory.stat()
    assert users == {found.st_uid}
    assert found.st_mode & 0o777 == 0o700
    other = make()
    assert provider.clusters.engines.uid(other.place.engine) not in users
    runtime = provider.clusters.engines.runtime
    script = ["sh", "-c", f"ls {provider.archive.directory(pair.first)} || ls /archive/archive"]
    assert runtime.exec(other.place.engine.name, tuple(script), {}) != 0


def test_archiving_goes_on_after_a_failover_on_the_new_timeline(pair: Pair, provider: PostgresProvider) -> None:
    before = timeline(pair)
    with Writer(pair) as writer:
        fail_over(pair)
        writer.wait_for_more(20)
    assert timeline(pair) > before
    provider.archive.flush(pair.primary)
    provider.archive.back_up(pair.primary, BackupType.INCREMENTAL)
    assert [one.full for one in provider.archive.backups(pair.primary)][-1] is False


@contextlib.contextmanager
def gone(pair: Pair) -> Iterator[Engine]:
    """The primary's container is killed and not started again while this lasts; there is another primary."""
    with gone_soon(pair) as old:
        wait_for("the standby is the primary", lambda: pair.primary.id != old.id)
        yield old


@contextlib.contextmanager
def gone_soon(pair: Pair) -> Iterator[Engine]:
    """The same; there is none yet."""
    old = pair.primary
    with pair.place.provider.locks.of(old.id):
        kill_container(pair)
        yield old


def waiting(provider: PostgresProvider, engine: Engine) -> set[str]:
    """The segments that a node has still to archive."""
    directory = provider.clusters.files(engine) / "pg_wal/archive_status"
    return {path.stem for path in directory.glob("*.ready") if len(path.stem) == 24}


def archived(provider: PostgresProvider, engine: Engine, segment: str) -> bool:
    return any(provider.archive.directory(engine).glob(f"archive/{STANZA}/*/*/{segment}-*.lz4"))


def test_what_the_old_primary_had_not_archived_the_new_one_does(
    pair: Pair, provider: PostgresProvider, make: Callable[..., Made]
) -> None:
    provider.archive.flush(pair.primary)
    nodes = databases.pair(pair.place.context, pair.first)[0]
    directory = provider.archive.directory(pair.first)
    uid = directory.stat().st_uid
    # As when a disk is full.
    os.chown(directory, 0, 0)
    with contextlib.ExitStack() as stack:
        try:
            with Writer(pair) as writer:
                for _ in range(4):
                    writer.wait_for_more(20)
                    with provider.clusters.connect(pair.primary) as connection:
                        connection.execute("select pg_switch_wal()")
                # What has been acknowledged before the moment is to be there; what comes while it is asked may be.
                seen = len(writer.acknowledged)
                ((moment,),) = ask(pair, "select clock_timestamp()")
                asked = len(writer.acknowledged)
                writer.wait_for_more(20)
                # Both throw away what they do not need.
                for node in (pair.primary, *nodes):
                    with provider.clusters.connect(node) as connection:
                        connection.execute("checkpoint")
                left = waiting(provider, pair.primary)
                assert len(left) >= 4
                stack.enter_context(gone(pair))
        finally:
            os.chown(directory, uid, uid)
        # After three tries in vain a server waits for a minute, or for the next segment, which comes as late.
        wait_for("all is archived", lambda: all(archived(provider, pair.first, name) for name in left), 180)
        rolled = make(rollback=addon(pair), to=f"{moment}")
        found = rows(rolled, writer)
        assert seen <= found <= asked + 5
    wait_for("there is a standby again", pair.available)


def test_a_rollback_reaches_the_moments_before_and_after_a_failover(
    pair: Pair, provider: PostgresProvider, make: Callable[..., Made]
) -> None:
    ask(pair, "create table past as select generate_series(1, 1000) as n")
    ((before,),) = ask(pair, "select clock_timestamp()")
    ask(pair, "delete from past where n > 500")
    with Writer(pair):
        fail_over(pair)
    ((after,),) = ask(pair, "select clock_timestamp()")
    ask(pair, "drop table past")
    fail_over(pair)
    assert make(rollback=addon(pair), to=f"{before}").ask("select count(*) from past") == [(1000,)]
    later = make("premium-0", rollback=addon(pair), to=f"{after}")
    assert later.ask("select count(*) from past") == [(500,)]
    assert later.ask("insert into past values (0) returning n") == [(0,)]
    standby = later.place.engine
    wait_for("it has a standby", lambda: provider.pairs.available(standby))


@pytest.mark.parametrize("plan", ["standard-0", "premium-0"])
def test_a_fork_of_a_pair_under_load_is_consistent(
    pair: Pair, provider: PostgresProvider, make: Callable[..., Made], plan: str
) -> None:
    with Writer(pair) as writer:
        before = len(writer.acknowledged)
        fork = make(plan, fork=addon(pair))
        assert rows(fork, writer) >= before
        writer.wait_for_more(10)
    source = databases.find(provider.context, addon(pair))
    assert source is not None
    old, new = source.database, fork.place.database
    assert (new.origin, new.source_id) == (Origin.FORK, addon(pair))
    assert not {old.name, old.role} & {new.name, new.role}
    fork.ask(f"insert into {writer.table} values (0)")
    assert ask(pair, f"select n from {writer.table} where n = 0") == []
    engine = provider.pairs.primary(fork.place.engine)
    ours = {"replicator", "rewinder"} if engine.pair else set()
    with provider.clusters.connect(engine) as connection:
        found = connection.execute("select rolname from pg_roles where rolname !~ '^pg_'").fetchall()
        assert {row[0] for row in found} == {"postgres", new.name, new.role, *ours}
        assert connection.execute("show archive_mode").fetchone() == ("on",)
    assert provider.archive.ensure() >= 1
    assert [one.full for one in provider.archive.backups(engine)] == [True]


def test_a_follower_of_a_pair_goes_on_after_a_failover_and_can_be_let_go(
    pair: Pair, provider: PostgresProvider, make: Callable[..., Made]
) -> None:
    follower = make(follow=addon(pair))
    with Writer(pair) as writer:
        writer.wait_for_more(100)
        wait_for("it is hardly behind", lambda: close_behind(provider, follower))
        with gone(pair):
            writer.wait_for_more(50)
            wait_for("it follows again", lambda: follows(provider, follower))
            last = writer.acknowledged[-1]
            wait_for("it has all", lambda: follower.ask(f"select n from {writer.table} where n = {last}") != [])
        wait_for("there is a standby again", pair.available)
        fail_over(pair)
        wait_for("it follows again", lambda: follows(provider, follower))
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        follower.ask(f"insert into {writer.table} values (0)")
    wait_for("it has all", lambda: len(follower.ask(f"select n from {writer.table}")) >= len(writer.acknowledged))
    databases.unfollow(provider.context, follower.id)
    assert provider.finish_followers() == 1
    follower.ask(f"insert into {writer.table} values (0)")
    assert ask(pair, f"select n from {writer.table} where n = 0") == []
    assert follower.place.database.step is Step.AVAILABLE
    wait_for("no slot is kept", lambda: slots(pair) == set())


def close_behind(provider: PostgresProvider, follower: Made) -> bool:
    lag = provider.followers.lag(follower.place)
    return lag is not None and lag.streaming and lag.seconds < 1


def follows(provider: PostgresProvider, follower: Made) -> bool:
    """What cannot follow any more is made anew by the role, which is this here."""
    provider.finish_followers()
    with contextlib.suppress(psycopg.OperationalError):
        lag = provider.followers.lag(follower.place)
        return lag is not None and lag.streaming and not lag.lost
    return False


def receiver(pair: Pair, engine: Engine) -> int:
    """The process by which a standby gets the log."""
    children = Path(f"/proc/{postmaster(pair, engine)}/task").glob("*/children")
    for pid in (word for path in children for word in path.read_text().split()):
        with contextlib.suppress(OSError):
            if b"walreceiver" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    raise AssertionError("it gets no log")


def test_a_follower_that_has_more_than_the_new_primary_is_made_anew(
    pair: Pair, provider: PostgresProvider, make: Callable[..., Made]
) -> None:
    follower = make(follow=addon(pair))
    ask(pair, "create table ahead (n int)")
    wait_for("it follows", lambda: follower.ask("select to_regclass('ahead') is not null") == [(True,)])
    standby = next(one for one in databases.pair(pair.place.context, pair.first)[0] if one.id != pair.primary.id)
    process = receiver(pair, standby)
    os.kill(process, signal.SIGSTOP)
    try:
        # Nobody else is told that this was committed: the standby has not got it.
        ask(pair, "set synchronous_commit = local; insert into ahead values (1)")
        wait_for("the follower has it", lambda: follower.ask("select n from ahead") == [(1,)])
        with gone_soon(pair):
            os.kill(process, signal.SIGKILL)
            wait_for("the standby is the primary", lambda: pair.primary.id == standby.id)
            wait_for("it is reached", lambda: reached(pair))
            assert ask(pair, "select n from ahead") == []
            wait_for("it is made anew", lambda: follows(provider, follower))
            wait_for("it shows what is true", lambda: follower.ask("select n from ahead") == [])
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGCONT)
    ask(pair, "drop table ahead")
    wait_for("there is a standby again", pair.available)


def slots(pair: Pair) -> set[str]:
    """Those of followers, at both nodes."""
    found = set()
    for node in databases.pair(pair.place.context, pair.first)[0]:
        with pair.place.clusters.connect(node) as connection:
            query = "select slot_name from pg_replication_slots where slot_name ~ '^follower_'"
            found |= {str(row[0]) for row in connection.execute(query)}
    return found


def test_the_follower_of_a_pair_that_goes_has_its_last_write(
    make: Callable[..., Made], provider: PostgresProvider
) -> None:
    leader = make("premium-0")
    follower = make(follow=leader.id)
    leader.ask("create table last as select 1 as n")
    provider.deprovision(leader.id, None)
    assert provider.finish_followers() == 1
    assert follower.ask("insert into last values (2) returning n") == [(2,)]


def test_a_pair_cannot_be_a_follower_and_says_so(pair: Pair, provider: PostgresProvider) -> None:
    with pytest.raises(ProviderRefused, match=r"premium-0 has no --follow: .* take standard-0"):
        provider.provision(wanted("premium-0", follow=addon(pair)))


@pytest.mark.parametrize(
    ("plan", "word", "step"),
    [
        ("premium-0", "fork", "archive.flush"),
        ("premium-0", "fork", "clusters.run_to_end"),
        ("premium-0", "fork", "clusters.wait"),
        ("premium-0", "fork", "copies._rename"),
        ("premium-0", "fork", "copies._hand_over"),
        ("premium-0", "fork", "pairs.start"),
        ("premium-0", "fork", "pairs.ensure_roles"),
        ("standard-0", "follow", "pairs.keep_slot"),
        ("standard-0", "follow", "followers._wait_for_slot"),
        ("standard-0", "follow", "clusters.run_to_end"),
        ("standard-0", "follow", "copies._hand_over"),
        ("standard-0", "follow", "launcher.launch"),
    ],
)
def test_a_copy_of_a_pair_that_was_killed_is_begun_again(
    pair: Pair, provider: PostgresProvider, monkeypatch: pytest.MonkeyPatch, plan: str, word: str, step: str
) -> None:
    ask(pair, "create table if not exists kept as select 1 as n")
    order = wanted(plan, **{word: addon(pair)})
    owner, _, name = step.rpartition(".")
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(getattr(provider, owner), name, _killed)
        provider.provision(order)
    made = Made(provider, order, provider.provision(order))
    assert made.ask("select n from kept") == [(1,)]
    engines = databases.engines_of(provider.context, made.place)
    provider.deprovision(order.addon_id, None)
    assert not provider.archive.directory(engines[0]).exists()
    for engine in engines:
        assert not provider.clusters.engines.directory(engine).exists()
        names = provider.clusters.engines.runtime.list()
        assert not [one for one in names if one == engine.name or one.startswith(f"{engine.name}-")]
    wait_for("no slot is kept", lambda: slots(pair) == set())
