"""Dataclips of an app's databases. What they answer is told by another role: postgres/dataclips.py."""

from celadon.actions import dataclips
from celadon.actions.dataclips import Described
from celadon.api import shapes
from celadon.api.answer import BY_TIME, Answer, Listing
from celadon.api.request import Call
from celadon.model.errors import InvalidParams

_QUERY_LIMIT = 64 << 10
_TITLE_LIMIT = 1000


def list_of(call: Call) -> Listing:
    found = {one.dataclip.id: one for one in dataclips.list_of(call.context, call.actor, call.app)}
    listed = [one.dataclip for one in found.values()]
    return Listing(items=listed, attributes=BY_TIME, shape=lambda dataclip: shape(call, found[dataclip.id]))


def show(call: Call) -> Answer:
    return _answer(call, dataclips.find(call.context, call.actor, call.app, call.params["dataclip"]))


def create(call: Call) -> Answer:
    body = call.body()
    query = body.text("query", _QUERY_LIMIT)
    if query is None:
        raise InvalidParams("cannot keep a dataclip: give its `query`, SQL such as `select count(*) from users`")
    made = dataclips.create(
        call.context,
        call.actor,
        call.app,
        query=query,
        title=body.text("title", _TITLE_LIMIT) or "",
        database=body.text("database"),
    )
    return Answer(value=shape(call, made), status=201)


def update(call: Call) -> Answer:
    body = call.body()
    changed = dataclips.update(
        call.context,
        call.actor,
        call.app,
        call.params["dataclip"],
        query=body.text("query", _QUERY_LIMIT),
        title=body.text("title", _TITLE_LIMIT),
        database=body.text("database"),
    )
    return _answer(call, changed)


def destroy(call: Call) -> Answer:
    return Answer(value=shape(call, dataclips.remove(call.context, call.actor, call.app, call.params["dataclip"])))


def share(call: Call) -> Answer:
    return Answer(value=shape(call, dataclips.share(call.context, call.actor, call.app, call.params["dataclip"])))


def revoke(call: Call) -> Answer:
    return Answer(value=shape(call, dataclips.revoke(call.context, call.actor, call.app, call.params["dataclip"])))


def list_versions(call: Call) -> Listing:
    found = dataclips.versions(call.context, call.actor, call.app, call.params["dataclip"])
    people = {version.id: account for version, account in found}

    return Listing(
        items=[version for version, _ in found],
        attributes={"version": lambda version: version.version, "id": lambda version: version.id},
        shape=lambda version: {
            "created_at": shapes.instant(version.created_at),
            "id": version.id,
            "query": version.query,
            "title": version.title,
            "user": shapes.user(people[version.id]),
            "version": version.version,
        },
    )


def _answer(call: Call, found: Described) -> Answer:
    return Answer(value=shape(call, found), changed_at=found.dataclip.updated_at)


def shape(call: Call, found: Described) -> dict[str, object]:
    dataclip = found.dataclip
    return {
        "addon": {"id": found.addon.id, "name": found.addon.name},
        "app": shapes.app(found.app),
        "created_at": shapes.instant(dataclip.created_at),
        "id": dataclip.id,
        "query": dataclip.query,
        "revoked_at": shapes.instant_or_none(dataclip.revoked_at),
        "shared_at": shapes.instant_or_none(dataclip.shared_at),
        "title": dataclip.title,
        "updated_at": shapes.instant(dataclip.updated_at),
        "url": f"{call.api_url}/dataclips/{dataclip.link}" if dataclip.link else None,
        "user": shapes.user(found.account),
        "version": dataclip.version,
    }
