"""An app's database with the API over it, and another app beside: what the tests of credentials stand on."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from celadon.actions import accounts, addons, apps, authorizations, provisioning
from celadon.actions import postgres_credentials as credentials
from celadon.actions import postgres_databases as databases
from celadon.addons.provider import Wanted
from celadon.api import role as platform
from celadon.api.application import Api
from celadon.model.engine import Engine
from celadon.postgres import routes
from celadon.postgres.changes import Changes
from celadon.postgres.credentials import Credentials
from celadon.postgres.databases import Databases
from tests.api.world import EMAIL, PASSWORD, Reply, World
from tests.postgres.place import Place


@dataclass
class Shop:
    """The apps `shop`, which owns the database, and `desk`."""

    place: Place
    world: World
    changes: Changes
    addon_id: str
    name: str
    plan: str

    def call(self, method: str, path: str = "", body: Any = None, **options: Any) -> Reply:
        """Below the database's credentials; another path begins with `/`."""
        below = path if path.startswith("/") else f"/credentials{f'/{path}' if path else ''}"
        return self.world.call(method, f"/postgres/v0/databases/{self.name}{below}", body, **options)

    def create(self, name: str, permission: str | None = None) -> None:
        told = self.call("POST", body={"name": name, **({"permission": permission} if permission else {})})
        assert (told.status, told.json["state"]) == (201, "active"), told.content

    def rotate(self, name: str = "default", **body: Any) -> None:
        told = self.call("POST", f"{name}/credentials_rotation", body)
        assert told.status == 200 and told.json["message"] == "Rotated.", told.content

    def attach(self, app: str, name: str, credential: str = "", addon: str = "") -> Reply:
        body = {"addon": {"name": addon or self.name}, "app": {"name": app}, "name": name}
        return self.world.call(
            "POST", "/addon-attachments", {**body, **({"namespace": f"credential:{credential}"} if credential else {})}
        )

    def detach(self, app: str, name: str) -> None:
        found = self.world.get(f"/apps/{app}/addon-attachments/{name}").json
        assert self.world.call("DELETE", f"/addon-attachments/{found['id']}").status == 200

    def url(self, app: str = "shop", name: str = "DATABASE") -> str:
        return str(self.world.get(f"/apps/{app}/config-vars").json[f"{name}_URL"])

    def release(self, app: str) -> int:
        (newest,) = self.world.get(f"/apps/{app}/releases", headers={"range": "version ..; order=desc, max=1"}).json
        return int(newest["version"])

    def open(self, url: str) -> psycopg.Connection:
        words = f"sslmode=verify-full&sslrootcert={self.place.settings.ca_file}&connect_timeout=10"
        return psycopg.connect(f"{url}?{words}", autocommit=True)

    def login(self, credential: str = "default") -> psycopg.Connection:
        """As who asked for its address."""
        told = self.call("GET", credential).json
        (active,) = told["credentials"]
        where = f"{told['host']}:{told['port']}/{told['database']}"
        return self.open(f"postgres://{active['user']}:{active['password']}@{where}")

    def states(self) -> dict[str, str]:
        return {one["name"]: one["state"] for one in self.call("GET").json}

    @property
    def known(self) -> databases.Place:
        found = databases.find(self.place.context, self.addon_id)
        assert found is not None
        return found

    @property
    def engine(self) -> Engine:
        return self.changes.pairs.primary(self.known.engine)

    @contextlib.contextmanager
    def superuser(self) -> Iterator[psycopg.Connection]:
        with self.place.clusters.connect(self.engine, self.known.database.name) as connection:
            yield connection

    def waiting(self) -> list[str]:
        return credentials.unsettled(self.place.context)

    def successor(self) -> Changes:
        """Who comes after one that was killed."""
        return Changes(self.place.context, self.place.pairs)

    @contextlib.contextmanager
    def another(self, plan: str = "", **options: str) -> "Iterator[Shop]":
        """Another database of the same app's; it is gone afterwards."""
        made = _database(self.place, self.world, self.changes, plan or self.plan, **options)
        try:
            yield made
        finally:
            addons.destroy(self.place.context, self.world.actor, made.name, force=True)
            self.place.provider.deprovision(made.addon_id, None)

    def clear(self) -> None:
        """Nothing but the default credential is left, attached to the one app."""
        for attachment in self.world.get(f"/addons/{self.name}/addon-attachments").json:
            if attachment["app"]["name"] != "shop" or attachment["namespace"]:
                self.world.call("DELETE", f"/addon-attachments/{attachment['id']}")
        for one in credentials.additional(self.place.context, self.addon_id):
            self.call("DELETE", one.name)
        with self.login() as connection:
            connection.execute("drop schema public cascade")
            connection.execute("create schema public")
            connection.execute("grant usage on schema public to public")


@contextlib.contextmanager
def opened(place: Place, plan: str) -> Iterator[Shop]:
    """The databases are gone afterwards."""
    context = place.context
    accounts.create_operator(context.database, email=EMAIL, password=PASSWORD)
    actor = accounts.log_in(context, EMAIL, PASSWORD)
    _, token = authorizations.create(context, actor)
    changes = Changes(context, place.pairs)
    asked = Databases(context, place.pairs, lambda _: None)
    table = (
        *platform.ROUTES,
        *routes.of_databases(asked),
        *routes.of_credentials(Credentials(asked, changes)),
    )
    world = World(context=context, api=Api(context, table), actor=actor, token=token)
    for name in ("shop", "desk"):
        apps.create(context, actor, name=name)
    shop = _database(place, world, changes, plan)
    try:
        yield shop
    finally:
        place.provider.deprovision(shop.addon_id, None)


def _database(place: Place, world: World, changes: Changes, plan: str, **options: str) -> Shop:
    addon = addons.create(place.context, world.actor, "shop", plan=f"heroku-postgresql:{plan}").addon
    order = Wanted(
        addon_id=addon.id,
        name=addon.name,
        plan=plan,
        region="us",
        app_id=addon.app_id,
        app_name="shop",
        options=options,
    )
    made = place.provider.provision(order)
    provisioning.provisioned(place.context, addon.id, provider_id=made.provider_id, config=made.config)
    return Shop(place=place, world=world, changes=changes, addon_id=addon.id, name=addon.name, plan=plan)


class Killed(BaseException):
    """What stands for a SIGKILL: nothing of ours catches it."""


def killed(*_: object, **__: object) -> None:
    raise Killed
