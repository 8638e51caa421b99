"""Dataclips in the browser: over the wire, and as a person sees them."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard.browser import Stand, Visitor
from tests.dashboard.clips import keep, serve_clips
from tests.dashboard.test_addons import as_grace, made, post
from tests.dashboard.test_apps import page
from tests.dashboard.test_logging_in import OWN, ask, cookie_of, log_in
from tests.dataclips.tenant import Tenant, tenant
from tests.dataclips.world import OnePlace

from celadon.actions import apps, dataclips

MANY = "select n as number, 'row ' || n as name, null as nothing from generate_series(1, 250) as n"


@pytest.fixture(scope="module")
def shared_tenant() -> Iterator[Tenant]:
    with tenant() as found:
        yield found


@pytest.fixture
def places(world: World, shared_tenant: Tenant) -> OnePlace:
    return serve_clips(world, shared_tenant)


def test_a_clip_is_made_and_found(world: World, places: OnePlace) -> None:
    assert "No dataclips yet" in page(world, "/dashboard/dataclips")
    addon = re.findall(r"<option>([^<]+)</option>", page(world, "/dashboard/dataclips/new"))[0]
    refused = post(world, "/dashboard/dataclips/new", {"database": addon, "query": " ", "title": "Kept"})
    assert refused.status == 422 and b"give SQL" in refused.content and b'value="Kept"' in refused.content
    assert post(world, "/dashboard/dataclips/new", {"database": "nobody", "query": "select 1"}).status == 404
    kept = post(world, "/dashboard/dataclips/new", {"database": addon, "query": "select 1", "title": "<b>One</b>"})
    text = page(world, kept.headers["location"])
    assert "&lt;b&gt;One&lt;/b&gt;" in text and "select 1" in text
    assert kept.headers["location"] in page(world, "/dashboard/dataclips?q=one")
    assert kept.headers["location"] not in page(world, "/dashboard/dataclips?q=two")


def test_its_rows_come_in_pages_and_files(world: World, places: OnePlace) -> None:
    path = keep(world, MANY)
    first = page(world, f"{path}/result")
    assert "250 rows" in first and "<td>row 100</td>" in first and "row 101" not in first and ">null<" in first
    last = page(world, f"{path}/result?page=3")
    assert "row 250" in last and "Next" not in last and "Rows 201 to 250" in last
    for wrong in ("0", "-1", "9" * 400, "x", "77"):
        assert "250 rows" in page(world, f"{path}/result?page={wrong}")
    cookie = cookie_of(log_in(world))
    text, data = (ask(world, "GET", f"{path}/{kind}", Cookie=cookie) for kind in ("csv", "json"))
    assert text.content.startswith(b"number,name,nothing\r\n1,row 1,\r\n") and text.content.count(b"\n") == 251
    assert json.loads(data.content)["row_count"] == 250
    wide = keep(world, "select " + ", ".join(f"repeat('x', 900) as c{n}" for n in range(60)) + " from people")
    assert "c59" in page(world, f"{wide}/result")


def test_what_the_server_says_is_told_below_the_query(world: World, places: OnePlace) -> None:
    path = keep(world, "select * from nowhere")
    text = page(world, f"{path}/result")
    assert 'role="alert"' in text and "relation &#34;nowhere&#34; does not exist at character 15" in text
    assert "cannot run" in page(world, f"{keep(world, 'select pg_sleep(9)')}/result")
    places.down = True
    assert "not available now" in page(world, f"{keep(world, 'select 1')}/result")
    saved = post(world, path, {"step": "save", "query": "select 1\r\nas one", "title": "x"})
    assert saved.status == 303
    assert (
        dataclips.find(world.context, world.actor, "example", path.rpartition("/")[2]).dataclip.query
        == "select 1\nas one"
    )


def test_the_link_and_the_versions(world: World, places: OnePlace) -> None:
    path = keep(world, "select 40 + 2 as answer")
    assert post(world, path, {"step": "share"}).status == 303
    link = re.findall(r"/dataclips/[A-Za-z0-9_-]{22}", page(world, path))[0]
    assert b">42</td>" in ask(world, "GET", link).content
    assert post(world, path, {"step": "revoke"}).status == 303
    assert ask(world, "GET", link).status == 404 and "former link ended" in page(world, path)
    assert post(world, path, {"step": "save", "query": "select 43", "title": "Other"}).status == 303
    assert post(world, path, {"step": "again", "version": "1"}).status == 303
    assert "v3" in page(world, path) and "42" in page(world, f"{path}/result")
    for form, status in (
        ({"step": "again", "version": "9"}, 404),
        ({"step": "save", "query": ""}, 422),
        ({"step": "move"}, 422),
        ({"step": "move", "database": "nobody"}, 404),
        ({"step": "destroy", "confirm": "delete"}, 422),
        ({"step": "explode"}, 404),
    ):
        assert post(world, path, form).status == status, form
    assert post(world, path, {"step": "destroy", "confirm": "DELETE"}).status == 303
    assert ask(world, "GET", path, Cookie=cookie_of(log_in(world))).status == 404


def test_one_that_moves_to_another_database_has_no_link(world: World, places: OnePlace) -> None:
    apps.create(world.context, world.actor, name="second")
    made(world, name="orders", app="second")
    path = keep(world, "select 1")
    page(world, f"{path}/result")
    post(world, path, {"step": "share"})
    clip = dataclips.find(world.context, world.actor, "example", path.rpartition("/")[2]).dataclip
    moved = post(world, path, {"step": "move", "database": "orders"})
    assert moved.headers["location"] == f"/dashboard/dataclips/second/{clip.id}"
    after = dataclips.find(world.context, world.actor, "second", clip.id)
    assert (after.addon.name, after.dataclip.link, after.dataclip.version) == ("orders", None, 2)
    assert dataclips.result(world.context, after.dataclip) is None
    assert ask(world, "GET", f"/dataclips/{clip.link}").status == 404
    assert ask(world, "GET", path, Cookie=cookie_of(log_in(world))).status == 404


def test_a_clip_is_for_who_may_read_the_config_vars_of_its_app(world: World, places: OnePlace) -> None:
    path = keep(world, "select 1", "Secret")
    grace = as_grace(world)
    assert b"Secret" in ask(world, "GET", "/dashboard/dataclips", **grace).content
    for other in (f"{path}/result", f"{path}/csv", path):
        assert ask(world, "GET", other.replace("example", "nobody"), **grace).status == 404
        assert ask(world, "GET", other).status == 303
    assert ask(world, "POST", path, {"step": "share"}, **OWN).status == 303
    assert dataclips.find(world.context, world.actor, "example", path.rpartition("/")[2]).dataclip.link is None


def test_a_person_keeps_a_query(world: World, stand: Stand, visitor: Visitor, shared_tenant: Tenant) -> None:
    serve_clips(world, shared_tenant, stand)
    page = visitor.go("/dashboard")
    page.get_by_role("link", name="Dataclips").click()
    visitor.look("dataclips-empty")
    page.get_by_role("link", name="New dataclip").click()
    visitor.look("dataclip-new")
    page.get_by_label("Title").fill("Orders by day")
    page.get_by_label("SQL").fill("select * from nowhere")
    page.get_by_role("button", name="Save and run").click()
    expect(page.get_by_role("alert")).to_contain_text('relation "nowhere" does not exist')
    visitor.look("dataclip-wrong")
    page.get_by_label("SQL", exact=True).fill(MANY)
    page.get_by_role("button", name="Save and run").click()
    expect(page.locator("#result")).to_contain_text("250 rows")
    page.get_by_role("link", name="Next").click()
    expect(page.locator("#result")).to_contain_text("Rows 101 to 200")
    page.get_by_role("button", name="Make a link").click()
    expect(page.locator("#share code")).to_be_visible()
    expect(page.locator("#result")).to_contain_text("250 rows")
    visitor.look("dataclip")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "dataclip.csv"
    page.get_by_role("link", name="Dataclips").first.click()
    expect(page.get_by_role("row", name="Orders by day")).to_contain_text("shared")
    visitor.look("dataclips")
