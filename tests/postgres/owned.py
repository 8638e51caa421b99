"""Databases with an owner who asks the data API about them, over real clusters."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

from celadon.actions import accounts, addons, apps, authorizations, provisioning
from celadon.actions import postgres_databases as databases
from celadon.actions.postgres_databases import Place as Found
from celadon.addons.provider import Provided, Wanted
from celadon.api.application import Api
from celadon.api.route import Route
from celadon.model.addon import AddOn
from celadon.model.engine import Engine
from celadon.model.errors import CeladonError
from celadon.postgres.cluster import Clusters
from celadon.postgres.maintenance import reasons_of
from tests.api.world import EMAIL, PASSWORD, World
from tests.postgres.place import Place


@dataclass(frozen=True)
class Owned:
    world: World
    place: Place
    addon: AddOn
    provided: Provided

    def connect(self) -> psycopg.Connection:
        """As its app does."""
        return self.place.connect(self.provided)

    @property
    def found(self) -> Found:
        found = databases.find(self.place.context, self.addon.id)
        assert found is not None
        return found

    @property
    def path(self) -> str:
        return f"/postgres/v0/databases/{self.addon.name}"


def soon(look: Callable[[], bool], seconds: float = 60.0) -> None:
    """Look until it is so; fails the test when it is not by then."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, f"it is not so after {seconds:g} s"
        time.sleep(0.01)


def world_of(place: Place, table: tuple[Route, ...]) -> World:
    """Of the platform's operator, who is made unless there is one."""
    context = place.context
    with contextlib.suppress(CeladonError):
        accounts.create_operator(context.database, email=EMAIL, password=PASSWORD)
    actor = accounts.log_in(context, EMAIL, PASSWORD)
    _, token = authorizations.create(context, actor)
    return World(context=context, api=Api(context, table), actor=actor, token=token)


@contextlib.contextmanager
def owned(world: World, place: Place, plan: str, app: str, **options: str) -> Iterator[Owned]:
    """A database of an app of this name, which is made unless it is there."""
    with contextlib.suppress(CeladonError):
        apps.create(place.context, world.actor, name=app)
    addon = addons.create(place.context, world.actor, app, plan=f"heroku-postgresql:{plan}").addon
    order = Wanted(
        addon_id=addon.id, name=addon.name, plan=plan, region="us", app_id=addon.app_id, app_name=app, options=options
    )
    provided = place.provider.provision(order)
    provisioning.provisioned(place.context, addon.id, provider_id=provided.provider_id, config=provided.config)
    try:
        yield Owned(world=world, place=place, addon=addon, provided=provided)
    finally:
        place.provider.deprovision(addon.id, None)


def hold_back(clusters: Clusters, engine: Engine) -> None:
    """Its files say what only a restart brings, as after an update of the platform."""
    text = (clusters.engines.directory(engine) / "conf/postgresql.conf").read_text()
    clusters.engines.write(engine, "conf/postgresql.conf", f"{text}max_prepared_transactions = 3\n")
    with clusters.connect(engine) as connection:
        connection.execute("select pg_reload_conf()")
    soon(lambda: reasons_of(clusters, engine) == ["the setting max_prepared_transactions"])
