"""Slugs."""

from celadon.actions import slugs
from celadon.api import shapes
from celadon.api.answer import Answer
from celadon.api.request import Call
from celadon.model.slug import Slug


def show(call: Call) -> Answer:
    app, slug = slugs.find(call.context, call.actor, call.app, call.params["slug"])
    return Answer(value=shape(call, app.id, slug), changed_at=slug.updated_at)


def shape(call: Call, app_id: str, slug: Slug) -> dict[str, object]:
    return {
        # Where the slug's bytes are to be had; nothing serves them yet.
        "blob": {"method": "GET", "url": f"{call.api_url}/apps/{app_id}/slugs/{slug.id}/blob"},
        "buildpack_provided_description": slug.buildpack_provided_description,
        "checksum": slug.checksum,
        "commit": slug.commit,
        "commit_description": slug.commit_description,
        "created_at": shapes.instant(slug.created_at),
        "deleted_at": None,
        "id": slug.id,
        "process_types": slug.process_types,
        "size": slug.size,
        "stack": shapes.stack(slug.stack),
        "updated_at": shapes.instant(slug.updated_at),
    }
