"""Who is logged in at a browser, and what pages of other sites cannot do with that."""

from urllib.parse import urlencode

import pytest
from tests.api.world import EMAIL, PASSWORD, Reply, World

HOST = {"Host": "localhost:8080"}
OWN = {**HOST, "Origin": "http://localhost:8080"}


def ask(world: World, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Reply:
    """As a browser asks: no token, no version."""
    content = urlencode(form).encode() if form is not None else None
    return world.call(method, path, token=None, content=content, headers={**HOST, "Accept": "text/html", **headers})


def log_in(world: World, path: str = "/dashboard/login", **headers: str) -> Reply:
    return ask(world, "POST", path, {"email": EMAIL, "password": PASSWORD}, **{**OWN, **headers})


def cookie_of(reply: Reply) -> str:
    return reply.headers["set-cookie"].partition(";")[0]


def test_a_browser_is_logged_in_until_it_logs_out(world: World) -> None:
    asked = ask(world, "GET", "/dashboard/apps/example?from=mail")
    assert (asked.status, asked.headers["location"]) == (
        303,
        "/dashboard/login?to=%2Fdashboard%2Fapps%2Fexample%3Ffrom%3Dmail",
    )
    answered = log_in(world, asked.headers["location"])
    assert (answered.status, answered.headers["location"]) == (303, "/dashboard/apps/example?from=mail")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(answered.headers["set-cookie"].split("; "))
    cookie = cookie_of(answered)
    assert "example" in ask(world, "GET", "/dashboard", Cookie=cookie).content.decode()
    assert ask(world, "POST", "/dashboard/logout", {}, Cookie=cookie, **OWN).status == 303
    assert ask(world, "GET", "/dashboard", Cookie=cookie).status == 303


def test_over_tls_no_other_host_can_set_the_cookie(world: World) -> None:
    secure = {"X-Forwarded-Proto": "https", "Origin": "https://localhost:8080"}
    answered = log_in(world, **secure)
    cookie = cookie_of(answered)
    assert cookie.startswith("__Host-celadon=") and answered.headers["set-cookie"].endswith("; Secure")
    tossed = cookie.removeprefix("__Host-")
    assert ask(world, "GET", "/dashboard", Cookie=tossed, **{"X-Forwarded-Proto": "https"}).status == 303
    assert ask(world, "GET", "/dashboard", Cookie=cookie, **{"X-Forwarded-Proto": "https"}).status == 200


@pytest.mark.parametrize(
    "origin", [None, "null", "http://shop.localhost:8080", "https://localhost:8080", "http://localhost"]
)
def test_a_page_of_another_origin_changes_nothing(world: World, origin: str | None) -> None:
    cookie = cookie_of(log_in(world))
    sent = {} if origin is None else {"Origin": origin}
    refused = ask(world, "POST", "/dashboard", {"name": "forged"}, Cookie=cookie, **sent)
    assert refused.status == 403
    assert ask(world, "POST", "/dashboard/login", {"email": EMAIL, "password": PASSWORD}, **sent).status == 403
    assert world.get("/apps/forged").status == 404
    assert ask(world, "POST", "/dashboard", {"name": "wanted"}, Cookie=cookie, **OWN).status == 303
    assert world.get("/apps/wanted").status == 200


def test_the_cookie_is_no_key_to_the_api(world: World) -> None:
    cookie = cookie_of(log_in(world))
    assert world.get("/apps", token=None, headers={"Cookie": cookie}).status == 401


@pytest.mark.parametrize(
    "cookie", ["celadon=", "celadon=wrong", "=;;==", 'celadon="\\777"', "x" * 20_000, "celadon=" + "y" * 5_000]
)
def test_what_is_no_session_leads_to_the_log_in(world: World, cookie: str) -> None:
    assert ask(world, "GET", "/dashboard", Cookie=cookie).status == 303


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example.com/",
        "//evil.example.com",
        "/dashboardevil",
        "/apps",
        "javascript:x",
        "/dashboard/\r\nX:1",
        "/dashboard\n",
        "/dashboard/ x",
        "/dashboard/\x7f",
        "/dashboard/ä",
        "/dashboard/../apps",
        "/dashboard//evil.example.com",
    ],
)
def test_a_log_in_leads_to_no_other_place(world: World, to: str) -> None:
    answered = log_in(world, f"/dashboard/login?{urlencode({'to': to})}")
    assert (answered.status, answered.headers["location"]) == (303, "/dashboard")


def test_a_wrong_password_says_so_in_the_form(world: World) -> None:
    refused = ask(world, "POST", "/dashboard/login", {"email": EMAIL, "password": "wrong"}, **OWN)
    assert refused.status == 401 and b"the e-mail address or the password is wrong" in refused.content
    assert "set-cookie" not in refused.headers


def test_the_platforms_own_address_leads_to_the_dashboard(world: World) -> None:
    assert ask(world, "GET", "/").headers["location"] == "/dashboard"


def test_the_stylesheet_is_kept_for_good(world: World) -> None:
    page = ask(world, "GET", "/dashboard", Cookie=cookie_of(log_in(world))).content.decode()
    path = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    style = ask(world, "GET", path)
    assert style.headers["content-type"].startswith("text/css") and "immutable" in style.headers["cache-control"]


def test_strangers_who_ask_too_often_are_told_by_a_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Every second one more may be asked: time stands still, however long the first answer takes.
    monkeypatch.setattr(world.api._strangers, "_clock", lambda: 0.0)
    for _ in range(120):
        world.api._strangers.take("192.0.2.1")
    refused = ask(world, "POST", "/signup", {"email": EMAIL})
    assert refused.status == 429 and "That did not work" in refused.content.decode()
    program = world.call("POST", "/signup", token=None, content=b"")
    assert program.status == 429 and program.error == "rate_limit"


@pytest.mark.parametrize(
    "odd",
    ["version=1", "path=/", "a[b]=1", 'x={"a":1,"b":2}', "flag", "é=1", "=x", "x=a b", "x=" + "y" * 9000, "celadon2=z"],
)
def test_cookies_of_apps_beside_us_do_not_hide_ours(world: World, odd: str) -> None:
    cookie = cookie_of(log_in(world))
    for sent in (f"{odd}; {cookie}", f"{cookie}; {odd}"):
        assert ask(world, "GET", "/dashboard", Cookie=sent).status == 200
