"""Slugs."""

from dataclasses import asdict

from celadon.actions import slugs
from celadon.api import builds, shapes
from celadon.api.answer import Answer
from celadon.api.body import Body
from celadon.api.request import Call
from celadon.model import stack as stacks
from celadon.model.errors import InvalidParams
from celadon.model.slug import Slug


def show(call: Call) -> Answer:
    _, slug = slugs.find(call.context, call.actor, call.app, call.params["slug"])
    blob = {"method": "get", "url": f"{call.api_url}{slugs.get_path(call.context, slug)}"}
    return Answer(value=shape(slug, blob), changed_at=slug.updated_at)


def create(call: Call) -> Answer:
    """Its bytes are sent to the URL in the answer, a .tgz with ./app in it; then it can be released."""
    body = call.body()
    stack = body.reference("stack")
    if stack != shapes.fixed_id("stack", stacks.CURRENT):
        stacks.check(stack, "make a slug for")
    slug = slugs.create(
        call.context,
        call.actor,
        call.app,
        _process_types(body),
        commit=body.text("commit", 200),
        commit_description=body.text("commit_description", 2000),
        buildpack_provided_description=body.text("buildpack_provided_description", 200),
        checksum=builds.checksum(body),
    )
    blob = {"method": "put", "url": f"{call.api_url}{slugs.put_path(call.context, slug)}"}
    return Answer(value=shape(slug, blob), status=201, changed_at=slug.updated_at)


def _process_types(body: Body) -> dict[str, str]:
    given = body.entry("process_types")
    if given is None:
        raise InvalidParams('cannot make a slug without `process_types`: give them as {"web": "command"}')
    return {name: given.needed_text(name) for name in given.values}


def _image(slug: Slug) -> dict[str, object] | None:
    """What an imported image said of itself; None for a slug that was built. Its environment may hold secrets."""
    if slug.image is None:
        return None
    return {name: value for name, value in asdict(slug.image).items() if name not in ("direct", "env", "launcher")}


def shape(slug: Slug, blob: dict[str, str]) -> dict[str, object]:
    """`blob` says where the slug's bytes are to be had, or to be sent."""
    return {
        "blob": blob,
        "buildpack_provided_description": slug.buildpack_provided_description,
        "checksum": slug.archive_checksum or slug.checksum,
        "commit": slug.commit,
        "commit_description": slug.commit_description,
        "created_at": shapes.instant(slug.created_at),
        "deleted_at": None,
        "id": slug.id,
        "image": _image(slug),
        "process_types": slug.process_types,
        "size": slug.size,
        "stack": shapes.stack(slug.stack),
        "updated_at": shapes.instant(slug.updated_at),
    }
