"""The role that answers what dataclips say, without its socket: its routes over a store and a real database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tests.api import examples_dataclips
from tests.api.world import Reply, World, make_store, open_world
from tests.dataclips.tenant import Tenant

from celadon.actions import dataclips
from celadon.api import request, role
from celadon.api.answer import Response
from celadon.api.application import Api
from celadon.model.dataclip import Dataclip
from celadon.model.errors import Conflict
from celadon.platform.settings import Settings
from celadon.postgres import routes
from celadon.postgres.clip_runs import Runs
from celadon.postgres.clips import Limits, Place


class OnePlace:
    """Every database is this one. `down`: it cannot be asked now."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.down = False
        self.forgotten: list[str] = []

    def of(self, addon_id: str) -> Place:
        if self.down:
            raise Conflict("cannot run the dataclip: its database is not available now")
        return self.place

    def forget(self, addon_id: str) -> None:
        self.forgotten.append(addon_id)


class Clips:
    """A platform with the app `example`, its database and both roles that answer."""

    def __init__(self, world: World, tenant: Tenant, limits: Limits) -> None:
        self.world = world
        self.tenant = tenant
        self.places = OnePlace(tenant.place)
        self.runs = Runs(world.context, self.places, limits)
        self.api = replace(world, api=Api(world.context, (*role.ROUTES, *routes.routes(self.runs))))
        examples_dataclips.database(world.context)

    def add(self, query: str, title: str = "People") -> Dataclip:
        """A clip that is shared."""
        made = dataclips.create(self.world.context, self.world.actor, "example", query=query, title=title).dataclip
        return dataclips.share(self.world.context, self.world.actor, "example", made.id).dataclip

    def run(self, dataclip: Dataclip, token: str = "") -> Reply:
        path = f"/apps/example/dataclips/{dataclip.id}/actions/run"
        return self._whole("POST", path, {"authorization": f"Bearer {token or self.world.token}"})

    def read(self, path: str) -> Reply:
        """As somebody without an account."""
        return self._whole("GET", f"/dataclips/{path}", {})

    def _whole(self, method: str, path: str, headers: dict[str, str]) -> Reply:
        asked = request.Request(
            id=request.new_id(),
            method=method,
            path=request.segments(path.encode()),
            query={},
            headers={"accept": "application/vnd.heroku+json; version=3", "x-forwarded-for": "192.0.2.1", **headers},
            content=b"",
        )
        response = self.api.api.answer(asked)
        return _reply(_all(response))


def _all(response: Response) -> Response:
    """As the application waits for what is not known yet."""
    while response.again is not None:
        time.sleep(response.pause)
        response = response.again()
    return response


def _reply(response: Response) -> Reply:
    return Reply(response.status, {name.lower(): value for name, value in response.headers.items()}, response.content)


@contextmanager
def clips_of(home: Path, tenant: Tenant, limits: Limits) -> Iterator[Clips]:
    make_store(home, furnished=True)
    world = open_world(Settings(home=home, acme_email="ops@example.com"))
    try:
        yield Clips(world, tenant, limits)
    finally:
        world.context.database.close()
