"""One call of every route of dataclips that needs no database."""

import uuid
from collections.abc import Callable

from tests.api.world import Reply, World

from celadon.actions import dataclips
from celadon.actions.context import Context, now
from celadon.model.addon import AddOn, AddOnState, Attachment
from celadon.model.postgres_database import SERVICE
from celadon.store import addons, apps, attachments
from celadon.store.database import Transaction

Example = Callable[[World], Reply]

QUERY = "select count(*) from people"


def database(context: Context, app: str = "example", name: str = "postgresql-clear-1") -> str:
    """An add-on as its provider would have left it, attached as DATABASE; returns its id. The one that is there is it."""
    with context.database.transaction() as tx:
        found = apps.find(tx, app)
        assert found is not None
        owned = addons.list_of_app(tx, found.id)
        if owned:
            return owned[0].id
        at = now()
        addon = AddOn(
            id=str(uuid.uuid4()),
            app_id=found.id,
            name=name,
            service=SERVICE,
            plan="mini",
            state=AddOnState.PROVISIONED,
            provider_id="1",
            message="",
            failures=0,
            retry_at=None,
            created_at=at,
            updated_at=at,
            account_id=found.owner_id,
            begun_at=at,
        )
        addons.insert(tx, addon, {})
        attach(tx, addon.id, found.id, "DATABASE")
        return addon.id


def attach(tx: Transaction, addon_id: str, app_id: str, name: str) -> None:
    at = now()
    attachment = Attachment(
        id=str(uuid.uuid4()),
        addon_id=addon_id,
        app_id=app_id,
        name=name,
        namespace=None,
        created_at=at,
        updated_at=at,
    )
    attachments.insert(tx, attachment)


def add(world: World, query: str = QUERY) -> str:
    """A clip of the app's owner, whoever asks next; returns its id."""
    database(world.context)
    return dataclips.create(world.context, world.actor, "example", query=query, title="People").dataclip.id


def _one(method: str, ending: str = "", body: object = None) -> Example:
    return lambda world: world.call(method, f"/apps/example/dataclips/{add(world)}{ending}", body)


def _list(world: World) -> Reply:
    add(world)
    return world.get("/apps/example/dataclips")


def _create(world: World) -> Reply:
    database(world.context)
    return world.call("POST", "/apps/example/dataclips", {"query": QUERY, "title": "People"})


EXAMPLES: dict[str, Example] = {
    "GET /apps/:app/dataclips": _list,
    "POST /apps/:app/dataclips": _create,
    "GET /apps/:app/dataclips/:dataclip": _one("GET"),
    "PATCH /apps/:app/dataclips/:dataclip": _one("PATCH", "", {"query": "select 2"}),
    "DELETE /apps/:app/dataclips/:dataclip": _one("DELETE"),
    "GET /apps/:app/dataclips/:dataclip/versions": _one("GET", "/versions"),
    "POST /apps/:app/dataclips/:dataclip/actions/share": _one("POST", "/actions/share"),
    "POST /apps/:app/dataclips/:dataclip/actions/revoke": _one("POST", "/actions/revoke"),
}
CREATED = {"POST /apps/:app/dataclips"}
UNPUBLISHED = frozenset(EXAMPLES)
