"""Pages of operators by the wire: for nobody else; apps, accounts, settings, incidents."""

import dataclasses
from collections.abc import Callable

import pytest
from tests.api.world import EMAIL, PASSWORD, World
from tests.dashboard.test_account import GRACE, Browser
from tests.dashboard.test_logging_in import OWN, ask, cookie_of, log_in

from celadon.actions import accounts, apps, mails
from celadon.api.route import Door, Route
from celadon.dashboard import routes as pages
from celadon.platform.settings import Settings

PAGES = ("operator", "operator/apps", "operator/accounts", "operator/incidents", "operator/settings")


@pytest.fixture
def ada(world: World) -> Browser:
    return Browser(world)


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_for_operators(world: World, ada: Browser, page: str) -> None:
    assert 'aria-current="page"' in ada.get(page) and "/dashboard/operator" in ada.get("")
    other = Browser(world, GRACE)
    assert "operator" in other.get(page, status=403) and "/dashboard/operator" not in other.get("")


@pytest.mark.parametrize(
    ("page", "form"),
    [
        ("operator/apps", {"step": "visit", "app": "example", "reason": "x"}),
        ("operator/accounts", {"step": "verify", "id": EMAIL, "verified": "yes"}),
        ("operator/accounts", {"step": "reset", "id": EMAIL}),
        ("operator/accounts", {"step": "invite", "email": "x@example.com"}),
        (
            "operator/incidents",
            {"step": "open", "title": "x", "severity": "red", "component-api": "yes", "contents": "x"},
        ),
    ],
)
def test_nobody_else_changes_anything(world: World, page: str, form: dict[str, str]) -> None:
    before = len(mails.outbox(world.context, world.actor))
    assert Browser(world, GRACE).post(page, **form).status == 403
    assert len(mails.outbox(world.context, world.actor)) == before
    assert world.get("/api/v4/current-status").json["incidents"] == []


def test_somebody_elses_app_is_visited_with_a_reason_that_its_owner_reads(world: World, ada: Browser) -> None:
    owner = accounts.log_in(world.context, GRACE, PASSWORD)
    apps.create(world.context, owner, name="private-matters")
    asked = ada.post("apps/private-matters")
    assert asked.status in (404, 303)
    ada.get("apps/private-matters", status=303)
    assert "Visit private-matters" in ada.get("operator/apps?app=private-matters")
    ada.refused("operator/apps", 422, "give a reason", step="visit", app="private-matters", reason=" ")
    ada.refused("operator/apps", 404, "find that app", step="visit", app="nothing", reason="a look")
    visited = ada.post("operator/apps", step="visit", app="private-matters", reason="Ticket 7: it does not start")
    assert visited.headers["location"] == "/dashboard/apps/private-matters"
    ada.get("apps/private-matters")
    trail = world.get("/apps/private-matters/events", token=world.new_token(actor=owner)).json
    assert [one["payload"] for one in trail if one["action"] == "operator:visit"] == [
        {"reason": "Ticket 7: it does not start"}
    ]
    ada.get("apps/example")


def test_apps_and_accounts_are_found_a_page_at_a_time(world: World, ada: Browser) -> None:
    for number in range(55):
        apps.create(world.context, world.actor, name=f"many-{number:02}")
    first = ada.get("operator/apps?q=many")
    assert "1 to 50 of 55" in first and "many-49" in first and "many-50" not in first
    assert "many-50" in ada.get("operator/apps?q=many&page=1")
    assert "No app has" in ada.get("operator/apps?q=%25")
    assert "example" in ada.get("operator/apps?q=ADA@example")
    ada.get("operator/apps?page=x")
    assert (
        GRACE in ada.get("operator/accounts?q=grace")
        and EMAIL not in ada.get("operator/accounts?q=grace").split("<main")[1]
    )


def test_an_account_is_verified_and_sent_a_link(world: World, ada: Browser) -> None:
    other = world.made["other"]
    assert ada.post("operator/accounts", step="verify", id=other, verified="yes").status == 303
    assert accounts.log_in(world.context, GRACE, PASSWORD).account.verified
    assert ada.post("operator/accounts", step="reset", id=other).status == 303
    assert [mail.recipient for mail in mails.outbox(world.context, world.actor)] == [GRACE]
    ada.refused("operator/accounts", 404, "find that account", step="reset", id="nobody")


def test_settings_are_told_and_secrets_are_not(new_world: Callable[..., World]) -> None:
    world = new_world(
        smtp_url="smtp://me:hunter2@mail.example.com:25",
        build_environment=("PIP_INDEX_URL=https://me:hunter2@pypi.example.com/simple",),
        app_limit=7,
    )
    text = Browser(world).get("operator/settings")
    assert "hunter2" not in text and text.count("it may hold a password") == 2
    assert "Others" not in text, "the reference names every setting"
    for field in dataclasses.fields(Settings):
        assert f"<code>{field.name}</code>" in text
    assert "chosen" in text


def test_an_incident_is_opened_updated_and_resolved(world: World, ada: Browser) -> None:
    told = {"step": "open", "title": "<b>Slow", "severity": "red", "contents": "We look."}
    assert "&lt;b&gt;Slow" in ada.refused("operator/incidents", 422, "say what it concerns", **told)
    assert ada.post("operator/incidents", **told, **{"component-api": "yes"}).status == 303
    (incident,) = world.get("/api/v4/current-status").json["incidents"]
    ada.refused("operator/incidents", 422, "characters", step="tell", id=incident["id"], contents=" ")
    assert ada.post("operator/incidents", step="tell", id=incident["id"], contents="Better.").status == 303
    assert ada.post("operator/incidents", step="resolve", id=incident["id"], contents="Over.").status == 303
    assert world.get("/api/v4/current-status").json["incidents"] == []
    ada.refused("operator/incidents", 422, "is resolved", step="tell", id=incident["id"], contents="Again?")


OF_APPS = [
    route
    for route in pages.ROUTES
    if route.door is Door.BROWSER and {s for s in route.segments if s.startswith(":")} == {":app"}
]


@pytest.mark.parametrize("route", OF_APPS, ids=lambda route: f"{route.method} {route.path}")
def test_without_a_reason_an_operator_neither_sees_nor_changes_anything_of_an_app(world: World, route: Route) -> None:
    owner = accounts.log_in(world.context, GRACE, PASSWORD)
    apps.create(world.context, owner, name="private-matters")
    cookie = cookie_of(log_in(world))
    path = route.path.replace(":app", "private-matters")
    reply = ask(world, route.method, path, {} if route.method == "POST" else None, Cookie=cookie, **OWN)
    assert (reply.status, reply.headers["location"]) == (303, "/dashboard/operator/apps?app=private-matters")


def test_pages_of_apps_are_many() -> None:
    assert len(OF_APPS) > 30


def test_letters_wait_for_the_operator_where_there_is_no_mail_server(world: World, ada: Browser) -> None:
    ada.post("operator/accounts", step="invite", email="eve@example.com")
    page = ada.get("operator/outbox")
    assert "eve@example.com" in page and "/account/accept/" in page and "no mail server" in page
    assert "/account/accept/" not in Browser(world, GRACE).get("operator/outbox", status=403)


def test_letters_of_apps_take_no_place_of_those_about_accounts(world: World) -> None:
    with world.context.database.transaction() as tx:
        for _ in range(20):
            mails.send(tx, GRACE, "An alert", "…", of_app=True)
        assert not mails.send(tx, GRACE, "An alert", "…", of_app=True)
        assert mails.send(tx, GRACE, "A new password", "…")
