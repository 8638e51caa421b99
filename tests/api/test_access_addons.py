"""Who may do what: every route that the addons role serves, and every kind of caller."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.api import addons_role
from tests.api.fuzz_requests import JUNK
from tests.api.world import EMAIL, PASSWORD, Reply, World, open_world

from celadon.actions import accounts
from celadon.api import role
from celadon.api.application import Api
from celadon.api.route import Door, Route
from celadon.model.account import Actor
from celadon.model.errors import BadRequest
from celadon.platform.settings import Settings

ROUTES = addons_role.table()
_WITH_TOKEN = [route for route in ROUTES if route.door in (Door.TOKEN, Door.PASSWORD)]
_IN_BROWSER = [route for route in ROUTES if route.door is Door.BROWSER]
_CHANGES = [route for route in _WITH_TOKEN if route.method != "GET"]
WORD = "0123abcd"
# What is right for one route or another.
BODY = {
    "hour": "3",
    "timezone": "UTC",
    "backup_url": "https://example.com/a.dump",
    "maxmemory_policy": "noeviction",
    "from_url": "x",
    "to_url": "y",
}


@pytest.fixture(scope="module")
def stocked(prepared: dict[bool, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home to copy: the app `example` with a database and a Redis."""
    home = tmp_path_factory.mktemp("stocked") / "home"
    shutil.copytree(prepared[True], home)
    world = open_world(Settings(home=home, acme_email="ops@example.com"))
    names = addons_role.furnish(world, world.actor, "example", WORD)
    (home / "made.json").write_text(json.dumps({**names, "app": "example", "token": world.token}))
    world.context.database.close()
    return home


@pytest.fixture
def shop(stocked: Path, tmp_path: Path) -> Iterator[World]:
    """What is in stock, and the routes of both roles."""
    shutil.copytree(stocked, tmp_path / "home")
    world = open_world(Settings(home=tmp_path / "home", acme_email="ops@example.com"))
    yield replace(world, api=Api(world.context, (*role.ROUTES, *addons_role.routes(world.context))))
    world.context.database.close()


def path_of(shop: World, route: Route, **others: str) -> str:
    """A route's path with what there is."""
    named = {**shop.made, **others}
    return "/".join(named.get(part[1:], "x") if part.startswith(":") else part for part in route.path.split("/"))


def token_of(shop: World, email: str) -> str:
    account = accounts.create(shop.context, shop.actor, email=email, password=PASSWORD)
    return shop.new_token(actor=Actor(account=account))


@pytest.mark.parametrize("route", _WITH_TOKEN, ids=lambda route: f"{route.method} {route.path}")
def test_a_stranger_finds_nothing_and_nobody_comes_in_without_a_token(shop: World, route: Route) -> None:
    path = path_of(shop, route)
    assert shop.call(route.method, path, {}, token=None).status == 401
    reply = shop.call(route.method, path, BODY, token=token_of(shop, "eve@example.com"))
    assert reply.status == 404, reply.content
    nowhere = path_of(shop, route, database="no-such", addon="no-such", app="no-such")
    assert reply.json["id"] == shop.call(route.method, nowhere, BODY).json["id"] == "not_found"
    assert WORD not in reply.content.decode()


@pytest.mark.parametrize("route", _CHANGES, ids=lambda route: f"{route.method} {route.path}")
def test_a_token_that_reads_changes_nothing(shop: World, route: Route) -> None:
    reply = shop.call(route.method, path_of(shop, route), BODY, token=shop.new_token("read"))
    assert reply.status == 403, reply.content


@pytest.mark.parametrize("route", _WITH_TOKEN, ids=lambda route: f"{route.method} {route.path}")
def test_a_token_that_reads_sees_no_secret(shop: World, route: Route) -> None:
    reply = shop.call(route.method, path_of(shop, route), token=shop.new_token("read"))
    assert f"p{WORD}" not in reply.content.decode()
    assert "rediss://:" not in reply.content.decode()
    if "credentials" in route.path:
        assert reply.status == 403


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_no_body_and_no_id_makes_one_fail(shop: World, route: Route) -> None:
    for content in (*(junk for junk in JUNK if len(junk) < 5000), b'{"version": 3}', b'{"extensions": [1]}'):
        reply = shop.call(route.method, path_of(shop, route), content=content)
        assert reply.status < 500, (content, reply.content)
    for word in ("..", "%00", "%ff", "9" * 40, "'", "%2F", "a" * 3000, "example::DATABASE", shop.made["addon"]):
        others = dict.fromkeys(("database", "addon", "app", "transfer", "schedule", "credential", "token"), word)
        asked = path_of(shop, route, **others)
        try:
            reply = shop.call(route.method, asked, BODY)
        except Exception as error:  # noqa: BLE001 - what the HTTP server's part refuses before the API
            assert getattr(error, "status", 500) < 500, (word, error)
            continue
        assert reply.status < 500, (word, reply.content)


def visit(shop: World, route: Route, path: str, cookie: str = "", content: bytes = b"") -> Reply:
    """As a browser that is logged in there, from a page of ours."""
    own = {"Host": "localhost:8080", "Origin": "http://localhost:8080", "Cookie": cookie}
    return shop.call(route.method, path, token=None, headers=own, content=content)


def cookie_of(shop: World, email: str = EMAIL) -> str:
    form = urlencode({"email": email, "password": PASSWORD}).encode()
    own = {"Host": "localhost:8080", "Origin": "http://localhost:8080"}
    told = shop.call("POST", "/dashboard/login", token=None, headers=own, content=form)
    return told.headers["set-cookie"].partition(";")[0]


@pytest.mark.parametrize("route", _IN_BROWSER, ids=lambda route: f"{route.method} {route.path}")
def test_a_stranger_with_a_browser_finds_nothing(shop: World, route: Route) -> None:
    path = path_of(shop, route)
    assert visit(shop, route, path).headers["location"].startswith("/dashboard/login")
    accounts.create(shop.context, shop.actor, email="eve@example.com", password=PASSWORD)
    reply = visit(shop, route, path, cookie_of(shop, "eve@example.com"), urlencode({"step": "rotate", **BODY}).encode())
    assert reply.status == 404 and WORD not in reply.content.decode()


@pytest.mark.parametrize("route", _IN_BROWSER, ids=lambda route: f"{route.method} {route.path}")
def test_no_form_and_no_id_makes_a_page_fail(shop: World, route: Route) -> None:
    cookie = cookie_of(shop)
    steps = ("", "create", "rotate", "rotate-all", "destroy", "repair", "cancel", "end", "end-all", "reset", "diagnose")
    steps += (
        "capture",
        "schedule",
        "unschedule",
        "download",
        "delete",
        "restore",
        "fork",
        "follow",
        "rollback",
        "unfollow",
    )
    steps += (
        "promote",
        "statistics",
        "settings",
        "window",
        "maintain",
        "upgrade-dry_run",
        "upgrade-run",
        "upgrade-cancel",
    )
    for form in (
        {},
        BODY,
        dict.fromkeys(("name", "pid", "credential", "transfer", "to", "hour", "url"), "\x7fé" * 50),
    ):
        for step in steps if route.method == "POST" else steps[:1]:
            content = urlencode({"step": step, **form}).encode()
            for addon in (shop.made["database"], shop.made["addon"]):
                path = path_of(shop, route, database=addon)
                assert visit(shop, route, path, cookie, content).status < 500, (step, form)
    for word in ("%ff", "9" * 40, "'", "a" * 3000, "%2F"):
        path = path_of(shop, route, **dict.fromkeys(("database", "app", "dataclip"), word))
        query = f"?statistic={word}&report={word}&transfer={word}&show={word}&page={word}"
        for asked in (path, path_of(shop, route) + query):
            try:
                assert visit(shop, route, asked, cookie).status < 500, asked
            except BadRequest:
                continue


@pytest.mark.parametrize("route", _IN_BROWSER, ids=lambda route: f"{route.method} {route.path}")
def test_a_page_shows_no_secret_unasked(shop: World, route: Route) -> None:
    for addon in (shop.made["database"], shop.made["addon"]):
        text = visit(shop, route, path_of(shop, route, database=addon), cookie_of(shop)).content.decode()
        assert f"p{WORD}" not in text and "rediss://" not in text
