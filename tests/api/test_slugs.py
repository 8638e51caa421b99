"""Slugs by the API: made without a build, who may, and what can be released."""

from collections.abc import Callable

import pytest
from tests.api.examples_code import SLUG
from tests.api.world import World

from celadon.actions import slugs
from celadon.model.errors import Conflict, InvalidParams, NotFound
from celadon.model.slug import KEPT, MOST_AWAITED, Slug

PATH = "/apps/example/slugs"
NONE = "SHA256:" + "0" * 64


@pytest.fixture(autouse=True)
def uploads(world: World) -> None:
    (world.context.settings.home / "uploads").mkdir()


def made(world: World, **values: object) -> tuple[str, str]:
    """Id and key of a slug to upload."""
    url = world.call("POST", PATH, {**SLUG, **values}).json["blob"]["url"]
    return url.split("/")[-2], url.split("/")[-1]


def upload(world: World, slug_id: str, key: str, checksum: str = NONE) -> Slug:
    """What the build role does when the bytes have come."""
    slug = slugs.to_write(world.context, slug_id, key)
    part = world.context.blobs.upload(slug_id).with_suffix(".part")
    part.write_text("archive")
    slugs.uploaded(world.context, slug, part, checksum)
    return slug


def release(world: World, slug_id: str) -> tuple[int, str]:
    reply = world.call("POST", "/apps/example/releases", {"slug": slug_id})
    return reply.status, reply.json["description"] if reply.status == 201 else reply.json["message"]


def test_a_slug_is_released_once_its_bytes_are_packed(world: World) -> None:
    slug_id, key = made(world)
    assert release(world, slug_id) == (422, "cannot release that slug: it has not been uploaded and packed yet")
    upload(world, slug_id, key)
    assert "packed yet" in release(world, slug_id)[1]
    assert [slug.id for slug in slugs.waiting(world.context)] == [slug_id]
    assert slugs.begin(world.context, slug_id)
    slugs.packed(world.context, slug_id, "SHA256:1", 4096)
    assert not world.context.blobs.upload(slug_id).exists()
    found = world.get(f"{PATH}/{slug_id}").json
    assert (found["size"], found["checksum"], found["blob"]["method"]) == (4096, "SHA256:1", "get")
    assert release(world, slug_id) == (201, "Deploy 3063626")
    # The same bytes are the same upload, sent again by one who was cut off; others are none of this slug.
    upload(world, slug_id, key)
    with pytest.raises(Conflict):
        upload(world, slug_id, key, "SHA256:1")
    assert slugs.waiting(world.context) == []
    assert release(world, slug_id) == (201, "Deploy 3063626")


def test_what_is_no_slug_can_be_uploaded_anew(world: World) -> None:
    slug_id, key = made(world, checksum=NONE)
    with pytest.raises(InvalidParams, match="was announced"):
        upload(world, slug_id, key, "SHA256:1")
    upload(world, slug_id, key)
    slugs.refuse(world.context, slug_id, "cannot use the slug: no")
    assert not world.context.blobs.upload(slug_id).exists()
    assert release(world, slug_id) == (422, "cannot release that slug: cannot use the slug: no")
    upload(world, slug_id, key)
    slugs.packed(world.context, slug_id, "SHA256:1", 1)
    assert world.get(f"{PATH}/{slug_id}").json["checksum"] == NONE


def test_keys_are_of_one_slug_one_purpose_and_a_while(world: World) -> None:
    (first, key), (second, _) = made(world), made(world)
    for slug_id, given in ((second, key), (first, f"{key}0"), (first, ""), ("nothing", key)):
        with pytest.raises(NotFound):
            slugs.to_write(world.context, slug_id, given)
    ready = world.get(f"{PATH}/{world.made['slug']}").json["blob"]["url"].split("/")[-1]
    assert slugs.to_read(world.context, world.made["slug"], ready)[1].id == world.made["slug"]
    for given in (f"9{ready}", ready.partition("-")[2], "x-y", "-", "\u00e9"):
        with pytest.raises(NotFound):
            slugs.to_read(world.context, world.made["slug"], given)
    with pytest.raises(NotFound):
        slugs.to_read(world.context, first, ready)


def test_an_app_that_is_gone_takes_no_slug(world: World) -> None:
    slug_id, key = made(world)
    world.call("DELETE", "/apps/example")
    with pytest.raises(NotFound):
        slugs.to_write(world.context, slug_id, key)


def test_an_app_waits_for_so_many_slugs_and_no_more(world: World) -> None:
    for _ in range(MOST_AWAITED):
        made(world)
    reply = world.call("POST", PATH, SLUG)
    assert (reply.status, reply.error) == (429, "rate_limit")


def test_a_slug_whose_code_is_gone_is_not_released(new_world: Callable[..., World]) -> None:
    world = new_world()
    build_id = world.deploy("example", {"web": "x"})
    first = world.get(f"/apps/example/builds/{build_id}").json["slug"]["id"]
    assert release(world, first)[0] == 201
    for number in range(KEPT):
        world.deploy("example", {"web": "x"}, commit=f"{number:08}")
    assert "its code is gone" in release(world, first)[1]


@pytest.mark.parametrize("scope", ["read", "write"])
def test_a_token_without_protected_scopes_neither_makes_nor_reads_slugs(world: World, scope: str) -> None:
    token = world.new_token(scope)
    assert world.call("POST", PATH, SLUG, token=token).status == 403
    assert world.get(f"{PATH}/{world.made['slug']}", token=token).status == 403


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"process_types": None}, "without `process_types`"),
        ({"process_types": []}, "must be an object"),
        ({"process_types": {"web": 7}}, "must be a string"),
        ({"process_types": {"web": None}}, "without process_types.web"),
        ({"process_types": {"bad name": "x"}}, "process type"),
        ({"process_types": {"run": "x"}}, "run"),
        ({"stack": "heroku-24"}, "the only stack here"),
        ({"checksum": "md5"}, "SHA256"),
        ({"commit": "x" * 300}, "longer than"),
    ],
)
def test_bad_bodies_are_refused(world: World, change: dict[str, object], words: str) -> None:
    reply = world.call("POST", PATH, {**SLUG, **change})
    assert reply.status == 422 and words in reply.json["message"]
