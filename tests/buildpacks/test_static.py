import json
import shutil
from pathlib import Path

import pytest
from tests.buildpacks import stack

EXAMPLE = Path(__file__).parents[2] / "examples" / "static-site"
SERVE = ".heroku/static/serve"


@pytest.mark.parametrize(("file", "name"), [("index.html", "Static"), ("static.json", "Static"), ("page.html", None)])
def test_detects_an_index_or_a_configuration(app: stack.App, file: str, name: str | None) -> None:
    app.write({file: "{}"})
    assert app.detect("static") == name


def test_the_example_is_served_with_clean_addresses_headers_and_its_error_page(app: stack.App) -> None:
    shutil.copytree(EXAMPLE, app.source, dirs_exist_ok=True)
    built = app.compile("static")
    assert built.status == 0, built.output
    assert built.output == "-----> Serving public with nginx\n"
    assert f"  web: {SERVE}\n" in app.release("static")
    with app.serve(SERVE) as url:
        status, page, headers = stack.get(url)
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "A static site" in page
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "About" in stack.get(f"{url}/about")[1]
        assert stack.get(f"{url}/style.css")[2]["Cache-Control"] == "public, max-age=3600"
        status, page, _ = stack.get(f"{url}/nothing/here")
        assert status == 404
        assert "There is no such page" in page


def test_what_is_no_page_is_not_served(app: stack.App) -> None:
    hidden = {".env": "SECRET=1", "static.json": "{}", "Procfile": "web: x", ".git/config": ""}
    app.write({"index.html": "here", ".well-known/security.txt": "ok", **hidden})
    assert app.compile("static").status == 0
    with app.serve(SERVE) as url:
        assert stack.get(url)[1] == "here"
        assert stack.get(f"{url}/.well-known/security.txt")[0] == 200
        assert {name: stack.get(f"{url}/{name}")[0] for name in hidden} == dict.fromkeys(hidden, 404)
        assert stack.get(f"{url}/.heroku/static/nginx.conf")[0] == 404


def test_routes_and_https_only(app: stack.App) -> None:
    settings = {
        "root": "dist/",
        "https_only": True,
        "routes": {"/api/*.json": "api.json", "/**": "index.html"},
        "headers": {"/api/**": {"X-Kind": 'a "b"; c'}},
    }
    app.write({"static.json": json.dumps(settings), "dist/index.html": "one page", "dist/api.json": "[]"})
    built = app.compile("static")
    assert built.status == 0, built.output
    with app.serve(SERVE) as url:
        assert stack.get(f"{url}/any/where")[:2] == (200, "one page")
        assert stack.get(f"{url}/api/things.json")[:2] == (200, "[]")
        assert stack.get(f"{url}/api/deeper/things.json")[1] == "one page"
        assert stack.get(f"{url}/api/deeper/things.json")[2]["X-Kind"] == 'a "b"; c'
        assert stack.get(f"{url}/x", **{"X-Forwarded-Proto": "https"})[0] == 200
        with pytest.raises(OSError, match="urlopen error"):
            stack.get(f"{url}/x", **{"X-Forwarded-Proto": "http"})


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("{", "cannot read static.json: "),
        ("[]", "it is not an object"),
        ('{"root": "../.."}', "there is no such folder in the app"),
        ('{"root": "missing"}', "there is no such folder in the app"),
        ('{"routes": {"/**": 1}}', "routes has 1, which is not a text"),
        ('{"error_page": "$uri"}', "it has a $"),
        ('{"headers": {"/**": {"X": "a\\n}"}}}', "cannot use "),
    ],
)
def test_a_wrong_configuration_fails_the_build_and_says_why(app: stack.App, settings: str, complaint: str) -> None:
    app.write({"index.html": "", "static.json": settings})
    built = app.compile("static")
    assert built.status == 1
    assert complaint in built.output
