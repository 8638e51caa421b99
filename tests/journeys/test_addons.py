"""Add-ons of a third party on a whole platform: the sample provider's process, by our client and by Heroku's own."""

import html
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from celadon.addons import provider_port
from celadon.platform import settings
from tests import ports
from tests.addons import sample
from tests.addons.sample import Sample
from tests.journeys.conftest import App, Platform, wait_for
from tests.official_cli.client import Client

FILES = {"README.md": "nothing to run\n"}
EMAIL = "admin@localhost"


@pytest.fixture(scope="module")
def provider(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """Running, and offered by the platform."""
    directory = tmp_path_factory.mktemp("provider")
    # It is reached by its address, and reaches the platform over TLS with the platform's own authority.
    authority = directory / "ca.pem"
    authority.write_text(platform.celadon("platform:ca"))
    with sample.running(directory, {**platform.env, "SSL_CERT_FILE": str(authority)}) as found:
        added = platform.celadon("addons:providers:add", str(found.path))
        assert "Adding the provider of notes... done, 3 plans" in added
        yield found
        # The last add-ons went with their apps, which nobody waited for.
        wait_for(
            "it is offered no more", lambda: "done" in platform.celadon("addons:providers:remove", "notes", check=False)
        )


@pytest.fixture
def app(platform: Platform) -> Iterator[App]:
    """Nothing runs in it: config vars and the log are what add-ons need."""
    found = platform.create(FILES)
    yield found
    platform.celadon("apps:destroy", "--app", found.name, "--confirm", found.name)


def config(app: App) -> dict[str, str]:
    found: dict[str, str] = json.loads(app.celadon("config", "--json"))
    return found


def notes(url: str, note: str | None = None) -> list[str]:
    """What an app does with its config var: list the notes, or write one."""
    parts = urlsplit(url)
    manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
    where = parts._replace(netloc=f"{parts.hostname}:{parts.port}").geturl()
    manager.add_password(None, where, parts.username or "", parts.password or "", is_authenticated=True)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
    with opener.open(where, note.encode() if note else None, timeout=10) as answer:
        found: list[str] = json.loads(answer.read())
        return found


def signed_on(platform: Platform, url: str) -> str:
    """The page that a browser comes to from the link: the form of the platform's page, sent to the provider."""
    path = urlsplit(url).path
    page = platform.request("localhost", path)
    assert page.status == 200, page.text
    assert platform.request("localhost", path).status == 401, "a link is good once"
    action = html.unescape(re.findall(r'<form[^>]* action="([^"]+)"', page.text)[0])
    inputs = re.findall(r"<input[^>]*>", page.text)
    fields = {}
    for one in inputs:
        found = dict(re.findall(r'(name|value)="([^"]*)"', one))
        if "name" in found:
            fields[found["name"]] = html.unescape(found.get("value", ""))
    with urllib.request.urlopen(action, urllib.parse.urlencode(fields).encode(), timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_the_sample_provider_passes_the_checks(platform: Platform, provider: Sample) -> None:
    said = platform.celadon("addons:providers:test", str(provider.path))
    assert said.count("[ok]") > 5 and "FAIL" not in said


def test_the_providers_of_the_platform_pass_the_same_checks(platform: Platform, app: App) -> None:
    run = settings.load(platform.home).run
    # A platform is up when its API answers; the role that writes them, and listens then, may come later.
    wait_for("the providers listen", lambda: ports.listens(run / provider_port.SOCKET))
    manifests = run / provider_port.MANIFESTS
    assert len(list(manifests.glob("*.json"))) == 5
    options = ["--", "--app", app.name, "--url", "https://example.com/hook"]
    for service, given in (("heroku-redis", []), ("scheduler", options[:3]), ("deployhooks", options)):
        said = platform.celadon("addons:providers:test", str(manifests / f"{service}.json"), *given)
        assert said.count("[ok]") > 9 and "FAIL" not in said
    assert "No add-ons" in app.celadon("addons")


def test_an_addon_from_its_making_to_its_end(platform: Platform, provider: Sample, app: App) -> None:
    made = app.celadon("addons:create", "notes:free", "--name", f"{app.name}-n")
    assert re.search(rf"Creating notes:free on {app.name}\.\.\. free", made), made
    assert "Your notes are ready" in made
    assert "Created" in made and "as NOTES_URL" in made
    url = config(app)["NOTES_URL"]
    assert notes(url, "first") == ["first"]
    app.wait_for_log("[notes]: a note was written")

    upgraded = app.celadon("addons:upgrade", f"{app.name}-n", "notes:basic")
    assert "Up to 1000 notes from now on" in upgraded
    assert "notes:basic" in app.celadon("addons:info", "NOTES")
    app.wait_for_log("has the plan basic now")

    page = signed_on(platform, app.celadon("addons:open", "NOTES", "--show-url").strip())
    assert f"Notes of {app.name}-n" in page and f"Signed on as {EMAIL}, plan basic" in page and "<li>first</li>" in page

    assert "done" in app.celadon("addons:destroy", "NOTES", "--confirm", app.name, "--wait")
    assert config(app) == {}
    with pytest.raises(OSError, match="401"):
        notes(url)


def test_an_addon_that_its_provider_makes_in_the_background(provider: Sample, app: App) -> None:
    made = app.celadon("addons:create", "notes:slow", "--wait")
    assert "Your notes are being made" in made
    info: dict[str, Any] = json.loads(app.celadon("addons:info", "notes", "--json"))
    assert info["state"] == "provisioned"
    assert notes(config(app)["NOTES_URL"]) == []
    app.wait_for_log(f"{info['name']} is ready")


def test_an_addon_of_two_apps(platform: Platform, provider: Sample, app: App) -> None:
    app.celadon("addons:create", "notes", "--name", f"{app.name}-n")
    second = platform.create(FILES)
    assert "done" in second.celadon("addons:attach", f"{app.name}-n", "--as", "MEMO")
    assert config(second) == {"MEMO_URL": config(app)["NOTES_URL"]}
    assert f"as MEMO on {second.name} app" in app.celadon("addons")
    refused = app.celadon("addons:destroy", f"{app.name}-n", "--confirm", app.name, check=False)
    assert second.name in refused, refused
    assert "done" in second.celadon("addons:detach", "MEMO")
    assert config(second) == {}
    app.celadon("addons:destroy", f"{app.name}-n", "--confirm", app.name, "--wait")
    assert f"No add-ons for app {app.name}." in app.celadon("addons")
    platform.celadon("apps:destroy", "--app", second.name, "--confirm", second.name)


def test_a_provider_that_refuses(provider: Sample, app: App) -> None:
    app.celadon("addons:create", "notes:basic")
    url = config(app)["NOTES_URL"]
    for number in range(11):
        notes(url, str(number))
    refused = app.celadon("addons:upgrade", "notes", "notes:free", check=False)
    assert "there are more notes than the 10 of free" in refused
    assert "notes:basic" in app.celadon("addons:info", "notes")


@pytest.fixture(scope="module")
def heroku(platform: Platform, new_client: Callable[[Path], Client], password: str) -> Client:
    """Heroku's own client, logged in."""
    found = new_client(platform.directory)
    found.log_in(EMAIL, password)
    return found


def test_the_official_client_from_creation_to_destruction(provider: Sample, app: App, heroku: Client) -> None:
    on, name = ("--app", app.name), f"{app.name}-n"
    assert re.search(r"^ *notes +Notes +ga *$", heroku("addons:services"), re.MULTILINE)
    plans = heroku("addons:plans", "notes")
    assert re.search(r"default +notes:free +Free +free +free", plans)
    assert re.search(r"notes:basic +Basic +~\$0\.007/hour +\$5/month", plans)
    made = heroku("addons:create", "notes:basic", "--name", name, "--as", "MEMO", *on)
    assert f"Creating notes:basic on {app.name}... ~$0.007/hour (max $5/month)" in made.replace("⬢ ", "")
    assert f"Your notes are ready\nCreated {name} as MEMO_URL\n" in made
    listed = heroku("addons", *on)
    assert re.search(rf"notes \({name}\) +basic +~\$0\.007/hour +\$5/month +created", listed)
    assert "└─ as MEMO" in listed
    info = heroku("addons:info", "MEMO", *on)
    for line in ("Plan: +notes:basic", r"Price: +~\$0\.007/hour", r"Max Price: +\$5/month", "State: +created"):
        assert re.search(rf"^{line}$", info, re.MULTILINE), info
    assert f"{app.name}::MEMO" in info
    changed = heroku("addons:downgrade", name, "notes:free", *on)
    assert "from notes:basic to notes:free... done, free" in changed and "Up to 10 notes from now on" in changed
    assert "to notes:basic... done, ~$0.007/hour (max $5/month)" in heroku("addons:upgrade", name, "notes:basic", *on)
    assert f"{name} successfully renamed to {name}2." in heroku("addons:rename", name, f"{name}2")
    assert "https://devcenter.heroku.com/articles/notes" in heroku("addons:docs", "notes", "--show-url")
    opened = heroku("addons:open", "MEMO", "--show-url", *on)
    assert re.search(r"https://localhost:\d+/sso/apps/[0-9a-f-]+/addons/[0-9a-f-]+", opened), opened
    gone = heroku("addons:destroy", f"{name}2", "--confirm", app.name, *on)
    assert f"Destroying {name}2 on {app.name}... done" in gone.replace("⬢ ", "")
    assert f"No add-ons for app {app.name}." in heroku("addons", *on).replace("⬢ ", "")


def test_the_official_client_waits_for_what_takes_time(provider: Sample, app: App, heroku: Client) -> None:
    on = ("--app", app.name)
    made = heroku("addons:create", "notes:slow", "--name", f"{app.name}-s", *on)
    assert "Your notes are being made" in made
    heroku("addons:wait", f"{app.name}-s", *on)
    assert re.search(r"^State: +created$", heroku("addons:info", f"{app.name}-s", *on), re.MULTILINE)
    assert notes(config(app)["NOTES_URL"]) == []


def test_the_official_client_attaches_and_detaches(
    platform: Platform, provider: Sample, app: App, heroku: Client
) -> None:
    heroku("addons:create", "notes", "--name", f"{app.name}-n", "--app", app.name)
    second = platform.create(FILES)
    on = ("--app", second.name)
    attached = heroku("addons:attach", f"{app.name}-n", "--as", "MEMO", *on).replace("⬢ ", "")
    assert f"Attaching {app.name}-n as MEMO to {second.name}... done" in attached
    assert config(second) == {"MEMO_URL": config(app)["NOTES_URL"]}
    assert re.search(rf"notes \({app.name}-n\) +free +\(billed to {app.name} app\)", heroku("addons", *on))
    refused = heroku("addons:destroy", f"{app.name}-n", "--confirm", app.name, "--app", app.name, status=1)
    assert "has it attached as well" in refused
    detached = heroku("addons:detach", "MEMO", *on).replace("⬢ ", "")
    assert f"Detaching MEMO to {app.name}-n from {second.name}... done" in detached
    assert config(second) == {}
    platform.celadon("apps:destroy", *on, "--confirm", second.name)


def test_where_a_service_is_not_offered_it_is_refused(
    platform: Platform, provider: Sample, app: App, heroku: Client, tmp_path: Path
) -> None:
    far = {**provider.manifest, "id": "notes-far", "api": {**provider.manifest["api"], "regions": ["eu"]}}
    path = tmp_path / "far.json"
    path.write_text(json.dumps(far))
    platform.celadon("addons:providers:add", str(path))
    try:
        said = heroku("addons:create", "notes-far:free", "--app", app.name, status=2)
        assert f"cannot add notes-far to {app.name}: it is not offered in the region us, only in eu" in " ".join(
            said.replace(" ›   ", " ").split()
        )
        assert "notes-far" in platform.celadon("addons:services")
        assert "notes-far" not in platform.celadon("addons:services", "--region", "us")
    finally:
        platform.celadon("addons:providers:remove", "notes-far")
