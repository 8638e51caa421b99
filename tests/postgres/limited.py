"""A database of a test's own, with its app and what keeps it within its plan."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from celadon.actions import accounts, addons, apps, mails, provisioning
from celadon.actions import postgres_databases as databases
from celadon.addons.provider import Provided, Wanted
from celadon.model.account import Actor
from celadon.model.addon import AddOn
from celadon.model.postgres_limits import Access
from celadon.postgres import blocks
from celadon.postgres.limits import Limits
from celadon.store import events
from tests.api.world import EMAIL, PASSWORD
from tests.postgres.failing import wait_for
from tests.postgres.place import Place

Refused = psycopg.errors.InsufficientPrivilege

PREPARED = (
    "create table t (id serial primary key, v text)",
    "create table other (id int, v text)",
    "grant insert (v), update (v) on t to public",
    "grant insert on other to public",
    "create schema more",
    "create table more.parts (n int) partition by range (n)",
    "create table more.part1 partition of more.parts for values from (0) to (1000000)",
    "create table parent (id int primary key)",
    "create table child (id int, parent_id int references parent (id), optional int references parent on delete set null)",
    "create view seen as select id, v from other",
    "create materialized view counted as select count(*) from t",
    "create index by_v on t (v)",
    "create function definer() returns void language sql security definer as 'insert into public.t (v) values (1)'",
    "create function audited() returns trigger language plpgsql as "
    "$$ begin insert into public.other values (1, 'x'); return old; end $$",
    "create table watched (n int)",
    "insert into watched select generate_series(1, 10)",
    "create trigger audit after delete on watched for each row execute function audited()",
    "create rule copied as on delete to seen do instead insert into other values (2, 'rule')",
    "create function enabler() returns event_trigger language plpgsql as 'begin end'",
    "insert into parent select generate_series(1, 100)",
    "insert into child select n, n, n + 1 from generate_series(1, 50) as n",
    "insert into t (v) select 'x' from generate_series(1, 10000)",
    "analyze",
)


@dataclass(frozen=True)
class Made:
    place: Place
    addon: AddOn
    order: Wanted
    provided: Provided
    keeper: Limits

    def connect(self) -> psycopg.Connection:
        return self.place.connect(self.provided)

    def execute(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    @property
    def known(self) -> databases.Place:
        found = databases.find(self.place.context, self.addon.id)
        assert found is not None
        return found

    def look(self) -> Access:
        """How it is after one look."""
        self.keeper.look(self.known)
        return self.state

    @property
    def state(self) -> Access:
        with self.superuser() as connection:
            return blocks.state(connection)

    def superuser(self) -> contextlib.AbstractContextManager[psycopg.Connection]:
        return self.place.clusters.connect(self.known.engine, self.known.database.name)

    def wait(self, access: Access) -> None:
        """Statistics come a moment after what they are of."""
        wait_for(f"it is {access}", lambda: self.look() is access)

    def lines(self) -> list[str]:
        with self.place.context.database.read() as tx:
            return [one.line or "" for one in events.list_after(tx, 0) if one.resource_id == self.addon.id and one.line]

    def letters(self) -> list[str]:
        found = mails.outbox(self.place.context, actor(self.place))
        return [one.subject for one in reversed(found) if one.subject.startswith(f"[{self.order.app_name}]")]


def actor(place: Place) -> Actor:
    return accounts.log_in(place.context, EMAIL, PASSWORD)


@contextlib.contextmanager
def made(place: Place, plan: str = "mini", **options: str) -> Iterator[Made]:
    context = place.context
    with contextlib.suppress(Exception):
        accounts.create_operator(context.database, email=EMAIL, password=PASSWORD)
    app = apps.create(context, actor(place))
    addon = addons.create(context, actor(place), app.name, plan=f"heroku-postgresql:{plan}").addon
    words = {"region": "us", "app_id": app.id, "app_name": app.name, "options": options}
    order = Wanted(addon_id=addon.id, name=addon.name, plan=plan, **words)  # type: ignore[arg-type]
    provided = place.provider.provision(order)
    provisioning.provisioned(context, addon.id, provider_id=provided.provider_id, config=provided.config)
    try:
        yield Made(place, addon, order, provided, Limits(context, place.pairs))
    finally:
        place.provider.deprovision(addon.id, None)


@contextlib.contextmanager
def filled(place: Place) -> Iterator[Made]:
    """A database of the smallest plan that is at its limit of rows; one session has temporary tables of before."""
    with made(place) as found, found.connect() as old:
        old.execute("create temporary table kept (n int)")
        found.execute(*PREPARED)
        found.wait(Access.REVOKED)
        with pytest.raises(Refused):
            old.execute("insert into kept values (1)")
        yield found


def block(found: Made, wanted: Access) -> None:
    with found.superuser() as connection:
        if blocks.state(connection) is not wanted:
            blocks.lift(connection)
        blocks.ensure(connection, wanted)
