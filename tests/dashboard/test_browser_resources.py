"""An app's resources as a person sees and changes them."""

from playwright.sync_api import expect
from tests.api.world import World
from tests.dashboard.browser import Visitor

from celadon.actions import addons, context, formations, provisioning
from celadon.model.dyno import DynoState
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
