"""Single sign-on to add-ons: by a link that is good once, or by address and password; the provider can check the form."""

import hashlib
import html
import re
import time
from urllib.parse import urlencode, urlsplit

import pytest
from tests.api.examples_addons import acme
from tests.api.world import EMAIL, PASSWORD, Reply, World

from celadon.actions import addons, features, provisioning, scheduler_jobs
from celadon.model.addon import AddOn
from celadon.model.feature import PRIVATE_ACCOUNT


@pytest.fixture
def addon(world: World) -> AddOn:
    acme(world)
    made = addons.create(world.context, world.actor, "example", plan="acme-search").addon
    provisioning.provisioned(world.context, made.id, provider_id="p1", config={"ACME_URL": "https://x.example.com/"})
    return made


def _page(world: World, method: str, path: str, form: dict[str, str] | None = None) -> Reply:
    return world.call(method, path, token=None, content=urlencode(form).encode() if form else None)


def _form(page: Reply) -> tuple[str, dict[str, str]]:
    """Where the page sends what."""
    action = re.search(r'action="([^"]*)"', page.content.decode())
    assert action is not None, page.content.decode()
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.content.decode())
    return html.unescape(action[1]), {name: html.unescape(value) for name, value in found}


def _check(world: World, addon: AddOn, page: Reply) -> None:
    assert page.status == 200
    url, form = _form(page)
    assert url == "https://acme.example.com/sso"
    token = hashlib.sha1(f"{addon.id}:salt:{form['timestamp']}".encode()).hexdigest()
    assert (form["resource_id"], form["resource_token"]) == (addon.id, token)
    assert abs(int(form["timestamp"]) - time.time()) < 60
    assert (form["email"], form["app"], form["context_app"]) == (EMAIL, "example", "example")
    assert form["nav-data"] == ""
    assert "form-action 'self' https://acme.example.com" in page.headers["content-security-policy"]
    assert "/send.js" in page.content.decode() and "<script>" not in page.content.decode()


def test_a_link_signs_on_once(world: World, addon: AddOn) -> None:
    made = world.call("POST", f"/addons/{addon.name}/sign-ons", {})
    assert made.status == 201
    path = urlsplit(made.json["url"]).path
    _check(world, addon, _page(world, "GET", path))
    again = _page(world, "GET", path)
    assert again.status == 401 and "was used already" in again.content.decode()


def test_the_web_url_asks_who_it_is(world: World, addon: AddOn) -> None:
    url = world.get(f"/addons/{addon.name}").json["web_url"]
    (attachment,) = world.get("/apps/example/addon-attachments").json
    assert attachment["web_url"] == url
    path = urlsplit(url).path
    assert 'name="password"' in _page(world, "GET", path).content.decode()
    wrong = _page(world, "POST", path, {"email": EMAIL, "password": "wrong"})
    assert wrong.status == 401 and "resource_token" not in wrong.content.decode()
    _check(world, addon, _page(world, "POST", path, {"email": EMAIL, "password": PASSWORD}))


def test_a_private_account_is_told_to_nobody(world: World, addon: AddOn) -> None:
    features.update_of_account(world.context, world.actor, PRIVATE_ACCOUNT, True)
    refused = world.call("POST", f"/addons/{addon.name}/sign-ons", {})
    assert (refused.status, refused.json["id"]) == (403, "forbidden")
    path = urlsplit(world.get(f"/addons/{addon.name}").json["web_url"]).path
    page = _page(world, "POST", path, {"email": EMAIL, "password": PASSWORD})
    assert page.status == 403 and "resource_token" not in page.content.decode()


def test_a_stranger_opens_nothing(world: World, addon: AddOn) -> None:
    from celadon.actions import accounts

    accounts.create(world.context, world.actor, email="stranger@example.com", password=PASSWORD)
    path = urlsplit(world.get(f"/addons/{addon.name}").json["web_url"]).path
    page = _page(world, "POST", path, {"email": "stranger@example.com", "password": PASSWORD})
    assert page.status == 404 and "resource_token" not in page.content.decode()


def test_what_has_no_page_says_so(world: World) -> None:
    made = addons.create(world.context, world.actor, "example", plan="ssl").addon
    provisioning.provisioned(world.context, made.id, provider_id="p", config={})
    refused = world.call("POST", f"/addons/{made.name}/sign-ons", {})
    assert refused.status == 422 and "has no page to sign on to" in refused.json["message"]


def _scheduler(world: World) -> AddOn:
    made = addons.create(world.context, world.actor, "example", plan="scheduler").addon
    scheduler_jobs.provision(world.context, made.id, made.app_id)
    provisioning.provisioned(world.context, made.id, provider_id=made.id, config={})
    return made


def test_the_scheduler_opens_its_own_page(world: World) -> None:
    # No third party is told who somebody is.
    features.update_of_account(world.context, world.actor, PRIVATE_ACCOUNT, True)
    made = world.call("POST", f"/addons/{_scheduler(world).name}/sign-ons", {})
    assert made.status == 201
    path = urlsplit(made.json["url"]).path
    for _ in range(2):
        page = _page(world, "GET", path)
        assert page.status == 200 and "Every 10 minutes" in page.content.decode()


def test_the_web_url_of_the_scheduler_leads_to_its_page(world: World) -> None:
    url = world.get(f"/addons/{_scheduler(world).name}").json["web_url"]
    path = urlsplit(url).path
    assert 'name="password"' in _page(world, "GET", path).content.decode()
    assert _page(world, "POST", path, {"email": EMAIL, "password": "wrong"}).status == 401
    sent = _page(world, "POST", path, {"email": EMAIL, "password": PASSWORD})
    assert sent.status == 303
    page = _page(world, "GET", urlsplit(sent.headers["location"]).path)
    assert page.status == 200 and "Every 10 minutes" in page.content.decode()
