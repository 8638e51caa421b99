"""`celadon import`, from a server that answers as Heroku does to a real platform."""

import ast
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.api import schema
from tests.cli import heroku
from tests.cli.program import Program, Run
from tests.cli.replay import Asked, Replay, Told
from tests.cli.world import OTHER, World

from celadon.actions import accounts, apps

Import = Callable[..., Run]
SECRETS = (heroku.SECRET, heroku.TOKEN, "database-secret", "sendgrid-secret", "drain-secret")


@pytest.fixture
def there(replay: Callable[..., Replay]) -> Replay:
    return replay(answers=heroku.answers())


@pytest.fixture
def bring(there: Replay, celadon: Program) -> Import:
    """`celadon import shop` from there, with what more is said."""

    def call(*words: str, **options: Any) -> Run:
        env = {"HEROKU_API_KEY": heroku.TOKEN, **options.pop("env", {})}
        return celadon("import", "shop", "--from-url", there.url, *words, env=env, **options)

    return call


def found(celadon: Program, *words: str) -> Any:
    return json.loads(celadon(*words, "--json").out)


@pytest.mark.parametrize("path", heroku.ANSWERS)
def test_what_is_replayed_is_what_herokus_schema_says(path: str) -> None:
    """Else the tests below would prove little."""
    pattern = re.sub(rf"(?<=apps/)shop|{heroku.ID}", ":", path)
    target = schema.target_of("GET", pattern)
    if path == "/apps/shop/pipeline-couplings":
        target = {"$ref": "#/definitions/pipeline-coupling"}
    assert target is not None, pattern
    found = schema.problems(target, heroku.ANSWERS[path])
    # They are excerpts: fields may be missing, but there are none that Heroku has not.
    strict = re.compile(r"has (\[.*\]), must have exactly (\[.*\])\Z")
    lists = [
        (ast.literal_eval(match[1]), ast.literal_eval(match[2])) for text in found if (match := strict.search(text))
    ]
    assert not [(ours, theirs) for ours, theirs in lists if not set(ours) <= set(theirs)]
    assert [text for text in found if not (strict.search(text) or text.endswith("is a required property"))] == []


def test_the_plan_says_what_becomes_of_each_part_and_changes_nothing(
    bring: Import, celadon: Program, there: Replay
) -> None:
    shown = bring("--plan")
    assert (shown.err, shown.status) == ("", 0)
    for line in (
        f"=== Import of shop from {there.url} as shop\n",
        "App\n  + create shop in region us\n  - stack heroku-24\n      the platform's own stack is used instead",
        "Config vars\n  + set 2: GREETING, SECRET_KEY\n  - PORT\n      cannot set config var PORT: each dyno gets its own",
        "  - DATABASE_URL\n      not copied: the add-on postgresql-flat-1 owns it\n",
        "  + set https://github.com/acme/pack, then heroku/python\n",
        "  + switch log-runtime-metrics on\n  - runtime-new-layer-extract\n      there is no such feature here\n",
        "  + give grace@example.com access\n",
        "  + send the log to logs.example.com\n",
        "  + make it production of shops\n",
        "  ! heroku-postgresql:essential-0\n      available here",
        "  ! sendgrid:starter\n      use it by an account of your own with its provider and set SENDGRID_KEY;",
        "Code\n  ! push the code\n",
        "there it is v42, Deploy 3063626 (commit 3063626deadbeef)\n",
        "  ! scale to web=2:2X worker=1:PX\n      after the first push, which brings the process types; worker: Performance-L has 14 GB there",
        "Webhooks\n  ! create 1 again\n",
        "  + add www.example.com\n",
        "  ! automatic certificates\n      once DNS leads the domains here\n  ! www.example.com\n      its private key",
    ):
        assert line in shown.out
    assert not any(secret in shown.out for secret in SECRETS)
    assert found(celadon, "apps") == []
    assert {asked.method for asked in there.asked} == {"GET"}


def test_on_confirmation_the_app_is_made_and_what_is_left_is_said(bring: Import, celadon: Program) -> None:
    shown = bring("--confirm", "shop")
    assert found(celadon, "config", "-a", "shop") == {"GREETING": "Hello", "SECRET_KEY": heroku.SECRET}
    assert [entry["buildpack"]["name"] for entry in found(celadon, "buildpacks", "-a", "shop")] == [
        "https://github.com/acme/pack",
        "heroku/python",
    ]
    assert [entry["hostname"] for entry in found(celadon, "domains", "-a", "shop") if entry["kind"] == "custom"] == [
        "www.example.com"
    ]
    enabled = {entry["name"]: entry["enabled"] for entry in found(celadon, "features", "-a", "shop")}
    assert enabled["log-runtime-metrics"]
    done, left = shown.out.split("=== Done\n")[1].split("=== Left to do by hand\n")
    assert "  App: create shop in region us\n  Config vars: set 2: GREETING, SECRET_KEY\n" in done
    for line in (
        "git clone https://git.heroku.com/shop.git shop\n         cd shop\n",
        "         celadon git:remote --app shop\n         git push celadon HEAD:main\n",
        "         celadon ps:scale web=2:2X worker=1:PX --app shop\n",
        "DNS: lead www.example.com here: CNAME to shop.localhost\n",
        "         celadon certs:auto:enable --app shop\n",
    ):
        assert line in left
    assert not any(secret in shown.out + shown.err for secret in SECRETS)


def test_what_the_platform_refuses_is_left_to_do_and_the_rest_is_done(
    bring: Import, celadon: Program, bare_world: World
) -> None:
    apps.create(bare_world.context, bare_world.actor, name="other")
    celadon("domains:add", "www.example.com", "-a", "other")
    shown = bring("--confirm", "shop")
    assert shown.status == 1
    assert "Domains: add www.example.com... failed\n" in shown.out
    assert "cannot add www.example.com: it is in use by an app already" in shown.out.split("=== Left to do")[1]
    assert "         celadon domains:add www.example.com --app shop\n" in shown.out
    assert "run the same command again to go on" in shown.err
    assert found(celadon, "config", "-a", "shop")["GREETING"] == "Hello"


def test_a_second_import_goes_on_and_replaces_nothing(bring: Import, celadon: Program, there: Replay) -> None:
    bring("--confirm", "shop")
    celadon("config:set", "GREETING=Bonjour", "-a", "shop")
    celadon("config:unset", "SECRET_KEY", "-a", "shop")
    celadon("buildpacks:set", "heroku/nodejs", "-a", "shop")
    shown = bring("--confirm", "shop")
    assert "App\n  = shop\n      exists here and is yours: what it lacks is added, nothing replaced\n" in shown.out
    assert (
        "  + set 1: SECRET_KEY\n  ! GREETING\n      has another value here, which stays; to change it:\n" in shown.out
    )
    assert "celadon config:edit GREETING --app shop\n" in shown.out
    assert "      here it is heroku/nodejs, then heroku/python, which stays; to change it:\n" in shown.out
    assert "  = www.example.com\n" in shown.out
    assert found(celadon, "config", "-a", "shop") == {"GREETING": "Bonjour", "SECRET_KEY": heroku.SECRET}
    assert "Hello" not in shown.out and "Bonjour" not in shown.out


def test_without_the_right_name_nothing_is_made(bring: Import, celadon: Program) -> None:
    for shown in (bring("--confirm", "other"), bring(input="no\n"), bring()):
        assert shown.status == 1
    assert found(celadon, "apps") == []
    typed = bring("--as", "copy", input="copy\n")
    assert 'To proceed, type "copy" or re-run this command with --confirm copy\n' in typed.err
    assert [app["name"] for app in found(celadon, "apps")] == ["copy"]


def test_json_is_the_plan_and_with_a_confirmation_what_became_of_it(bring: Import, celadon: Program) -> None:
    only = json.loads(bring("--json").out)
    assert set(only) == {"plan"}
    assert {"part": "App", "outcome": "do", "what": "create shop in region us", "why": "", "commands": []} in only[
        "plan"
    ]
    assert found(celadon, "apps") == []
    followed = bring("--json", "--confirm", "shop")
    told = json.loads(followed.out)
    assert set(told) == {"plan", "done", "left"}
    assert "App: create shop in region us" in told["done"]
    assert not any(secret in followed.out for secret in SECRETS)


def test_addon_config_comes_along_when_asked_but_for_what_has_a_place_here(bring: Import, celadon: Program) -> None:
    bring("--with-addon-config", "--confirm", "shop")
    config = found(celadon, "config", "-a", "shop")
    assert config["SENDGRID_KEY"] == "sendgrid-secret"
    assert "DATABASE_URL" not in config


def test_somebody_elses_app_is_not_touched(bring: Import, celadon: Program, world: World) -> None:
    other = accounts.log_in(world.context, OTHER, "correct horse")
    theirs = apps.create(world.context, other, name="shop")
    refused = bring("--confirm", "shop")
    assert (refused.status, "--as NAME" in refused.err) == (1, True)
    assert theirs.name == "shop"


def test_an_app_is_not_imported_into_itself(celadon: Program, world: World) -> None:
    url = f"http://localhost:{world.context.settings.http_port}"
    shown = celadon("import", "example", "--from-url", url, "--confirm", "example")
    assert "cannot import example: it is on this platform already. --as NAME makes a second one" in shown.err


def test_from_one_app_of_this_platform_to_another_by_the_login_of_netrc(celadon: Program, world: World) -> None:
    celadon("config:set", "GREETING=Hello", "-a", "example")
    url = f"http://localhost:{world.context.settings.http_port}"
    shown = celadon("import", "example", "--from-url", url, "--as", "copy", "--confirm", "copy")
    assert found(celadon, "config", "-a", "copy") == {"GREETING": "Hello"}
    assert "  ! scale to web=1:1X\n" in shown.out
    assert "there it is v" in shown.out


# The token


def test_the_token_goes_to_the_source_and_the_login_stays_here(bring: Import, there: Replay, bare_world: World) -> None:
    bring("--confirm", "shop", env={"CELADON_API_KEY": bare_world.token})
    assert {asked.headers["authorization"] for asked in there.asked} == {f"Bearer {heroku.TOKEN}"}


@pytest.mark.parametrize("words", [("--from-heroku", "-"), ("--from-heroku", heroku.TOKEN)])
def test_the_token_is_typed_or_given(bring: Import, there: Replay, words: tuple[str, ...]) -> None:
    shown = bring("--plan", *words, env={"HEROKU_API_KEY": "another"}, input=f"{heroku.TOKEN}\n")
    assert shown.status == 0
    assert there.asked[0].headers["authorization"] == f"Bearer {heroku.TOKEN}"
    assert heroku.TOKEN not in shown.out


def test_without_a_token_or_with_an_impossible_one_nobody_is_asked(bring: Import, there: Replay) -> None:
    assert "Set HEROKU_API_KEY to it" in bring(env={"HEROKU_API_KEY": ""}).err
    for token in ("two words", "line\nbreak", "ünicode"):
        shown = bring(env={"HEROKU_API_KEY": token})
        assert shown.err == " !    cannot use the token: it has characters that no token has\n"
    assert there.asked == []


@pytest.mark.parametrize(
    "url", ["http://example.com", "ftp://x", "https://u@h", "https://h/path", "https://[", "//h", "x"]
)
def test_a_token_goes_by_https_alone(celadon: Program, url: str) -> None:
    shown = celadon("import", "shop", "--from-url", url, env={"HEROKU_API_KEY": heroku.TOKEN})
    assert shown.status == 2
    assert "cannot" in shown.err and heroku.TOKEN not in shown.err


def test_a_redirect_is_not_followed(bring: Import, there: Replay, replay: Callable[..., Replay]) -> None:
    elsewhere = replay(answers=heroku.answers())
    there.answers["GET /apps/shop"] = Told(302, headers={"Location": f"{elsewhere.url}/apps/shop"})
    shown = bring()
    assert "answered 302: it sends us elsewhere, and we do not go there" in shown.err
    assert elsewhere.asked == []


# What the source says


@pytest.mark.parametrize("status", [402, 403, 404, 500])
def test_a_part_that_cannot_be_read_is_said_and_the_rest_goes_on(bring: Import, there: Replay, status: int) -> None:
    for path in heroku.ANSWERS:
        if path.startswith("/apps/shop/"):
            there.answers[f"GET {path}"] = Told(status, {"id": "x", "message": "Not for you."})
    shown = bring("--plan")
    assert shown.status == 0
    assert f"Not read\n  ! config vars\n      Not for you. ({status})\n" in shown.out
    assert f"  ! webhooks\n      Not for you. ({status})\n" in shown.out
    assert ("  ! pipeline coupling\n" in shown.out) == (status != 404)
    assert "  + create shop in region us\n" in shown.out


def test_without_the_list_of_addons_what_looks_like_theirs_is_not_copied(bring: Import, there: Replay) -> None:
    no = Told(403, {"id": "forbidden", "message": "No."})
    there.answers["GET /apps/shop/addons"] = no
    shown = bring("--plan")
    assert "  - DATABASE_URL\n      not copied: the add-on postgresql-flat-1 owns it\n" in shown.out
    assert "  ! postgresql-flat-1\n      what it is could not be read" in shown.out
    there.answers["GET /apps/shop/addon-attachments"] = no
    assert "  - DATABASE_URL\n      not copied: it looks like an add-on's" in bring("--plan").out


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (Told(401, {"id": "unauthorized", "message": "x"}), "the token is not valid there."),
        (Told(404, {"id": "not_found", "message": "Couldn't find that app."}), "Couldn't find that app. (404)"),
        (Told(body=["x"]), "it is no app of a Platform API v3"),
        (Told(200, "<html>"), "it is no app of a Platform API v3"),
        (Told(body={**heroku.APP, "name": "../x"}), "it is no app of a Platform API v3"),
        (Told(body={**heroku.APP, "name": "www"}), "the platform uses that name itself"),
        (Told(200, "[" * 100_000, {"Content-Type": "application/json"}), "it is no JSON"),
    ],
)
def test_an_app_that_cannot_be_read_is_an_error(bring: Import, there: Replay, told: Told, text: str) -> None:
    there.answers["GET /apps/shop"] = told
    shown = bring()
    assert (shown.out, shown.status) == ("", 1)
    assert text in shown.err


def test_nothing_of_a_hostile_server_reaches_the_terminal_or_a_shell(bring: Import, there: Replay) -> None:
    evil = "\x1b]0;evil\x07\u202e"
    there.answers |= {
        "GET /apps/shop": Told(body={**heroku.APP, "git_url": "ext::sh -c id", "team": {"name": evil}}),
        "GET /apps/shop/config-vars": Told(body={f"A{evil}": "x", "A;id": "x", "GOOD": f"1{evil}", "N": 5}),
        "GET /apps/shop/formation": Told(body=[heroku.process("web;id", 1, "x"), heroku.process("web", 1, "$(id)")]),
        "GET /apps/shop/domains": Told(body=[{"kind": "custom", "hostname": "$(id).example.com"}]),
        "GET /apps/shop/collaborators": Told(body=[{"user": {"email": "a@b;id"}}, {"user": {"email": "--x'@b-"}}]),
        "GET /apps/shop/log-drains": Told(body=[{"url": f"https://h{evil}/x"}, {"url": "https://["}]),
        "GET /apps/shop/addons": Told(403, {"message": f"no{evil}"}, {"X-Heroku-Warning": "warn\x1b[2J"}),
        "GET /apps/shop/releases": Told(body={"message": "no list"}),
        f"GET /pipelines/{heroku.ID}": Told(body={"name": "x; id"}),
    }
    shown = bring("--confirm", "shop")
    for character in "\x1b\x07\u202e":
        assert character not in shown.out + shown.err
    lines = [line.strip() for line in shown.out.partition("=== Left to do by hand")[2].splitlines()]
    assert "celadon access:add '--x'\"'\"'@b-' --app shop" in lines
    assert not any("id" in line.replace("'x; id'", "") for line in lines if line.startswith(("celadon ", "git ")))
    assert "ext::" not in shown.out
    assert "  ! releases\n      some of the answer is not of the form that the API has\n" in shown.out


def test_pages_are_followed_but_not_without_end(bring: Import, there: Replay) -> None:
    pages = [Told(206, [{"user": {"email": f"p{at}@example.com"}}], {"Next-Range": f"id ]{at}.."}) for at in range(3)]
    there.answers["GET /apps/shop/collaborators"] = [*pages, Told(200, [])]
    shown = bring("--plan").out
    assert all(f"  + give p{at}@example.com access\n" in shown for at in range(3))
    asked = [ask for ask in there.asked if ask.path == "/apps/shop/collaborators"]
    assert [ask.headers.get("range") for ask in asked] == [None, "id ]0..", "id ]1..", "id ]2.."]
    there.answers["GET /apps/shop/collaborators"] = pages[0]
    assert "  ! collaborators\n      it has more than 50 pages (206)\n" in bring("--plan").out


# What the platform here may have


@pytest.fixture
def elsewhere(
    replay: Callable[..., Replay], there: Replay, stranger: Program
) -> Callable[..., tuple[Run, list[Asked]]]:
    """An import to a platform that has add-ons, pipelines and access."""

    def call(changes: dict[str, Told], *words: str) -> tuple[Run, list[Asked]]:
        made = {"id": "made", "name": "shop", "stack": {"name": "cedar"}}
        here = replay(
            answers={
                "GET /account": Told(body={"email": "ada@example.com"}),
                "GET /addon-services": Told(body=[{"id": "s", "name": "heroku-postgresql"}]),
                "GET /addon-services/heroku-postgresql/plans": Told(
                    body=[{"id": "p", "name": "heroku-postgresql:mini"}]
                ),
                "POST /apps": Told(201, made),
                "PATCH /apps/shop/config-vars": Told(body={}),
                "PUT /apps/shop/buildpack-installations": Told(body=[]),
                "PATCH /apps/shop/features/log-runtime-metrics": Told(body={}),
                "POST /apps/shop/collaborators": Told(201, {}),
                "POST /apps/shop/log-drains": Told(201, {}),
                "POST /pipelines": Told(201, {"id": "new-pipeline"}),
                "POST /pipeline-couplings": Told(201, {}),
                "POST /apps/shop/domains": Told(201, {}),
                "GET /apps/shop/domains": Told(body=[]),
                **changes,
            }
        )
        stranger.env |= {"CELADON_HOST": here.url, "CELADON_API_KEY": "mine", "HEROKU_API_KEY": heroku.TOKEN}
        run = stranger("import", "shop", "--from-url", there.url, "--confirm", "shop", *words)
        assert {ask.headers["authorization"] for ask in here.asked} == {"Bearer mine"}
        return run, here.asked

    return call


def test_access_drains_and_pipelines_are_made(elsewhere: Callable[..., tuple[Run, list[Asked]]]) -> None:
    run, asked = elsewhere({})
    assert run.status == 0
    bodies = {f"{ask.method} {ask.path}": ask.body for ask in asked}
    assert bodies["POST /apps/shop/collaborators"] == {"user": "grace@example.com"}
    assert bodies["POST /apps/shop/log-drains"] == {"url": heroku.DRAIN}
    assert bodies["POST /pipelines"] == {"name": "shops"}
    coupling = {"app": "shop", "stage": "production", "pipeline": "new-pipeline"}
    assert bodies["POST /pipeline-couplings"] == coupling
    assert (
        "         celadon addons:create heroku-postgresql:mini --app shop\n         pg_dump --format=custom" in run.out
    )
    assert heroku.DRAIN not in run.out


def test_a_pipeline_that_is_there_is_joined(elsewhere: Callable[..., tuple[Run, list[Asked]]]) -> None:
    _, asked = elsewhere({"GET /pipelines": Told(body=[{"id": "old", "name": "shops"}])})
    assert [ask.body["pipeline"] for ask in asked if ask.path == "/pipeline-couplings"] == ["old"]
    assert not [ask for ask in asked if ask.method == "POST" and ask.path == "/pipelines"]


def test_an_app_that_cannot_be_made_ends_it(elsewhere: Callable[..., tuple[Run, list[Asked]]]) -> None:
    run, asked = elsewhere({"POST /apps": Told(422, {"id": "invalid_params", "message": "Name is already taken."})})
    assert (run.status, "Name is already taken.\n !    Nothing has been made. --as NAME" in run.err) == (1, True)
    assert [ask.path for ask in asked if ask.method != "GET"] == ["/apps"]


def test_what_cannot_be_read_here_is_not_written_over(elsewhere: Callable[..., tuple[Run, list[Asked]]]) -> None:
    mine = {**heroku.APP, "id": "mine"}
    broken = Told(500, {"id": "x", "message": "It broke."})
    run, asked = elsewhere({"GET /apps/shop": Told(body=mine), "GET /apps/shop/config-vars": broken})
    assert (run.status, "It broke." in run.err) == (1, True)
    assert not [ask for ask in asked if ask.method != "GET"]
