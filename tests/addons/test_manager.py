"""The manager against a real provider that does everything providers do, and against death."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests import stores
from tests.addons import partner as partners
from tests.addons.partner import Asked, Partner, Said, dies, ok, status, text

from celadon.actions import accounts, addon_services, addons, apps, config_vars, context, provisioning
from celadon.actions import oauth_tokens as tokens
from celadon.actions.context import Context, now
from celadon.addons.accepted import Accepted
from celadon.addons.http import HttpProvider
from celadon.addons.manager import Manager
from celadon.addons.provider import Provided, Provider, ProviderFailed, ProviderRefused, Wanted
from celadon.addons.services import Providers
from celadon.api.application import Api
from celadon.api.role import ROUTES
from celadon.model import addon as rules
from celadon.model.account import Actor
from celadon.model.addon import BACKOFF, GIVE_UP_AFTER, AddOn, AddOnState
from celadon.platform.settings import Settings
from celadon.store import addon_services as stored_services
from celadon.store import addons as stored

SECRET = "known to both sides"


@pytest.fixture(scope="module")
def partner() -> Iterator[Partner]:
    with partners.running() as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(partner: Partner) -> None:
    partner.say, partner.asked, partner.made, partner.most_at_once = [], [], {}, 0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Context]:
    settings = Settings(home=tmp_path, private_destinations="127.0.0.0/8")
    stores.make(settings)
    opened = context.connect(settings)
    yield opened
    opened.database.close()


@pytest.fixture
def owner(world: Context, partner: Partner) -> Actor:
    actor = Actor(account=accounts.create_operator(world.database, email="a@b", password="long enough"))
    apps.create(world, actor, name="hello")
    offer(world, actor, partner.url)
    return actor


def offer(world: Context, actor: Actor, base_url: str) -> None:
    manifest = {
        "id": "acme-search",
        "name": "Acme",
        "api": {"config_vars_prefix": "ACME", "password": SECRET, "production": {"base_url": base_url}},
        "plans": [{"name": "free"}, {"name": "gold", "cents": 100}],
    }
    addon_services.register(world, actor, manifest)


class Own:
    """A provider in the platform: answers with `said`, or raises it."""

    def __init__(
        self, said: Callable[[], Provided] | None = None, removed: Callable[[], object] = lambda: None
    ) -> None:
        self.said = said or (lambda: Provided(provider_id="own", config={"REDIS_URL": "redis://1"}))
        self.removed = removed
        self.asked: list[str] = []

    def provision(self, wanted: Wanted) -> Provided:
        self.asked.append(wanted.addon_id)
        return self.said()

    def change_plan(self, addon_id: str, provider_id: str, plan: str) -> Provided:
        return Provided(provider_id=provider_id, config=None)

    def deprovision(self, addon_id: str, provider_id: str | None) -> None:
        self.asked.append(addon_id)
        self.removed()


def manager(world: Context, **own: Provider) -> Manager:
    return Manager(world, Providers(world, {name.replace("_", "-"): one for name, one in own.items()}))


def ask(world: Context, owner: Actor, plan: str = "acme-search", **options: Any) -> AddOn:
    return addons.create(world, owner, "hello", plan=plan, **options).addon


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.005)


def round_of(manager: Manager) -> int:
    """Ask for what is due, and wait for what is answered."""
    begun = manager.ensure()
    until(lambda: manager.busy() == 0)
    return begun


def now_of(world: Context, addon: AddOn) -> AddOn:
    found = provisioning.find(world, addon.id)
    assert found is not None
    return found


def retry_now(world: Context, addon: AddOn) -> None:
    with world.database.transaction() as tx:
        stored.update(tx, addon.id, now=now(), retry_at=None)


def test_a_provider_makes_moves_and_removes_an_addon(world: Context, owner: Actor, partner: Partner) -> None:
    addon = ask(world, owner, options={"size": "3"})
    asking = manager(world)
    assert round_of(asking) == 1
    (asked,) = partner.asked
    assert (asked.method, asked.path) == ("POST", "/heroku/resources")
    assert asked.accept == "application/vnd.heroku-addons+json; version=3"
    assert base64.b64decode(asked.authorization.removeprefix("Basic ")).decode() == f"acme-search:{SECRET}"
    wanted = {"uuid": addon.id, "name": addon.name, "plan": "free", "options": {"size": "3"}}
    assert {name: asked.body[name] for name in wanted} == wanted
    assert asked.body["region"] == "amazon-web-services::us-east-1"
    assert asked.body["callback_url"].endswith(f"/addons/{addon.id}")
    assert config_vars.find(world, owner, "hello") == {"ACME_URL": f"https://acme/{addon.id}"}
    assert (now_of(world, addon).message, round_of(asking)) == ("welcome", 0)
    addons.change_plan(world, owner, addon.name, "gold")
    round_of(asking)
    assert partner.made[addon.id]["plan"] == "gold"
    assert config_vars.find(world, owner, "hello") == {"ACME_URL": f"https://acme/{addon.id}/gold"}
    addons.destroy(world, owner, addon.name)
    round_of(asking)
    assert (partner.made, now_of(world, addon).state) == ({}, "deprovisioned")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (status(500), "status 500"),
        (status(401), "status 401"),
        (status(302), "status 302"),
        (text(b"<html>"), "not JSON"),
        (text(b"[" * 100_000), "not JSON"),
        (text(b"[]"), "not a JSON object"),
        (text(b'{"config": {}}'), "without the `id`"),
        (text(b'{"id": "1", "config": {"ACME_URL": 3}}'), "not names with texts"),
        (text(b'{"id": "1", "config": {"PATH": "/"}}'), "does not begin with ACME"),
        (text(b'{"id": "1", "config": {"ACME_A\\u0000": "/"}}'), "cannot set config var"),
        (text(b'{"id": "1", "config": {"ACME": "\\ud800"}}'), "not valid Unicode"),
        (text(b" " * 300_000), "AnswerTooLong"),
        (dies, "IncompleteRead"),
    ],
)
def test_what_is_no_answer_is_asked_again(
    world: Context,
    owner: Actor,
    partner: Partner,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    said: Callable[[Asked], Said | None],
    message: str,
) -> None:
    caplog.set_level("INFO")
    # A slow disk writes down that it failed for longer than the second after which it would be asked again.
    monkeypatch.setattr(rules, "BACKOFF", (600,))
    partner.say = [said, partner.provide]
    addon, asking = ask(world, owner), manager(world)
    round_of(asking)
    found = now_of(world, addon)
    assert (found.state, found.failures, found.retry_at is not None) == ("provisioning", 1, True)
    assert message in caplog.text
    assert (config_vars.find(world, owner, "hello"), round_of(asking)) == ({}, 0)
    retry_now(world, addon)
    round_of(asking)
    assert now_of(world, addon).state == "provisioned"
    assert [one.body["uuid"] for one in partner.asked] == [addon.id] * 2
    assert SECRET not in caplog.text


def test_a_refusal_is_final_and_says_why(world: Context, owner: Actor, partner: Partner) -> None:
    partner.say = [status(422, "no animals today")]
    addon = ask(world, owner)
    round_of(manager(world))
    assert (now_of(world, addon).state, now_of(world, addon).message) == ("deprovisioned", "no animals today")
    partner.say = []
    moved = ask(world, owner)
    round_of(manager(world))
    partner.say = [status(422, "too small")]
    addons.change_plan(world, owner, moved.name, "gold")
    round_of(manager(world))
    found = now_of(world, moved)
    assert (found.state, found.plan, found.plan_wanted, found.message) == ("provisioned", "free", None, "too small")
    addons.destroy(world, owner, moved.name)
    round_of(manager(world))
    assert now_of(world, moved).state == "deprovisioning", "a removal cannot be refused"
    partner.say = []
    retry_now(world, moved)
    round_of(manager(world))
    assert now_of(world, moved).state == "deprovisioned"


def test_one_that_says_nothing_is_left_after_some_seconds(world: Context, owner: Actor, partner: Partner) -> None:
    release = threading.Event()

    def wait(asked: Asked) -> Said:
        release.wait(120)
        return partner.provide(asked)

    partner.say = [wait]
    with world.database.read() as tx:
        known = stored_services.credentials(tx, "acme-search")
    assert known is not None
    wanted = Wanted(addon_id="a", name="a", plan="free", region="us", app_id="b", app_name="b")
    with pytest.raises(ProviderFailed, match="TimeoutError"):
        HttpProvider(world, known, seconds=0.2).provision(wanted)
    release.set()


def test_a_provider_inside_the_platform_is_not_asked(world: Context, owner: Actor, partner: Partner) -> None:
    addon = ask(world, owner)
    closed = replace(world, settings=replace(world.settings, private_destinations="none"))
    round_of(manager(closed))
    assert (partner.asked, now_of(world, addon).failures) == ([], 1)


def test_a_slow_or_broken_provider_keeps_nobody_else_from_anything(
    world: Context, owner: Actor, partner: Partner
) -> None:
    release = threading.Event()

    def wait(asked: Asked) -> Said:
        release.wait(120)
        return partner.provide(asked)

    partner.say = [wait]
    slow = [ask(world, owner) for _ in range(12)]

    def break_down() -> Provided:
        raise RuntimeError("broken")

    broken, own = Own(break_down), Own()
    asking = manager(world, memcachier=broken, heroku_redis=own)
    failing, quick = ask(world, owner, "memcachier"), ask(world, owner, "heroku-redis")
    asking.ensure()
    until(lambda: now_of(world, quick).state == "provisioned")
    until(lambda: now_of(world, failing).failures == 1)
    assert all(now_of(world, one).state == "provisioning" for one in slow)
    asking.ensure()
    assert partner.most_at_once <= 8
    release.set()
    # What has no room yet is begun by the look after the others have ended.
    until(lambda: asking.ensure() == 0 and asking.busy() == 0 and asking.ensure() == 0)
    assert all(now_of(world, one).state == "provisioned" for one in slow)
    assert len(partner.asked) == 12, "each was asked for once, however often somebody looked"


def test_calls_of_one_addon_never_overlap(world: Context, owner: Actor, partner: Partner) -> None:
    release = threading.Event()

    def wait(asked: Asked) -> Said:
        release.wait(120)
        return partner.provide(asked)

    partner.say = [wait, partner.provide]
    addon, asking = ask(world, owner), manager(world)
    asking.ensure()
    until(lambda: partner.methods() == ["POST"])
    addons.destroy(world, owner, addon.name)
    assert asking.ensure() == 0
    release.set()
    until(lambda: asking.busy() == 0)
    assert config_vars.find(world, owner, "hello") == {}
    round_of(asking)
    assert (partner.methods(), partner.made) == (["POST", "DELETE"], {})
    assert now_of(world, addon).state == "deprovisioned"


def test_a_manager_that_dies_is_followed_by_one_that_asks_again(world: Context, owner: Actor, partner: Partner) -> None:
    release = threading.Event()

    def wait(asked: Asked) -> Said:
        # It makes it, and nobody is there to hear so.
        said = partner.provide(asked)
        release.wait(120)
        return said

    partner.say = [wait, partner.provide]
    addon = ask(world, owner)
    dead = manager(world)
    dead.ensure()
    until(lambda: addon.id in partner.made)
    follower = manager(world)
    round_of(follower)
    assert now_of(world, addon).state == "provisioned"
    assert [one.body["uuid"] for one in partner.asked] == [addon.id] * 2
    before = config_vars.find(world, owner, "hello")
    release.set()
    until(lambda: dead.busy() == 0)
    assert config_vars.find(world, owner, "hello") == before, "what the dead one had asked changes nothing"
    addons.destroy(world, owner, addon.name)
    partner.made.clear()
    round_of(manager(world))
    assert now_of(world, addon).state == "deprovisioned", "410: it had been removed before the crash"


def test_what_nobody_provides_is_given_up_after_a_day(world: Context, owner: Actor) -> None:
    addon, asking = ask(world, owner, "memcachier"), manager(world)
    round_of(asking)
    for _ in range(2):
        with world.database.transaction() as tx:
            stored.update(tx, addon.id, now=now(), begun_at=now() - GIVE_UP_AFTER, retry_at=None)
        round_of(asking)
    found = now_of(world, addon)
    assert found.state is AddOnState.DEPROVISIONED
    assert found.message == "given up after a day: there is no provider of memcachier on this platform"


def test_what_the_platform_has_made_it_removes_however_long_that_takes(
    world: Context, owner: Actor, partner: Partner
) -> None:
    def stuck() -> None:
        raise ProviderFailed("its server does not answer")

    own = Own(removed=stuck)
    asking = manager(world, heroku_redis=own)
    mine, theirs = ask(world, owner, "heroku-redis"), ask(world, owner)
    round_of(asking)
    addons.destroy(world, owner, mine.name)
    addons.destroy(world, owner, theirs.name)
    partner.say = [status(500)] * 3
    for addon in (mine, theirs):
        with world.database.transaction() as tx:
            stored.update(tx, addon.id, now=now(), begun_at=now() - GIVE_UP_AFTER, failures=20)
    round_of(asking)
    assert now_of(world, theirs).state is AddOnState.DEPROVISIONED, "nobody asks a third party for ever"
    found = now_of(world, mine)
    assert (found.state, found.failures) == (AddOnState.DEPROVISIONING, 21)
    assert found.retry_at is not None
    assert found.retry_at - now() > timedelta(seconds=BACKOFF[-1] - 60)
    own.removed = lambda: None
    retry_now(world, mine)
    round_of(asking)
    assert now_of(world, mine).state is AddOnState.DEPROVISIONED


def test_a_refusal_within_the_platform_is_one_as_well(world: Context, owner: Actor) -> None:
    def refuse() -> Provided:
        raise ProviderRefused("no version 3 any more")

    addon = ask(world, owner, "heroku-redis")
    round_of(manager(world, heroku_redis=Own(refuse)))
    assert now_of(world, addon).message == "no version 3 any more"


@pytest.mark.parametrize("plan", ["ssl:endpoint", "logging:basic", "logging:expanded"])
def test_what_is_not_needed_is_accepted(world: Context, owner: Actor, plan: str) -> None:
    addon = ask(world, owner, plan)
    round_of(manager(world, **{plan.partition(":")[0]: Accepted("not needed")}))
    assert (now_of(world, addon).state, now_of(world, addon).message) == ("provisioned", "not needed")
    assert config_vars.find(world, owner, "hello") == {}


def test_an_asynchronous_provider_says_when_it_is_done(world: Context, owner: Actor, partner: Partner) -> None:
    from tests.api.world import World

    partner.say = [lambda asked: ok({"id": asked.body["uuid"], "message": "soon"}, 202)]
    addon = ask(world, owner)
    round_of(manager(world))
    assert (now_of(world, addon).awaited, now_of(world, addon).message) == (True, "soon")
    code = partner.asked[0].body["oauth_grant"]["code"]
    api = Api(world, ROUTES)
    stranger = World(context=world, api=api, actor=owner, token="")
    form = f"grant_type=authorization_code&code={code}&client_secret={{}}"
    content = form.format("wrong").encode()
    assert stranger.call("POST", "/oauth/token", token=None, content=content).status == 401
    content = form.format(SECRET.replace(" ", "+")).encode()
    told = stranger.call("POST", "/oauth/token", token=None, content=content).json
    provider = replace(stranger, token=told["access_token"])
    path = f"/addons/{addon.id}"
    body = {"config": [{"name": "ACME_URL", "value": "https://later"}, {"name": "ACME_KEY", "value": "1"}]}
    assert provider.call("PATCH", f"{path}/config", body).status == 200
    assert config_vars.find(world, owner, "hello") == {}
    assert provider.call("POST", f"{path}/actions/provision").json["state"] == "provisioned"
    assert config_vars.find(world, owner, "hello") == {"ACME_KEY": "1", "ACME_URL": "https://later"}
    body = {"config": [{"name": "ACME_KEY", "value": None}]}
    assert provider.call("PATCH", f"{path}/config", body).json == [{"name": "ACME_URL", "value": "https://later"}]
    assert config_vars.find(world, owner, "hello") == {"ACME_URL": "https://later"}
    # Its token is good for this add-on and nothing else.
    for method, elsewhere in (
        ("GET", "/apps/hello"),
        ("GET", "/account"),
        ("GET", "/addons"),
        ("DELETE", "/apps/hello"),
    ):
        assert provider.call(method, elsewhere).status in (403, 404), elsewhere
    other = ask(world, owner)
    assert provider.call("PATCH", f"/addons/{other.id}/config", body).status in (403, 404)
    again = tokens.refresh(world, token=told["refresh_token"], secret=SECRET, address=None)
    assert again.access_token != told["access_token"]
