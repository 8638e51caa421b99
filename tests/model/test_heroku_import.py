"""From what an API said of an app to a plan: the table of cases, and what holds for any app and any answer."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celadon.model import heroku_app, heroku_import
from celadon.model.errors import InvalidParams
from celadon.model.heroku_app import AddOn, Coupling, HerokuApp, Process
from celadon.model.heroku_plan import Offer, Outcome, Part, Step

OFFER = Offer(account="ada@example.com", regions=frozenset({"us"}), sizes={"1X": 0.5, "2X": 1.0, "PX": 6.0})


def an_app(**values: Any) -> HerokuApp:
    plain: dict[str, Any] = dict.fromkeys(("team", "language", "git_url", "stack"), "")
    plain |= {"id": "there", "name": "shop", "owner": "ada@example.com", "region": "us"}
    return HerokuApp(**{**plain, "maintenance": False, "acm": False, "released": False, **values})


def plan(source: HerokuApp, here: HerokuApp | None = None, offer: Offer = OFFER, **options: bool) -> list[Step]:
    return heroku_import.plan(source, "shop", here, offer, **options)


def of(steps: list[Step], part: Part) -> list[tuple[Outcome, str]]:
    return [(step.outcome, step.what) for step in steps if step.part is part]


def bodies(steps: list[Step]) -> list[Any]:
    return [request.body for step in steps for request in step.requests]


def an_addon(service: str, plan: str = "", *names: str, elsewhere: str = "") -> AddOn:
    return AddOn(name="an-addon-1", service=service, plan=plan, config_vars=frozenset(names), elsewhere=elsewhere)


@pytest.mark.parametrize(
    ("name", "there", "size", "note"),
    [
        ("Standard-1X", {}, "1X", ""),
        ("2x", {}, "2X", ""),
        ("Performance-M", {"Performance-M": 2.5}, "PX", ""),
        ("Performance-L", {"Performance-L": 14.0}, "PX", "Performance-L has 14 GB there, PX has 6 GB"),
        ("Odd", {"Odd": 0.75}, "2X", ""),
        ("Odd", {"odd": 64.0}, "PX", "Odd has 64 GB there, PX has 6 GB"),
        ("Odd", {}, "", "there is no size Odd here, it gets the default"),
        ("", {}, "", ""),
    ],
)
def test_the_size_here_is_that_of_the_name_or_has_the_memory(
    name: str, there: dict[str, float], size: str, note: str
) -> None:
    assert heroku_import.size_here(name, there, OFFER.sizes) == (size, note)


def test_only_what_runs_is_scaled_and_web() -> None:
    formation = (
        Process(type="web", quantity=0, size="Basic"),
        Process(type="clock", quantity=0, size="Basic"),
        Process(type="worker", quantity=3, size="Standard-2X"),
    )
    steps = plan(an_app(formation=formation))
    assert of(steps, Part.FORMATION) == [(Outcome.BY_HAND, "scale to web=0:1X worker=3:2X")]
    scaled = (Process(type="web", quantity=0, size="1X"), Process(type="worker", quantity=3, size="2X"))
    same = plan(an_app(formation=formation), an_app(id="here", formation=scaled))
    assert of(same, Part.FORMATION) == [(Outcome.SAME, "web=0:1X worker=3:2X")]


def test_a_region_that_is_not_here_is_not_asked_for() -> None:
    (app,) = [step for step in plan(an_app(region="tokyo")) if step.part is Part.APP]
    assert app.requests[0].body == {"name": "shop"}
    assert "no tokyo here" in app.why


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"stack": "container"}, (Outcome.BY_HAND, "stack container")),
        ({"stack": "heroku-24"}, (Outcome.LEFT_OUT, "stack heroku-24")),
        ({"team": "acme"}, (Outcome.LEFT_OUT, "team acme")),
        ({"owner": "grace@example.com"}, (Outcome.LEFT_OUT, "owner grace@example.com")),
        ({"maintenance": True}, (Outcome.BY_HAND, "maintenance mode")),
    ],
)
def test_what_an_app_cannot_bring_is_said(values: dict[str, Any], what: tuple[Outcome, str]) -> None:
    assert of(plan(an_app(**values)), Part.APP)[1:] == [what]


def test_config_that_is_too_large_is_tried_and_said() -> None:
    (step,) = [step for step in plan(an_app(config={"A": "x" * 70_000})) if step.part is Part.CONFIG]
    assert step.outcome is Outcome.DO
    assert "the platform refuses it unless its limit is higher" in step.why


@pytest.mark.parametrize(
    ("addon", "offered", "outcome", "text"),
    [
        (an_addon("ssl"), {}, Outcome.LEFT_OUT, "certificates need no add-on here"),
        (an_addon("rediscloud", "30", "REDISCLOUD_URL"), {}, Outcome.BY_HAND, "offers no heroku-redis yet; it gives"),
        (an_addon("unheard-of", "x", "A"), {}, Outcome.BY_HAND, "and set A; --with-addon-config copies it"),
        (an_addon("", elsewhere="other"), {}, Outcome.BY_HAND, "an add-on of other: import that app as well"),
        (
            an_addon("heroku-postgresql", "standard-9"),
            {"heroku-postgresql": {"mini"}},
            Outcome.BY_HAND,
            "but with mini",
        ),
    ],
)
def test_what_becomes_of_an_addon(addon: AddOn, offered: dict[str, Any], outcome: Outcome, text: str) -> None:
    steps = plan(an_app(addons=(addon,), config={"A": "1"}), None, dataclasses.replace(OFFER, services=offered))
    (step,) = [step for step in steps if step.part is Part.ADDONS]
    assert step.outcome is outcome
    assert text in step.why


@pytest.mark.parametrize(
    ("plan_there", "command"),
    [("essential-0", "mini"), ("hobby-basic", "basic"), ("standard-0", "standard-0"), ("private-3", "premium-3")],
)
def test_a_database_gets_the_nearest_plan_and_the_way_to_move_its_data(plan_there: str, command: str) -> None:
    offer = dataclasses.replace(OFFER, services={"heroku-postgresql": frozenset()})
    steps = plan(an_app(addons=(an_addon("heroku-postgresql", plan_there),)), None, offer)
    (step,) = [step for step in steps if step.part is Part.ADDONS]
    assert step.commands[0] == f"celadon addons:create heroku-postgresql:{command} --app shop"
    assert step.commands[1].startswith("pg_dump ")


def test_another_pipeline_here_stays() -> None:
    source = an_app(coupling=Coupling(pipeline="shops", stage="production"))
    steps = plan(source, an_app(id="here", coupling=Coupling(pipeline="mine", stage="staging")))
    assert of(steps, Part.PIPELINE) == [(Outcome.BY_HAND, "production of shops")]


# What holds for any app.

NAMES = st.from_regex(r"[A-Z_]{1,6}", fullmatch=True)
VALUES = st.text(max_size=8).map(lambda text: f"secret{text}")
APPS = st.builds(
    an_app,
    config=st.dictionaries(NAMES, VALUES, max_size=4),
    formation=st.lists(
        st.builds(Process, type=st.sampled_from(("web", "worker")), quantity=st.integers(0, 3), size=st.just("1X")),
        unique_by=lambda process: process.type,
    ).map(tuple),
    domains=st.lists(st.sampled_from(("a.example.com", "*.example.com", "-")), unique=True).map(tuple),
    buildpacks=st.lists(st.sampled_from(("heroku/python", "https://x.example/y")), unique=True).map(tuple),
    addons=st.lists(st.builds(an_addon, st.sampled_from(("heroku-redis", "odd")), st.just("p"), NAMES), max_size=1).map(
        tuple
    ),
    collaborators=st.lists(st.sampled_from(("g@example.com", "ada@example.com")), unique=True).map(tuple),
    features=st.dictionaries(st.sampled_from(("preboot", "log-runtime-metrics", "odd")), st.booleans()),
    coupling=st.none() | st.builds(Coupling, pipeline=st.sampled_from(("p", "q")), stage=st.just("staging")),
    drains=st.lists(st.sampled_from(("https://h/secret", "syslog://h:1", "x")), unique=True).map(tuple),
    acm=st.booleans(),
    maintenance=st.booleans(),
)


@given(APPS, APPS, st.booleans())
def test_nothing_that_is_here_is_replaced(source: HerokuApp, here: HerokuApp, asked: bool) -> None:
    here = dataclasses.replace(here, id="here")
    steps = plan(source, here, with_addon_config=asked)
    for step in steps:
        for request in step.requests:
            if request.path.endswith("/config-vars"):
                assert not set(request.body) & set(here.config)
            if request.path.endswith("/buildpack-installations"):
                assert here.buildpacks == ()
            if request.path.endswith("/pipeline-couplings"):
                assert here.coupling is None
    assert not any(request.method == "DELETE" or request.path == "/apps" for step in steps for request in step.requests)


@given(APPS)
def test_when_all_of_it_is_here_nothing_is_done(source: HerokuApp) -> None:
    steps = plan(source, dataclasses.replace(source, id="here"))
    assert bodies(steps) == []
    for part in (
        Part.CONFIG,
        Part.BUILDPACKS,
        Part.FEATURES,
        Part.COLLABORATORS,
        Part.DRAINS,
        Part.PIPELINE,
        Part.DOMAINS,
    ):
        assert Outcome.BY_HAND not in [outcome for outcome, _ in of(steps, part)]


@given(APPS, st.none() | APPS, st.booleans())
def test_no_secret_is_shown(source: HerokuApp, here: HerokuApp | None, asked: bool) -> None:
    steps = plan(source, here, with_addon_config=asked)
    assert "secret" not in repr(steps)
    assert "secret" not in repr(source)
    parts = list(Part)
    order = [parts.index(step.part) for step in steps]
    assert order == sorted(order)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
# Words of the API in places where they mean something, over anything at all.
KEYS = st.sampled_from(
    "name id type quantity size hostname kind user email plan addon_service addon app config_vars url buildpack ordinal "
    "pipeline stage ssl_cert cert_domains acm memory version description commit enabled owner team git_url".split()
)
SHAPED = st.recursive(
    JSON | st.sampled_from(("custom", "shop", "DATABASE", "\x1b[2J")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from((*heroku_app.PATHS, *heroku_app.FURTHER)), SHAPED), SHAPED)
def test_whatever_a_server_answers_there_is_a_plan_that_can_be_shown(answers: dict[str, Any], app: Any) -> None:
    base = {"name": "shop", "id": "x"}
    steps = plan(heroku_app.parse({**answers, "app": {**app, **base} if isinstance(app, dict) else base}, {}))
    for step in steps:
        for text in (step.what, step.why, *step.commands):
            assert text.isprintable()


def test_no_text_of_a_server_is_an_escape_code() -> None:
    evil = "\x1b]0;x\x07"
    named = {"name": evil, "id": "x", "url": evil, "email": evil}
    entry = dict.fromkeys(("user", "plan", "addon_service", "addon", "app", "buildpack", "slug"), named)
    entry |= {"name": evil, "type": "web", "quantity": 1, "size": evil, "hostname": evil, "kind": "custom", "url": evil}
    entry |= {
        "description": evil,
        "version": evil,
        "enabled": True,
        "config_vars": [evil],
        "ssl_cert": {"cert_domains": [evil]},
    }
    answers: dict[str, Any] = {part: [entry] for part in heroku_app.PATHS}
    answers |= {
        "config vars": {evil: evil},
        "pipeline coupling": {"stage": "staging"},
        "pipeline": named,
        "slug": named,
    }
    app = dict.fromkeys(("owner", "team", "region", "stack"), named) | {"buildpack_provided_description": evil}
    steps = plan(heroku_app.parse({**answers, "app": {**app, "name": "shop", "id": "x", "git_url": evil}}, {}))
    shown = [text for step in steps for text in (step.what, step.why, *step.commands)]
    assert len(shown) > 20
    assert [text for text in shown if not text.isprintable()] == []


@given(SHAPED)
def test_what_is_no_app_is_refused(app: Any) -> None:
    if not (isinstance(app, dict) and app.get("name") == "shop" and app.get("id")):
        try:
            heroku_app.parse({"app": app}, {})
        except InvalidParams as error:
            assert "no app of a Platform API v3" in error.message
