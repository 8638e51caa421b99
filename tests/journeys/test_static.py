"""A static site."""

from tests.journeys.conftest import EXAMPLES, Platform, wait_for


def test_a_static_site_has_clean_addresses_headers_and_a_page_for_what_is_missing(platform: Platform) -> None:
    app = platform.create(EXAMPLES / "static-site")
    assert "-----> Static app detected" in app.push()
    page = app.get("/")
    assert page.status == 200
    assert page.headers["x-content-type-options"] == "nosniff"
    assert app.get("/about").status == 200
    assert app.get("/style.css").headers["cache-control"] == "public, max-age=3600"
    missing = app.get("/nothing-here")
    assert missing.status == 404
    assert missing.text == (EXAMPLES / "static-site" / "public" / "404.html").read_text()
    assert app.get("/../../../etc/passwd").status in (400, 404)


def test_a_domain_leads_to_the_app_at_once_and_no_longer_when_it_is_removed(platform: Platform) -> None:
    app = platform.create({"index.html": "<h1>mine</h1>"})
    app.push()
    said = app.celadon("domains:add", "www.journey.example")
    assert f"Have DNS lead www.journey.example here: CNAME to {app.host}" in said
    app.celadon("domains:add", "*.journey.example")
    assert "www.journey.example" in app.celadon("domains")
    for host in ("www.journey.example", "any.journey.example", "WWW.journey.example:80"):
        wait_for(f"{host} answers", lambda host=host: "mine" in platform.request(host).text)  # type: ignore[misc]
    app.wait_for_log("app[api]: Add www.journey.example domain by user")
    app.celadon("domains:clear")
    wait_for("it leads nowhere", lambda: platform.request("www.journey.example").status == 404)
    assert "has no domain names" in app.celadon("domains")
