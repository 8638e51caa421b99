"""A static site."""

from tests.journeys.conftest import EXAMPLES, Platform


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
