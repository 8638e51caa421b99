"""Add-ons and the marketplace: what the pages say to whom, without a provider."""

from typing import Any

import pytest
from tests.api.world import PASSWORD, Reply, World
from tests.dashboard.test_apps import page
from tests.dashboard.test_logging_in import OWN, ask, cookie_of, log_in

from celadon.actions import accounts, addons, apps, provisioning, scheduler_jobs
from celadon.dashboard import marketplace, plan_tables
from celadon.model.addon_services import BUILT_IN
from celadon.model.errors import InvalidParams


def made(world: World, plan: str = "heroku-postgresql:mini", app: str = "example", **options: Any) -> str:
    """An add-on as if its provider had made it; returns its name."""
    addon = addons.create(world.context, world.actor, app, plan=plan, **options).addon
    config = {"HEROKU_POSTGRESQL_URL": "postgres://u:secret@h:1/d"} if plan.startswith("heroku-p") else {}
    provisioning.provisioned(world.context, addon.id, provider_id=addon.id, config=config)
    return addon.name


def post(world: World, path: str, form: dict[str, str]) -> Reply:
    return ask(world, "POST", path, form, Cookie=cookie_of(log_in(world)), **OWN)


def as_grace(world: World) -> dict[str, str]:
    """Who is a collaborator of `example`."""
    form = {"email": "grace@example.com", "password": PASSWORD}
    return {"Cookie": cookie_of(ask(world, "POST", "/dashboard/login", form, **OWN)), **OWN}


def test_the_marketplace_has_every_service_and_its_plans(world: World) -> None:
    text = page(world, "/dashboard/addons")
    for service in BUILT_IN.values():
        assert f'href="/dashboard/addons/services/{service.name}"' in text and service.human_name in text
        shown = page(world, f"/dashboard/addons/services/{service.name}")
        assert all(f"<code>{plan.name}</code>" in shown for plan in service.plans)


def test_plans_are_compared_by_what_they_differ_in() -> None:
    found = plan_tables.compare(BUILT_IN["heroku-postgresql"])
    cells = {plan.name: dict(zip(found.columns, row, strict=True)) for plan, row in found.rows}
    assert cells["mini"]["Rows"] == "10,000" and cells["mini"]["Storage"] == "1 GB"
    assert cells["standard-2"]["Memory"] == "1.7 GB" and cells["standard-2"]["Rollback"] == "4 days"
    assert cells["premium-7"]["Standby"] == "yes" and cells["premium-7"]["Storage"] == "1 TB"


def test_an_addon_is_asked_for_by_the_form(world: World) -> None:
    form = {"app": "example", "plan": "basic", "as": "orders", "name": "orders-db"}
    asked = post(world, "/dashboard/addons/services/heroku-postgresql", form)
    assert (asked.status, asked.headers["location"]) == (303, "/dashboard/addons/orders-db")
    text = page(world, "/dashboard/addons/orders-db")
    assert "creating" in text and "<code>ORDERS</code>" in text and "$9/month" in text
    assert "orders-db" in page(world, "/dashboard/addons") and "$9/month" in page(world, "/dashboard/addons?q=basic")


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"app": "nobody"}, "Couldn&#39;t find that app"),
        ({"app": "example", "plan": "huge"}, "huge"),
        ({"app": "example", "name": "x y"}, "cannot name an add-on"),
        ({"app": "example", "as": "1"}, "cannot attach as"),
        ({"app": "example", "options": "=x"}, "cannot read the option"),
        ({"app": "example", "options": "a=1\na=2"}, "cannot read the option"),
        ({"app": "example", "options": "\n".join(f"a{n}=1" for n in range(60))}, "more than 50 lines"),
        ({}, "Couldn&#39;t find that app"),
    ],
)
def test_what_cannot_be_is_told_beside_the_form(world: World, form: dict[str, str], words: str) -> None:
    refused = post(world, "/dashboard/addons/services/heroku-postgresql", form)
    text = refused.content.decode()
    assert 400 <= refused.status < 500 and 'role="alert"' in text and words in text
    assert form.get("name", "") in text


def test_what_is_attached_is_replaced_when_that_is_confirmed(world: World) -> None:
    made(world, attachment="DATABASE")
    made(world, attachment="OTHER")
    form = {"app": "example", "as": "OTHER"}
    again = "/dashboard/addons/services/heroku-redis"
    refused = post(world, again, form)
    assert refused.status == 422 and b"Type the app" in refused.content
    assert b"last attachment" in post(world, again, {**form, "confirm": "example"}).content


def test_options_for_the_provider() -> None:
    form = {"origin": "rollback", "source": "DATABASE", "to": "2026-11-28T20:00:00", "options": "--version=16\nfast"}
    assert marketplace.options(form) == {
        "rollback": "DATABASE",
        "to": "2026-11-28 20:00:00+00",
        "version": "16",
        "fast": "true",
    }
    assert marketplace.options({"origin": "__class__", "source": "x"}) == {}
    with pytest.raises(InvalidParams):
        marketplace.options({"options": "a=1\na=1"})


def test_the_plan_the_name_and_the_attachments_change(world: World) -> None:
    apps.create(world.context, world.actor, name="second")
    path = f"/dashboard/addons/{made(world)}"
    assert post(world, path, {"step": "rename", "name": "orders"}).headers["location"] == "/dashboard/addons/orders"
    path = "/dashboard/addons/orders"
    assert post(world, path, {"step": "attach", "app": "second", "as": "shared"}).status == 303
    text = page(world, path)
    assert "<code>SHARED</code>" in text and "/dashboard/apps/second" in text
    shared = text.partition("SHARED")[2].partition('name="attachment" value="')[2].partition('"')[0]
    assert post(world, path, {"step": "plan", "plan": "basic"}).status == 303
    assert "moving to basic" in page(world, path)
    refused = post(world, path, {"step": "destroy", "confirm": "order"})
    assert refused.status == 422 and b"to confirm it" in refused.content
    refused = post(world, path, {"step": "destroy", "confirm": "orders"})
    assert refused.status == 422 and b"second has it attached" in refused.content
    assert post(world, path, {"step": "detach", "attachment": shared}).status == 303
    assert post(world, path, {"step": "detach", "attachment": shared}).status == 404
    assert post(world, path, {"step": "destroy", "confirm": "orders"}).headers["location"] == "/dashboard/addons"
    assert "destroying" in page(world, "/dashboard/addons")
    for step in ("", "explode"):
        assert post(world, path, {"step": step}).status == 404


def test_one_that_could_not_be_made_says_why(world: World) -> None:
    addon = addons.create(world.context, world.actor, "example", plan="heroku-postgresql").addon
    provisioning.refused(world.context, addon.id, "There is no room for it.")
    text = page(world, f"/dashboard/addons/{addon.name}")
    assert "There is no room for it." in text and "failed" in text and "Try again" in text


def test_a_collaborator_may_not_change_what_has_a_price(world: World) -> None:
    grace = as_grace(world)
    name = made(world)
    text = ask(world, "GET", f"/dashboard/addons/{name}", **grace).content.decode()
    assert name in text and "Only its app&#39;s owner may" in text and 'value="destroy"' not in text
    form = {"step": "destroy", "confirm": name}
    assert ask(world, "POST", f"/dashboard/addons/{name}", form, **grace).status == 403
    form = {"app": "example", "plan": "basic"}
    assert ask(world, "POST", "/dashboard/addons/services/heroku-postgresql", form, **grace).status == 403
    free = made(world, "memcachier:dev")
    assert 'value="destroy"' in ask(world, "GET", f"/dashboard/addons/{free}", **grace).content.decode()


def test_somebody_elses_addon_is_not_there(world: World) -> None:
    accounts.create(world.context, world.actor, email="eve@example.com", password=PASSWORD)
    name = made(world)
    form = {"email": "eve@example.com", "password": PASSWORD}
    cookie = cookie_of(ask(world, "POST", "/dashboard/login", form, **OWN))
    for path in (f"/dashboard/addons/{name}", "/dashboard/addons/services/nothing"):
        assert ask(world, "GET", path, Cookie=cookie).status == 404
    assert ask(world, "POST", f"/dashboard/addons/{name}", {"step": "plan"}, Cookie=cookie, **OWN).status == 404
    assert name not in ask(world, "GET", "/dashboard/addons", Cookie=cookie).content.decode()


def test_a_page_of_an_addon_is_opened_at_the_same_host(world: World) -> None:
    name = made(world, "scheduler:standard")
    addon = addons.find(world.context, world.actor, name).addon
    scheduler_jobs.provision(world.context, addon.id, addon.app_id)
    opened = post(world, f"/dashboard/addons/{name}", {"step": "open"})
    assert opened.status == 303 and opened.headers["location"].startswith("/scheduler/")
    assert ask(world, "GET", opened.headers["location"]).status == 200
    refused = post(world, f"/dashboard/addons/{made(world, 'memcachier:dev')}", {"step": "open"})
    assert refused.status == 422 and b"no page" in refused.content
