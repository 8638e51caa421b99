"""Stacks: there is one."""

from celadon.actions import apps
from celadon.api import shapes
from celadon.api.answer import BY_NAME, Answer, Listing
from celadon.api.request import Call
from celadon.model.errors import NotFound


def list_all(call: Call) -> Listing:
    attributes = {name: lambda stack, name=name: str(stack[name]) for name in BY_NAME}
    return Listing(items=[shape()], attributes=attributes, shape=dict)


def list_of_app(call: Call) -> Listing:
    apps.find(call.context, call.actor, call.app)
    return list_all(call)


def show(call: Call) -> Answer:
    stack = shape()
    if call.params["stack"] not in (stack["name"], stack["id"]):
        raise NotFound("stack")
    return Answer(value=stack, changed_at=shapes.BUILT_IN_AT)


def shape() -> dict[str, object]:
    at = shapes.instant(shapes.BUILT_IN_AT)
    return {**shapes.stack(shapes.STACK), "created_at": at, "default": True, "state": "public", "updated_at": at}
