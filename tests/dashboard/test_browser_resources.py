"""An app's resources as a person sees and changes them."""

from playwright.sync_api import Browser, expect
from tests.api.world import World
from tests.dashboard.browser import Visitor

from celadon.actions import addons, context, formations, provisioning, scheduler_jobs
from celadon.model.dyno import DynoState
from celadon.model.formation import Update
from celadon.store import dynos as stored_dynos

PATH = "/dashboard/apps/example/resources"


def furnish(world: World) -> None:
    """Add-ons in several states, a dyno that has crashed, a long command."""
    world.deploy(
        "example",
        {
            "web": "gunicorn app:app --workers 4 --bind 0.0.0.0:$PORT --access-logfile - --timeout 120",
            "worker": "python work.py",
            "nightly-report-of-everything": "python -m reports.nightly --all --since yesterday",
        },
    )
    for plan in ("heroku-postgresql:standard-0", "scheduler", "heroku-redis:premium-0"):
        made = addons.create(world.context, world.actor, "example", plan=plan).addon
        if plan != "heroku-redis:premium-0":
            provisioning.provisioned(world.context, made.id, provider_id="1", config={}, message="")


def test_the_formation_is_scaled_by_a_slider_and_the_keyboard(world: World, visitor: Visitor) -> None:
    furnish(world)
    page = visitor.go(PATH)
    expect(page.locator("#plan")).to_contain_text("Move a slider")
    slider = page.get_by_label("web dynos, by a slider")
    slider.focus()
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    expect(page.get_by_label("How many web dynos")).to_have_value("3")
    expect(page.locator("#plan")).to_contain_text("Scale web from 1 to 3; $65 → $135.50 a month.")
    page.get_by_label("Size of web dynos").select_option("2X")
    expect(page.locator("#plan")).to_contain_text("Scale web from 1 to 3 (1X → 2X)")
    page.get_by_label("How many worker dynos").fill("2")
    expect(slider).to_have_value("3")
    expect(page.get_by_label("worker dynos, by a slider")).to_have_value("2")
    expect(page.locator("#plan")).to_contain_text("scale worker from 0 to 2")
    visitor.look("resources")
    page.get_by_role("button", name="Apply changes").click()
    expect(page.locator("#plan")).to_contain_text("Move a slider")
    _, found = formations.list_of(world.context, world.actor, "example")
    assert {entry.type: (entry.quantity, entry.size) for entry, _ in found}["web"] == (3, "2X")


def test_what_cannot_be_is_said_while_one_types(visitor: Visitor) -> None:
    page = visitor.go(PATH)
    page.get_by_label("How many web dynos").fill("1000")
    expect(page.locator("#plan")).to_contain_text("a quantity is from 0 to 100")
    expect(page.get_by_role("button", name="Apply changes")).to_have_count(0)
    page.get_by_label("How many web dynos").fill("2")
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_label("How many web dynos")).to_have_value("1")
    expect(page.locator("#plan")).to_contain_text("Move a slider")


def test_dynos_are_shown_as_they_are(world: World, visitor: Visitor) -> None:
    page = visitor.go(PATH)
    expect(page.get_by_role("row", name="web.1")).to_contain_text("up")
    with world.context.database.transaction() as tx:
        stored_dynos.update(tx, world.made["dyno"], now=context.now(), state=DynoState.CRASHED)
    page.get_by_role("button", name="Restart web.1").click()
    expect(page.get_by_role("row", name="web.1")).to_contain_text("crashed")


def test_an_addon_is_removed_by_its_name(world: World, visitor: Visitor) -> None:
    made = addons.create(world.context, world.actor, "example", plan="heroku-redis").addon
    page = visitor.go(PATH)
    page.get_by_text(f"Remove {made.name}").click()
    visitor.look("resources-remove")
    visitor.expect("422")
    page.get_by_label(f"Type {made.name} to confirm").fill("example")
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("alert")).to_contain_text("type its name")
    page.get_by_label(f"Type {made.name} to confirm").fill(made.name)
    page.get_by_role("button", name="Remove it").click()
    expect(page.locator("#addons")).to_contain_text("deprovisioning")


def test_a_formation_that_somebody_else_has_changed_is_read_again(world: World, visitor: Visitor) -> None:
    page = visitor.go(PATH)
    page.get_by_label("How many web dynos").fill("3")
    expect(page.locator("#plan")).to_contain_text("Scale web from 1 to 3")
    # It is not taken from under the hands of who types.
    formations.update(world.context, world.actor, "example", [Update(type="web", quantity=2)])
    visitor.expect("409")
    page.get_by_role("button", name="Apply changes").click()
    expect(page.get_by_role("alert")).to_contain_text("has changed while you looked at it")
    expect(page.locator("main")).to_contain_text("Scale web from 2 to 3")
    visitor.look("resources-confirm")
    page.get_by_role("button", name="Apply changes").click()
    expect(page.get_by_label("How many web dynos")).to_have_value("3")


def test_without_scripts_the_words_are_a_page(world: World, chromium: Browser, visitor: Visitor) -> None:
    context = chromium.new_context(java_script_enabled=False, storage_state=visitor.context.storage_state())
    page = context.new_page()
    page.goto(f"{visitor.url}{PATH}")
    expect(page.get_by_label("web dynos, by a slider")).to_be_hidden()
    page.get_by_label("How many web dynos").fill("2")
    page.get_by_role("button", name="Apply changes").click()
    expect(page.locator("main")).to_contain_text("Scale web from 1 to 2")
    page.get_by_role("button", name="Apply changes").click()
    expect(page.get_by_label("How many web dynos")).to_have_value("2")
    context.close()
    _, found = formations.list_of(world.context, world.actor, "example")
    assert {entry.type: entry.quantity for entry, _ in found}["web"] == 2


def test_the_scheduler_is_opened_on_a_page_of_its_own(world: World, visitor: Visitor) -> None:
    made = addons.create(world.context, world.actor, "example", plan="scheduler").addon
    scheduler_jobs.provision(world.context, made.id, world.made["app"])
    provisioning.provisioned(world.context, made.id, provider_id="1", config={}, message="")
    page = visitor.go(PATH)
    with visitor.context.expect_page() as opened:
        page.get_by_role("button", name=f"Open {made.name}").click()
    expect(opened.value.get_by_role("heading", name="Scheduler of example")).to_be_visible()
