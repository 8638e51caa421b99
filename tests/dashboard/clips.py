"""Dataclips over a real database: the pages of both roles, and the queries' own program."""

import time

from tests.api import examples_dataclips
from tests.api.world import World
from tests.dashboard.browser import Stand
from tests.dataclips.tenant import Tenant
from tests.dataclips.world import OnePlace

from celadon.actions import dataclips
from celadon.api import role
from celadon.api.application import Api
from celadon.api.asgi import Application
from celadon.postgres import dataclip_pages, routes
from celadon.postgres.clip_runs import Runs
from celadon.postgres.clips import Limits


def serve_clips(world: World, tenant: Tenant, stand: Stand | None = None) -> OnePlace:
    """Every database of the world is the tenant's."""
    places = OnePlace(tenant.place)
    runs = Runs(world.context, places, Limits(seconds=2.0))
    table = (*role.ROUTES, *routes.routes(runs), *dataclip_pages.routes(runs))
    world.api = Api(world.context, table)
    world.meanwhile = lambda: time.sleep(0.01)
    if stand is not None:
        stand.application = Application(world.context, table)
    examples_dataclips.database(world.context)
    return places


def keep(world: World, query: str, title: str = "People") -> str:
    """A clip of `example`; returns the path of its page."""
    made = dataclips.create(world.context, world.actor, "example", query=query, title=title).dataclip
    return f"/dashboard/dataclips/example/{made.id}"
