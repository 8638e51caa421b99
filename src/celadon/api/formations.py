"""The formation: scale and resize."""

from celadon.actions import formations
from celadon.api import shapes
from celadon.api.answer import Answer, Listing
from celadon.api.body import Body
from celadon.api.request import Call
from celadon.model.app import App
from celadon.model.errors import InvalidParams
from celadon.model.formation import Formation, Update
from celadon.model.size import Sizes

_BY_TYPE = {"type": lambda entry: entry[0].type, "id": lambda entry: entry[0].id}


def list_of(call: Call) -> Listing:
    app, found = formations.list_of(call.context, call.actor, call.app)
    sizes = call.settings.sizes
    return Listing(items=found, attributes=_BY_TYPE, shape=lambda entry: shape(app, entry[0], entry[1], sizes))


def show(call: Call) -> Answer:
    app, entry, command = formations.find(call.context, call.actor, call.app, call.params["type"])
    return Answer(value=shape(app, entry, command, call.settings.sizes), changed_at=entry.updated_at)


def update_many(call: Call) -> Answer:
    asked = call.body().needed_entries("updates")
    app, found = formations.list_of(call.context, call.actor, call.app)
    types = {entry.id: entry.type for entry, _ in found}
    app, found = formations.update(call.context, call.actor, app.id, [_update(body, types) for body in asked])
    return Answer(value=[shape(app, entry, command, call.settings.sizes) for entry, command in found])


def _update(body: Body, types: dict[str, str]) -> Update:
    # `process` is what clients of the first years of v3 call it.
    named = body.text("type", 200) or body.text("process", 200)
    if named is None:
        raise InvalidParams("cannot scale: each of the updates needs its `type`")
    return _change(body, types.get(named, named))


def _change(body: Body, process_type: str) -> Update:
    return Update(
        type=process_type, quantity=_quantity(body), size=body.reference("size") or body.reference("dyno_size")
    )


def _quantity(body: Body) -> str | int | None:
    """Clients write 2, "2", "+1" and "-1"."""
    if isinstance(body.values.get("quantity"), str):
        return body.text("quantity", 40)
    return body.integer("quantity")


def update(call: Call) -> Answer:
    app, entry, command = formations.find(call.context, call.actor, call.app, call.params["type"])
    change = _change(call.body(), entry.type)
    changes = [change] if change.quantity is not None or change.size is not None else []
    formations.update(call.context, call.actor, app.id, changes)
    app, entry, command = formations.find(call.context, call.actor, app.id, entry.type)
    return Answer(value=shape(app, entry, command, call.settings.sizes), changed_at=entry.updated_at)


def shape(app: App, entry: Formation, command: str, sizes: Sizes) -> dict[str, object]:
    return {
        "app": shapes.app(app),
        "command": command,
        "created_at": shapes.instant(entry.created_at),
        "dyno_size": {"id": sizes.of(entry.size).id, "name": entry.size},
        "id": entry.id,
        "quantity": entry.quantity,
        "size": entry.size,
        "type": entry.type,
        "updated_at": shapes.instant(entry.updated_at),
    }
