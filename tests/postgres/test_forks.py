"""Fork, follow, unfollow and rollback of real clusters while somebody writes to them."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from celadon.actions import postgres_databases as databases
from celadon.addons.provider import Provided, ProviderRefused, Wanted
from celadon.model.errors import Conflict
from celadon.model.postgres_archive import BackupType
from celadon.model.postgres_database import Origin, Step
from celadon.platform import certificates
from celadon.postgres.provider import PostgresProvider
from tests.postgres.place import Place, wanted

DEADLINE = 60.0


def until(condition: Callable[[], bool], seconds: float = DEADLINE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def provider(place: Place) -> PostgresProvider:
    """One that knows add-ons by their ids: what users call them is of another test."""
    certificates.issue(place.settings, datetime.now(UTC))
    return PostgresProvider(place.context, place.pairs, resolve=lambda word, _: word)


def connect(provider: PostgresProvider, provided: Provided) -> psycopg.Connection[Any]:
    assert provided.config is not None
    ca = provider.context.settings.ca_file
    url = provided.config["HEROKU_POSTGRESQL_URL"]
    return psycopg.connect(f"{url}?sslmode=verify-full&sslrootcert={ca}", autocommit=True)


class Killed(BaseException):
    """What stands for a SIGKILL: nothing of ours catches it."""


@dataclass
class Made:
    """An add-on of a test's own and what its app was told."""

    provider: PostgresProvider
    order: Wanted
    provided: Provided

    @property
    def id(self) -> str:
        return self.order.addon_id

    @property
    def place(self) -> databases.Place:
        found = databases.find(self.provider.context, self.id)
        assert found is not None
        return found

    @property
    def url(self) -> str:
        assert self.provided.config is not None
        return self.provided.config["HEROKU_POSTGRESQL_URL"]

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with connect(self.provider, self.provided) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []


@pytest.fixture
def make(provider: PostgresProvider) -> Iterator[Callable[..., Made]]:
    """Makes add-ons that are gone after the test."""
    orders: list[Wanted] = []

    def making(plan: str = "standard-0", **options: str) -> Made:
        order = wanted(plan, **options)
        orders.append(order)
        return Made(provider, order, provider.provision(order))

    yield making
    for order in reversed(orders):
        provider.deprovision(order.addon_id, None)


@dataclass
class Writer:
    """Writes each number to two tables in one transaction, until the block ends."""

    made: Made
    written: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with connect(self.made.provider, self.made.provided) as connection:
            while not self._stop.is_set():
                with connection.transaction():
                    connection.execute("insert into one values (%s)", [self.written + 1])
                    connection.execute("insert into two values (%s)", [self.written + 1])
                self.written += 1

    @contextlib.contextmanager
    def writing(self) -> Iterator["Writer"]:
        self.made.ask("create table if not exists one (n int); create table if not exists two (n int)")
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            until(lambda: self.written > 10)
            yield self
        finally:
            self._stop.set()
            thread.join()


@pytest.fixture(scope="module")
def leader(provider: PostgresProvider) -> Iterator[Made]:
    """One that has a backup."""
    order = wanted("standard-0")
    made = Made(provider, order, provider.provision(order))
    assert provider.archive.ensure() == 1
    yield made
    provider.deprovision(order.addon_id, None)


def agree(made: Made) -> int:
    """The last number in both tables, which have all before as well."""
    (((first, count), (second, _)),) = [
        made.ask("select max(n), count(*) from one union all select max(n), count(*) from two")
    ]
    assert first == second == count
    assert isinstance(count, int)
    return count


def test_a_backup_is_made_when_one_is_due_and_not_again(provider: PostgresProvider, leader: Made) -> None:
    engine = leader.place.engine
    assert provider.archive.ensure() == 0
    assert [one.full for one in provider.archive.backups(engine)] == [True]
    path = provider.archive.directory(engine)
    found = path.stat()
    assert (found.st_uid, found.st_mode & 0o777) == (provider.clusters.engines.uid(engine), 0o700)
    provider.archive.back_up(engine, BackupType.INCREMENTAL)
    assert [one.full for one in provider.archive.backups(engine)] == [True, False]


@pytest.mark.parametrize("backed_up", [True, False])
def test_a_fork_under_load_is_consistent_and_has_a_life_of_its_own(
    leader: Made, make: Callable[..., Made], provider: PostgresProvider, backed_up: bool
) -> None:
    source = leader if backed_up else make()
    with Writer(source).writing() as writer:
        before = writer.written
        fork = make(fork=source.id)
        seen = agree(fork)
        until(lambda: writer.written > seen)
        assert seen >= before
        assert agree(fork) == seen
    old, new = source.place.database, fork.place.database
    assert (new.origin, new.source_id) == (Origin.FORK, source.id)
    assert not {old.name, old.role} & {new.name, new.role}
    fork.ask("insert into one values (0)")
    assert source.ask("select n from one where n = 0") == []
    with provider.clusters.connect(fork.place.engine) as connection:
        roles = connection.execute("select rolname from pg_roles where rolname !~ '^pg_'").fetchall()
        assert {row[0] for row in roles} == {"postgres", new.name, new.role}
        assert connection.execute("show archive_mode").fetchone() == ("on",)
    assert provider.archive.ensure() >= 1
    assert len(provider.archive.backups(fork.place.engine)) == 1
    source.ask("drop table one, two")


def test_a_fork_of_a_larger_plan_fits_a_smaller_one_and_of_a_fork_as_well(
    make: Callable[..., Made], provider: PostgresProvider
) -> None:
    large = make("standard-2")
    large.ask("create table t as select generate_series(1, 1000) as n")
    provider.archive.ensure()
    small = make("standard-0", fork=large.url)
    provider.archive.ensure()
    second = make("standard-0", fork=small.id)
    assert second.ask("select count(*) from t") == [(1000,)]


def test_what_others_own_in_the_source_is_the_owners_in_the_fork(
    leader: Made, make: Callable[..., Made], provider: PostgresProvider
) -> None:
    engine, name = leader.place.engine, leader.place.database.name
    with provider.clusters.connect(engine, name) as connection:
        connection.execute("create role another login")
        connection.execute(f'grant "{name}" to another')
        connection.execute("create table public.theirs as select 1 as n")
        connection.execute("alter table public.theirs owner to another")
    fork = make(fork=leader.id)
    fork.ask("insert into theirs values (2)")
    with provider.clusters.connect(engine, name) as connection:
        connection.execute("drop table public.theirs; drop owned by another; drop role another")


def test_a_follower_shows_what_is_written_and_takes_no_writes(
    leader: Made, make: Callable[..., Made], provider: PostgresProvider
) -> None:
    with Writer(leader).writing() as writer:
        follower = make(follow=leader.id)
        written = writer.written
        with connect(provider, follower.provided) as connection:
            until(lambda: (connection.execute("select max(n) from one").fetchone() or (0,))[0] >= written)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            follower.ask("insert into one values (0)")
        lag = provider.followers.lag(follower.place)
        assert lag is not None
        assert (lag.leader_id, lag.streaming, lag.lost) == (leader.id, True, False)
        until(lambda: (found := provider.followers.lag(follower.place)) is not None and found.seconds < 1)
        assert [place.database.addon_id for place in databases.followers(provider.context, leader.id)] == [follower.id]
    assert provider.followers.lag(leader.place) is None
    # A password that is changed is changed in both.
    assert (follower.place.database.name, follower.place.password) == (
        leader.place.database.name,
        leader.place.password,
    )
    leader.ask("drop table one, two")


def test_an_unfollowed_follower_is_writable_and_independent(
    leader: Made, make: Callable[..., Made], provider: PostgresProvider
) -> None:
    with Writer(leader).writing() as writer:
        follower = make(follow=leader.id)
        databases.unfollow(provider.context, follower.id)
        assert provider.finish_followers() == 1
        seen = agree(follower)
        follower.ask("insert into one values (0)")
        until(lambda: writer.written > seen)
    assert leader.ask("select n from one where n = 0") == []
    place = follower.place
    assert (place.database.origin, place.database.step) == (Origin.FORK, Step.AVAILABLE)
    with provider.clusters.connect(leader.place.engine) as connection:
        assert connection.execute("select from pg_replication_slots").fetchall() == []
    with pytest.raises(Conflict, match="follows none"):
        databases.unfollow(provider.context, follower.id)
    # Its archive begins here: it can be forked from it, and survives a restart as what it is.
    assert provider.archive.ensure() >= 1
    provider.clusters.engines.runtime.kill(place.engine.name)
    provider.run(place)
    assert make(fork=follower.id).ask("select n from one where n = 0") == [(0,)]
    leader.ask("drop table one, two")


def test_the_followers_of_a_leader_that_goes_become_databases_of_their_own(
    make: Callable[..., Made], provider: PostgresProvider
) -> None:
    leader = make()
    follower = make(follow=leader.id)
    leader.ask("create table last as select 1 as n")
    provider.deprovision(leader.id, None)
    assert provider.finish_followers() == 1
    assert follower.ask("insert into last values (2) returning n") == [(2,)]


def test_a_follower_that_has_fallen_behind_says_so_and_is_made_anew(
    leader: Made, make: Callable[..., Made], provider: PostgresProvider
) -> None:
    follower = make(follow=leader.id)
    provider.followers.drop_slot(leader.place, follower.place.engine)
    lag = provider.followers.lag(follower.place)
    assert lag is not None
    assert lag.lost
    databases.rebuild(provider.context, follower.id)
    assert provider.finish_followers() == 1
    leader.ask("create table anew as select 1 as n")
    with connect(provider, follower.provided) as connection:
        until(lambda: connection.execute("select to_regclass('anew')").fetchone() != (None,))
    leader.ask("drop table anew")
    found = provider.followers.lag(follower.place)
    assert found is not None
    assert not found.lost


def test_a_rollback_finds_what_was_deleted(leader: Made, make: Callable[..., Made], provider: PostgresProvider) -> None:
    leader.ask("create table t as select generate_series(1, 1000) as n")
    ((moment,),) = leader.ask("select clock_timestamp()")
    leader.ask("delete from t")
    rolled = make(rollback=leader.id, to=f"{moment}")
    assert rolled.ask("select count(*) from t") == [(1000,)]
    assert leader.ask("select count(*) from t") == [(0,)]
    assert rolled.place.database.origin is Origin.ROLLBACK
    leader.ask("drop table t")


@pytest.mark.parametrize("options", [{"by": "2 hours"}, {"to": "2001-01-01"}, {"to": "2101-01-01 10:00:00+02"}])
def test_a_moment_out_of_range_is_refused_with_the_range(
    leader: Made, provider: PostgresProvider, options: dict[str, str]
) -> None:
    span = provider.archive.span(leader.place.engine)
    assert span is not None
    assert span.latest - span.earliest < timedelta(hours=1)
    order = wanted("standard-0", rollback=leader.id, **options)
    with pytest.raises(
        ProviderRefused, match=f"possible is {span.earliest:%Y-%m-%d %H:%M}:.* to {span.latest:%Y-%m-%d}"
    ):
        provider.provision(order)
    assert databases.find(provider.context, order.addon_id) is None


def test_what_cannot_be_made_is_refused_and_leaves_nothing(
    leader: Made, make: Callable[..., Made], provider: PostgresProvider
) -> None:
    shared, follower, young = make("mini"), make(follow=leader.id), make()
    wrong = {"password": leader.url.replace(":p", ":q"), "port": leader.url.replace(":250", ":251")}
    cases = [
        (wanted("mini", fork=leader.id), "mini has no --fork"),
        (wanted("standard-0", fork=shared.id), "a database of the plan mini has no --fork"),
        (wanted("standard-0", fork="nowhere"), "there is no database of 'nowhere'"),
        (wanted("standard-0", fork=wrong["password"]), "there is no database of that URL"),
        (wanted("standard-0", fork=wrong["port"]), "there is no database of that URL"),
        (wanted("standard-0", follow=follower.id), "a follower has no --follow"),
        (wanted("standard-0", rollback=follower.id, by="1 minute"), "a follower has no --rollback"),
        (wanted("standard-0", rollback=young.id, by="1 second"), "no backup yet"),
    ]
    for order, said in cases:
        with pytest.raises(ProviderRefused, match=said):
            provider.provision(order)
        assert databases.find(provider.context, order.addon_id) is None


def _killed(*_: object, **__: object) -> None:
    raise Killed


@pytest.mark.parametrize(
    ("word", "step"),
    [
        ("fork", "archive.flush"),
        ("fork", "clusters.run_to_end"),
        ("fork", "copies._configure"),
        ("fork", "clusters.wait"),
        ("fork", "copies._rename"),
        ("fork", "copies._hand_over"),
        ("fork", "launcher.launch"),
        ("fork", "ensure_tenant"),
        ("follow", "followers.reserve_slot"),
        ("follow", "clusters.run_to_end"),
        ("follow", "copies._hand_over"),
        ("follow", "launcher.launch"),
    ],
)
def test_a_copy_that_was_killed_is_begun_again(
    leader: Made, provider: PostgresProvider, monkeypatch: pytest.MonkeyPatch, word: str, step: str
) -> None:
    leader.ask("create table if not exists kept as select 1 as n")
    order = wanted("standard-0", **{word: leader.id})
    owner, _, name = step.rpartition(".")
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(getattr(provider, owner) if owner else provider, name, _killed)
        provider.provision(order)
    made = Made(provider, order, provider.provision(order))
    assert made.ask("select n from kept") == [(1,)]
    engine = made.place.engine
    directory, archive = provider.clusters.engines.directory(engine), provider.archive.directory(engine)
    assert not (directory / "copy").exists()
    provider.deprovision(order.addon_id, None)
    assert not directory.exists()
    assert not archive.exists()
    assert not [name for name in provider.clusters.engines.runtime.list() if name.startswith(f"{engine.name}-")]


@pytest.mark.parametrize("step", ["followers.promote", "followers.drop_slot", "clusters.engines.allow_peers"])
def test_an_unfollow_that_was_killed_is_finished(
    leader: Made, make: Callable[..., Made], provider: PostgresProvider, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    follower = make(follow=leader.id)
    databases.unfollow(provider.context, follower.id)
    owner: object = provider
    *owners, name = step.split(".")
    for word in owners:
        owner = getattr(owner, word)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(owner, name, _killed)
        provider.finish_followers()
    assert provider.finish_followers() == 1
    follower.ask("create table mine ()")
    with provider.clusters.connect(leader.place.engine) as connection:
        assert connection.execute("select from pg_replication_slots").fetchall() == []


def test_a_copy_of_what_is_gone_is_refused_and_leaves_nothing(
    make: Callable[..., Made], provider: PostgresProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make()
    order = wanted("standard-0", fork=source.id)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(provider.copies, "make", _killed)
        provider.provision(order)
    provider.deprovision(source.id, None)
    with pytest.raises(ProviderRefused, match="is gone"):
        provider.provision(order)
    assert databases.find(provider.context, order.addon_id) is None
