"""Sources by the API: who gets URLs, and which URL a build takes for one of this platform."""

from pathlib import Path

import pytest
from tests.api.world import World

from celadon.actions import sources
from celadon.model.errors import NotFound
from celadon.store import builds
from celadon.store import sources as stored


def made(world: World, *, uploaded: bool = True) -> tuple[str, str]:
    """Id and get URL of a source."""
    url = world.call("POST", "/sources").json["source_blob"]["get_url"]
    source_id = str(url).split("/")[-2]
    if uploaded:
        with world.context.database.transaction() as tx:
            stored.update(tx, source_id, size=1, checksum="SHA256:" + "a" * 64)
    return source_id, url


def build(world: World, url: str, **values: str) -> tuple[int, str]:
    reply = world.call("POST", "/apps/example/builds", {"source_blob": {"url": url, **values}})
    return reply.status, reply.json["id"] if reply.status == 201 else reply.json["message"]


def test_urls_differ_and_are_the_platforms(world: World) -> None:
    blob = world.call("POST", "/sources").json["source_blob"]
    assert blob["put_url"] != blob["get_url"]
    assert all(url.startswith("http://localhost:8080/blobs/sources/") for url in blob.values())
    secure = world.call("POST", "/sources", headers={"X-Forwarded-Proto": "https"}).json["source_blob"]
    assert all(url.startswith("https://localhost:8443/blobs/sources/") for url in secure.values())


def test_a_build_of_an_uploaded_source_fetches_nothing(world: World) -> None:
    source_id, url = made(world)
    status, build_id = build(world, url, version="", checksum="SHA256:" + "A" * 64)
    assert status == 201
    with world.context.database.read() as tx:
        found = builds.find_by_id(tx, build_id)
    assert found and (found.source_id, found.source_url, found.commit) == (source_id, url, None)
    assert world.get(f"/apps/example/builds/{build_id}").json["source_blob"]["url"] == url.rpartition("/")[0]


def test_what_was_not_uploaded_or_is_another_cannot_be_built(world: World) -> None:
    _, empty = made(world, uploaded=False)
    assert build(world, empty) == (
        422,
        "cannot build this source: Couldn't find that source: nothing has been uploaded.",
    )
    source_id, url = made(world)
    assert "its URL is not whole" in build(world, url[:-1])[1]
    assert "its URL is not whole" in build(world, f"{url}/more")[1]
    assert "the checksum of what was uploaded is SHA256:aaa" in build(world, url, checksum="SHA256:" + "b" * 64)[1]
    put = f"http://localhost:8080{sources.path(world.context, 'put', source_id)}"
    assert "its URL is not whole" in build(world, put)[1]
    with world.context.database.transaction() as tx:
        stored.update(tx, source_id, expires_at=sources.now())
    assert "older than an hour" in build(world, url)[1]


def test_an_url_of_another_host_is_none_of_ours(world: World) -> None:
    _, url = made(world)
    status, build_id = build(world, url.replace("localhost:8080", "localhost:8081"))
    assert status == 201
    with world.context.database.read() as tx:
        found = builds.find_by_id(tx, build_id)
    assert found and found.source_id is None


def test_a_token_that_may_not_write_gets_no_urls(world: World) -> None:
    assert world.call("POST", "/sources", token=world.new_token("read-protected")).status == 403
    assert world.call("POST", "/apps/example/sources", token=world.new_token("write")).status == 403
    assert world.call("POST", "/apps/nothing/sources").status == 404


def test_a_key_is_of_one_source_and_one_purpose(world: World) -> None:
    (first, _), (second, _) = made(world), made(world)
    key = sources.path(world.context, "put", first).rpartition("/")[2]
    assert sources.to_write(world.context, first, key, 0).id == first
    for source_id, given in ((second, key), (first, ""), (first, "\u00e9"), ("nothing", key)):
        with pytest.raises(NotFound):
            sources.to_write(world.context, source_id, given, 0)
    with pytest.raises(NotFound):
        sources.to_read(world.context, first, key)


def test_a_source_that_has_gone_takes_nothing(world: World, tmp_path: Path) -> None:
    source_id, _ = made(world)
    key = sources.path(world.context, "put", source_id).rpartition("/")[2]
    source = sources.to_write(world.context, source_id, key, 0)
    with world.context.database.transaction() as tx:
        stored.update(tx, source_id, expires_at=sources.now())
        stored.prune(tx, sources.now())
    with pytest.raises(NotFound):
        sources.written(world.context, source, tmp_path / "part", 1, "SHA256:0")
