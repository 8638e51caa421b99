"""Regions: there is one, this machine."""

from celadon.api import shapes
from celadon.api.answer import BY_NAME, Answer, Listing
from celadon.api.request import Call
from celadon.model.errors import NotFound


def list_all(call: Call) -> Listing:
    attributes = {name: lambda region, name=name: str(region[name]) for name in BY_NAME}
    return Listing(items=[shape()], attributes=attributes, shape=dict)


def show(call: Call) -> Answer:
    region = shape()
    if call.params["region"] not in (region["name"], region["id"]):
        raise NotFound("region")
    return Answer(value=region, changed_at=shapes.BUILT_IN_AT)


def shape() -> dict[str, object]:
    at = shapes.instant(shapes.BUILT_IN_AT)
    return {
        **shapes.region(shapes.REGION),
        "country": "United States",
        "created_at": at,
        "description": "This platform",
        "locale": "This platform",
        "private_capable": False,
        # The schema knows only the regions of one provider; this one is the nearest in name.
        "provider": {"name": "self-hosted", "region": "us-east-1"},
        "updated_at": at,
    }
