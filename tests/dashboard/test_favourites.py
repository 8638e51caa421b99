"""Favourites come first, are each one's own, and the list has pages."""

import time

import pytest
from tests.api.world import World
from tests.dashboard.test_resources import browse, cookie_for

from celadon.actions import apps, favourites
from celadon.store import apps as stored_apps
from celadon.store import rows, tables


def names(world: World, path: str = "/dashboard", cookie: str = "") -> list[str]:
    text = browse(world, path, cookie=cookie).content.decode()
    return [part.partition("<")[0] for part in text.split("<strong>")[1:]]


def test_favourites_come_first_and_are_ones_own(world: World) -> None:
    for name in ("alpha", "zulu"):
        apps.create(world.context, world.actor, name=name)
    assert names(world) == ["alpha", "example", "zulu"]
    done = browse(world, "/dashboard/apps/zulu/favourite", {"step": "add", "to": "/dashboard?q=u&page=2"})
    assert (done.status, done.headers["location"]) == (303, "/dashboard?q=u&page=2")
    assert browse(world, "/dashboard/apps/zulu/favourite", {"step": "add"}).status == 303
    assert names(world) == ["zulu", "alpha", "example"]
    assert names(world, cookie=cookie_for(world, "grace@example.com")) == ["example"]
    assert "★" in browse(world, "/dashboard/apps/zulu").content.decode()
    assert browse(world, "/dashboard/apps/zulu/favourite", {"step": "remove"}).status == 303
    assert browse(world, "/dashboard/apps/zulu/favourite", {"step": "remove"}).status == 303
    assert names(world) == ["alpha", "example", "zulu"]


def test_nobody_has_a_favourite_that_they_do_not_see(world: World) -> None:
    stranger = cookie_for(world, "eve@example.com")
    for step in ("add", "remove"):
        assert browse(world, "/dashboard/apps/example/favourite", {"step": step}, stranger).status == 404


@pytest.mark.parametrize(
    "to", ["https://evil.example.com", "//evil.example.com", "/dashboard/../x", "/dashboard\r\nX: 1"]
)
def test_the_star_leads_to_pages_of_ours_alone(world: World, to: str) -> None:
    done = browse(world, "/dashboard/apps/example/favourite", {"step": "add", "to": to})
    assert (done.status, done.headers["location"]) == (303, "/dashboard")


def test_a_favourite_goes_with_its_app(world: World) -> None:
    favourites.add(world.context, world.actor, "example")
    apps.destroy(world.context, world.actor, "example")
    assert favourites.list_of(world.context, world.actor) == []
    assert names(world) == []


def test_many_apps_are_on_pages_and_searched(world: World) -> None:
    with world.context.database.transaction() as tx:
        first = stored_apps.find(tx, "example")
        assert first is not None
        for number in range(250):
            values = {"id": f"app-{number}", "name": f"shop-{number:03}", "number": 100 + number}
            rows.insert(
                tx, tables.apps, type(first)(**{**{name: getattr(first, name) for name in first.__slots__}, **values})
            )
    favourites.add(world.context, world.actor, "shop-249")
    # Of our own: what others do on the machine takes its time as well.
    begun = time.thread_time()
    page = browse(world, "/dashboard")
    assert time.thread_time() - begun < 2
    assert len(page.content) < 100_000 and "Page 1 of 3, 251 apps" in page.content.decode()
    assert names(world)[:2] == ["shop-249", "example"]
    assert names(world, "/dashboard?page=3")[-1] == "shop-248"
    assert names(world, "/dashboard?page=99") == names(world, "/dashboard?page=3")
    assert names(world, "/dashboard?q=shop-01") == [f"shop-{number:03}" for number in range(10, 20)]
    assert "page=2" in browse(world, "/dashboard?q=shop").content.decode()


def test_words_that_search_knows_are_offered(world: World) -> None:
    apps.create(world.context, world.actor, name="second")
    cookie = cookie_for(world, "grace@example.com")
    browse(world, "/dashboard", {"name": "graces"}, cookie)
    text = browse(world, "/dashboard?q=nothing-like-it", cookie=cookie).content.decode()
    assert '<option value="ada@example.com">' in text and 'href="/dashboard?q=ada%40example.com"' in text
    assert "None of your 2 apps has nothing-like-it" in text
