"""Settings of an app as a person changes them in a browser."""

from playwright.sync_api import expect
from tests import certified
from tests.api.world import World
from tests.dashboard.browser import Visitor

from celadon.actions import apps, config_vars, domains, log_drains, webhooks

SETTINGS = "/dashboard/apps/example/settings"


def test_general_settings(world: World, visitor: Visitor) -> None:
    page = visitor.go(SETTINGS)
    expect(page.get_by_text("2 KB of 500.0 MB")).to_be_visible()
    visitor.look("settings")
    page.get_by_role("button", name="Switch on", exact=True).click()
    expect(page.get_by_text("maintenance", exact=True)).to_be_visible()
    page.get_by_role("button", name="Switch log-runtime-metrics on").click()
    expect(page.get_by_role("button", name="Switch log-runtime-metrics off")).to_be_visible()
    page.get_by_label("Where people look at the code").fill("https://github.com/example/shop/")
    page.locator("button[value=link]").click()
    expect(page.get_by_label("Where people look at the code")).to_have_value("https://github.com/example/shop")
    page.get_by_label("The folder of the source that is built").fill("services/api/")
    page.locator("button[value=folder]").click()
    expect(page.get_by_label("The folder of the source that is built")).to_have_value("services/api")
    page.get_by_label("Shown when the app does not answer").fill("https://example.com/down.html")
    page.locator("button[value=pages]").click()
    expect(page.get_by_label("Shown when the app does not answer")).to_have_value("https://example.com/down.html")
    assert config_vars.find(world.context, world.actor, "example") == {
        "ERROR_PAGE_URL": "https://example.com/down.html"
    }
    visitor.expect("422")
    page.get_by_label("Name of the app").fill("No Good")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("alert")).to_contain_text("cannot name an app 'No Good'")
    expect(page.get_by_label("Name of the app")).to_have_value("No Good")
    page.get_by_label("Name of the app").fill("renamed")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="renamed", exact=True)).to_be_visible()


def test_config_vars_are_hidden_until_they_are_revealed(world: World, visitor: Visitor) -> None:
    config_vars.update(world.context, world.actor, "example", {"SECRET": "s3cret <b>", "LONG": "x" * 5000})
    page = visitor.go(f"{SETTINGS}/config-vars")
    expect(page.get_by_role("code").filter(has_text="SECRET")).to_be_visible()
    assert "s3cret" not in page.content()
    page.get_by_role("link", name="Reveal the values").click()
    expect(page.get_by_text("s3cret <b>")).to_be_visible()
    visitor.look("config-vars")
    page.get_by_role("link", name="Change SECRET").click()
    expect(page.get_by_label("Value", exact=True)).to_have_value("s3cret <b>")
    page.get_by_label("Value", exact=True).fill("two\nlines")
    page.get_by_role("button", name="Save").click()
    page.get_by_label("One on each line, as NAME=value").fill('A=1\n# a remark\nexport B="two words"\nLONG\n')
    page.get_by_role("button", name="Set all").click()
    expect(page.get_by_role("link", name="Change B", exact=True)).to_be_visible()
    assert config_vars.find(world.context, world.actor, "example") == {
        "SECRET": "two\nlines",
        "A": "1",
        "B": "two words",
    }
    page.get_by_role("button", name="Remove A").click()
    expect(page.get_by_role("link", name="Change A", exact=True)).to_have_count(0)
    visitor.expect("422")
    page.get_by_label("Name", exact=True).fill("1BAD")
    page.get_by_label("Value", exact=True).fill("kept")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("starts with no digit")
    expect(page.get_by_label("Value", exact=True)).to_have_value("kept")


def test_buildpacks_have_an_order(visitor: Visitor) -> None:
    page = visitor.go(f"{SETTINGS}/buildpacks")
    for url in (
        "heroku/nodejs",
        "https://example.com/a-buildpack-with-a-long-name/that-goes-on.git#branch",
        "heroku/python",
    ):
        page.get_by_label("Name or URL").fill(url)
        page.get_by_role("button", name="Add").click()
        expect(page.locator("#buildpacks")).to_contain_text(url)
    page.get_by_role("button", name="Move heroku/python up").click()
    expect(page.locator("#buildpacks li").nth(1)).to_contain_text("heroku/python")
    visitor.look("buildpacks")
    page.get_by_role("button", name="Remove heroku/nodejs").click()
    expect(page.locator("#buildpacks li").first).to_contain_text("heroku/python")
    visitor.expect("422")
    page.get_by_label("Name or URL").fill("--upload-pack=x")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_contain_text("as buildpack")


def test_domains_follow_dns(world: World, visitor: Visitor) -> None:
    page = visitor.go(f"{SETTINGS}/domains")
    for name in ("www.example.com", "example.org"):
        page.get_by_label("Host name").fill(name)
        page.get_by_role("button", name="Add").click()
        expect(page.locator("#domains")).to_contain_text(name)
    expect(page.locator("#domains li").first).to_contain_text("ALIAS or ANAME to example.localhost")
    expect(page.locator("#domains li").last).to_contain_text("waits for DNS")
    found = domains.list_of(world.context, world.actor, "example")[1]
    domains.checked(world.context, [(one, True) for one in found if one.hostname == "www.example.com"])
    expect(page.locator("#domains li").last).to_contain_text("DNS leads here")
    visitor.look("domains")
    page.get_by_role("button", name="Remove example.org").click()
    expect(page.locator("#domains")).not_to_contain_text("example.org")
    visitor.expect("422")
    page.get_by_label("Host name").fill("nowhere")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_contain_text("at least two parts")


def test_drains_and_webhooks_hide_what_may_be_secret(world: World, visitor: Visitor) -> None:
    log_drains.add(world.context, world.actor, "example", "https://user:pass@logs.example.com/in?token=s3cret")
    webhooks.create(
        world.context,
        world.actor,
        "example",
        url="https://hooks.example.com/T0/s3cret",
        include=["api:release"],
        level="notify",
    )
    page = visitor.go(f"{SETTINGS}/drains")
    expect(page.locator("#drains")).to_contain_text("https://logs.example.com/…")
    assert "s3cret" not in page.content() and "pass" not in page.content()
    page.get_by_label("Add a drain").fill("syslog+tls://logs.example.com:6514")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#drains")).to_contain_text("syslog+tls://logs.example.com:6514")
    page.get_by_role("link", name="Reveal whole URLs").click()
    expect(page.locator("#webhooks")).to_contain_text("/T0/s3cret")
    visitor.look("drains")
    page.get_by_role("button", name="Remove the webhook").click()
    expect(page.locator("#webhooks")).to_contain_text("None.")
    visitor.expect("422")
    page.get_by_label("Add a drain").fill("ftp://logs.example.com")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("must begin with")


def test_an_app_is_offered_and_deleted_by_its_name(world: World, visitor: Visitor) -> None:
    page = visitor.go(f"{SETTINGS}/ownership")
    page.get_by_label("New owner").select_option("grace@example.com")
    page.get_by_role("button", name="Transfer").click()
    expect(page.locator("#transfer")).to_contain_text("It is offered to grace@example.com")
    visitor.look("ownership")
    page.get_by_role("button", name="Withdraw the offer").click()
    expect(page.locator("#transfer")).not_to_contain_text("It is offered")
    visitor.expect("422")
    page.get_by_label("Type example to delete it").fill("exampel")
    page.get_by_role("button", name="Delete example").click()
    expect(page.get_by_role("alert")).to_contain_text("type its name, example")
    page.get_by_label("Type example to delete it").fill("example")
    # The page may hear of it before it is left, and ask once more for what is gone.
    visitor.expect("404")
    page.get_by_role("button", name="Delete example").click()
    page.wait_for_url(f"{visitor.url}/dashboard")
    assert not apps.list_visible(world.context, world.actor)


def test_certificates_are_added_replaced_and_removed(world: World, visitor: Visitor) -> None:
    root = certified.root()
    first, second = (root.issue("www.example.com", "www.example.com") for _ in range(2))
    domains.add(world.context, world.actor, "example", "www.example.com")
    page = visitor.go(f"{SETTINGS}/certificates")
    page.get_by_label("Certificate and those of its issuers").fill(first.pem + root.pem)
    page.get_by_label("Private key").fill(first.key)
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#certificates")).to_contain_text("served for www.example.com")
    visitor.look("certificates")
    visitor.expect("422")
    page.get_by_role("link", name="Replace").click()
    page.get_by_label("Certificate and those of its issuers").fill(second.pem + root.pem)
    page.get_by_label("Private key").fill(first.key)
    page.get_by_role("button", name="Replace", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("key")
    expect(page.get_by_label("Certificate and those of its issuers")).to_have_value(f"{second.pem}{root.pem}")
    assert "PRIVATE KEY-----\n" not in page.locator("main").inner_html()
    page.get_by_label("Private key").fill(second.key)
    page.get_by_role("button", name="Replace", exact=True).click()
    expect(page.locator("#certificates li")).to_have_count(1)
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("button", name="Switch off")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#certificates")).to_contain_text("None of its own")
