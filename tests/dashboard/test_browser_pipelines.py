"""Pipelines as a person works with them in a browser."""

import pytest
from playwright.sync_api import Page, expect
from tests.api.world import World
from tests.dashboard.browser import Visitor

from celadon.actions import apps, pipelines, promotions
from celadon.model.pipeline import Pipeline, Stage


@pytest.fixture
def shop(world: World) -> Pipeline:
    """Two apps: what staging runs is two deploys ahead of production."""
    made = pipelines.create(world.context, world.actor, "shop")
    for name, stage in (("shop-staging", Stage.STAGING), ("shop-live", Stage.PRODUCTION)):
        apps.create(world.context, world.actor, name=name)
        pipelines.couple(world.context, world.actor, made.id, name, stage)
        world.deploy(name, {"web": "run"}, commit="a" * 40)
    for letter in "bc":
        world.deploy("shop-staging", {"web": "run"}, commit=letter * 40)
    return made


def open_pipeline(visitor: Visitor) -> Page:
    visitor.go("/dashboard/pipelines")
    visitor.page.get_by_role("link", name="shop").click()
    # With its script, which is there last: without, nothing can be dragged.
    visitor.page.wait_for_url("**/dashboard/pipelines/*")
    return visitor.page


def test_a_pipeline_is_made_filled_and_destroyed(visitor: Visitor) -> None:
    page = visitor.go("/dashboard/pipelines")
    expect(page.get_by_text("No pipelines yet")).to_be_visible()
    visitor.expect("422")
    page.get_by_label("Name of a new pipeline").fill("No Good")
    page.get_by_role("button", name="Create pipeline").click()
    expect(page.get_by_role("alert")).to_contain_text("cannot name a pipeline")
    page.get_by_label("Name of a new pipeline").fill("shop")
    page.get_by_role("button", name="Create pipeline").click()
    page.get_by_label("App", exact=True).select_option("example")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("[data-stage=staging]")).to_contain_text("example")
    page.get_by_text("Move or remove example").click()
    page.get_by_label("Stage of example").select_option("production")
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator("[data-stage=production]")).to_contain_text("example")
    page.get_by_label("Name", exact=True).fill("store")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="store", exact=True)).to_be_visible()
    page.get_by_role("link", name="all pipelines").click()
    expect(page.get_by_role("link", name="store 1 app")).to_be_visible()
    visitor.look("pipelines")
    page.get_by_role("link", name="store").click()
    page.get_by_text("Move or remove example").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.locator("[data-stage=production]")).to_contain_text("No apps.")
    page.get_by_text("Destroy store").first.click()
    page.get_by_label("Type store to destroy it").fill("store")
    page.get_by_role("button", name="Destroy store").click()
    expect(page.get_by_text("No pipelines yet")).to_be_visible()


def test_a_promotion_shows_what_it_brings_and_how_it_goes(world: World, shop: Pipeline, visitor: Visitor) -> None:
    page = open_pipeline(visitor)
    visitor.look("pipeline")
    page.get_by_role("link", name="Promote shop-staging to production").click()
    expect(page.get_by_text("2 deploys ahead")).to_be_visible()
    expect(page.locator(".diff li")).to_have_count(2)
    visitor.look("promote")
    page.get_by_label("Promote to shop-live").uncheck()
    visitor.expect("422")
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_role("alert")).to_contain_text("choose at least one app")
    page.get_by_label("Promote to shop-live").check()
    # What was shown is what goes.
    world.deploy("shop-staging", {"web": "run"}, commit="d" * 40)
    page.get_by_role("button", name="Promote").click()
    expect(page.locator("#progress")).to_contain_text("slug is copied")
    (target,) = promotions.unreleased(world.context)
    copy = promotions.begin(world.context, target)
    assert copy and copy.slug.commit == "c" * 40
    promotions.release(world.context, target.id, promotions.copied(copy, "copy-1", "SHA256:" + "0" * 64))
    expect(page.locator("#progress")).to_contain_text("promoted")
    expect(page.locator("#progress")).to_contain_text("done")
    visitor.look("promotion")
    open_pipeline(visitor)
    expect(page.locator("[data-stage=production]")).to_contain_text("cccccccc")


def test_an_app_is_dragged_to_the_next_stage(shop: Pipeline, visitor: Visitor) -> None:
    page = open_pipeline(visitor)
    staging = page.locator("[data-stage=staging] [data-app]")
    staging.drag_to(page.locator("[data-stage=development]"))
    assert page.url.endswith(shop.id)
    staging.drag_to(page.locator("[data-stage=production] [data-app]"))
    expect(page.get_by_role("heading", name="Promote shop-staging")).to_be_visible()
    expect(page.get_by_label("Promote to shop-live")).to_be_checked()
