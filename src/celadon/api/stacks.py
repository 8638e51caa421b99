"""Stacks: the one that is built on, that of images, and retired ones, which are listed and refused."""

from collections.abc import Sequence

from celadon.actions import apps
from celadon.api import shapes
from celadon.api.answer import BY_NAME, Answer, Listing
from celadon.api.request import Call
from celadon.model.errors import NotFound
from celadon.model.stack import CONTAINER, CURRENT, RETIRED


def list_all(call: Call) -> Listing:
    return _listing((CURRENT, CONTAINER, *RETIRED))


def list_of_app(call: Call) -> Listing:
    """Those that an app can be built on."""
    apps.find(call.context, call.actor, call.app)
    return _listing((CURRENT,))


def _listing(names: Sequence[str]) -> Listing:
    attributes = {name: lambda stack, name=name: str(stack[name]) for name in BY_NAME}
    return Listing(items=[shape(name) for name in names], attributes=attributes, shape=dict)


def show(call: Call) -> Answer:
    for stack in map(shape, (CURRENT, CONTAINER, *RETIRED)):
        if call.params["stack"] in (stack["name"], stack["id"]):
            return Answer(value=stack, changed_at=shapes.BUILT_IN_AT)
    raise NotFound("stack")


def shape(name: str) -> dict[str, object]:
    at, current = shapes.instant(shapes.BUILT_IN_AT), name == CURRENT
    state = "deprecated" if name in RETIRED else "public"
    return {**shapes.stack(name), "created_at": at, "default": current, "state": state, "updated_at": at}
