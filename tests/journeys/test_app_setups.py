"""An app from a source with an app.json, on a whole platform."""

import json
import re
from pathlib import Path
from typing import Any

from celadon.platform import supervise
from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for
from tests.journeys.internet import Internet
from tests.journeys.test_buildpacks import operators
from tests.journeys.test_builds import api, archive, curl
from tests.journeys.test_kills import SLOW, kill


def source(**app_json: object) -> dict[str, str]:
    return {**sources.web(), "app.json": json.dumps(app_json)}


def set_up(platform: Platform, url: str, **overrides: object) -> dict[str, Any]:
    body = {"source_blob": {"url": url}, "overrides": overrides}
    found: dict[str, Any] = api(platform, "POST", "/app-setups", body)
    return found


def ended(platform: Platform, setup: dict[str, Any]) -> dict[str, Any]:
    """The setup once it is over."""

    def over() -> dict[str, Any] | None:
        found: dict[str, Any] = api(platform, "GET", f"/app-setups/{setup['id']}")
        return found if found["status"] != "pending" else None

    return wait_for("the setup is over", over, 120) or {}


def app_of(platform: Platform, setup: dict[str, Any]) -> App:
    return App(platform, setup["app"]["name"], Path("/nowhere"))


def test_a_source_with_app_json_becomes_a_running_app(platform: Platform) -> None:
    wanted = source(
        env={
            "SECRET": {"generator": "secret"},
            "MARK": "from app.json",
            "GIVEN": {"required": True},
            "LEFT_OUT": {"required": False},
        },
        formation={"web": {"quantity": 2}},
        scripts={"postdeploy": 'echo "seeded $MARK by $DYNO"; test -n "$SECRET"'},
        success_url="/welcome",
        stack="heroku-24",
    )
    blob = api(platform, "POST", "/sources")["source_blob"]
    packed = archive(platform.directory, wanted)
    curl(platform, blob["put_url"], "-X", "PUT", "-H", "Content-Type:", "--data-binary", f"@{packed}")
    begun = set_up(platform, blob["get_url"], env={"GIVEN": "over the API"})
    app = app_of(platform, begun)
    assert begun["status"] == "pending"
    assert app.name in platform.celadon("apps")
    found = ended(platform, begun)
    assert (found["status"], found["failure_message"], found["manifest_errors"]) == ("succeeded", None, [])
    assert found["build"]["status"] == "succeeded"
    assert found["resolved_success_url"].endswith(f"{app.name}.localhost:{platform.ports['http-port']}/welcome")
    assert found["postdeploy"]["exit_code"] == 0
    assert re.fullmatch(r"seeded from app\.json by run\.\d{4}\n", found["postdeploy"]["output"])
    config = json.loads(app.celadon("config", "--json"))
    assert re.fullmatch("[0-9a-f]{64}", config.pop("SECRET"))
    assert config == {"MARK": "from app.json", "GIVEN": "over the API"}
    # The config vars are one release, the build the next one.
    assert "v4" in app.celadon("releases")
    assert "v5" not in app.celadon("releases")
    wait_for("both dynos run", lambda: app.celadon("ps").count(": up ") == 2)
    assert " from app.json " in app.get().text


def test_a_postdeploy_script_that_fails_leaves_no_app(platform: Platform, internet: Internet) -> None:
    packed = archive(internet.directory, source(scripts={"postdeploy": "echo no luck; exit 3"}))
    begun = set_up(platform, internet.url(packed.name))
    found = ended(platform, begun)
    assert found["status"] == "failed"
    assert found["failure_message"] == "the postdeploy script ended with exit code 3"
    assert found["postdeploy"] == {"output": "no luck\n", "exit_code": 3}
    assert begun["app"]["name"] not in platform.celadon("apps")
    wait_for("its host answers no more", lambda: app_of(platform, begun).get().status == 404)


def test_a_source_without_a_good_app_json_leaves_no_app(platform: Platform, internet: Internet) -> None:
    bad = source(env={"NEEDED": {"description": "a key"}}, addons=[{"plan": "scheduler", "as": "no"}])
    found = ended(platform, set_up(platform, internet.url(archive(internet.directory, bad).name)))
    assert (found["status"], found["failure_message"]) == ("failed", "invalid app.json")
    assert "cannot attach as 'no'" in found["manifest_errors"][0]
    found = ended(platform, set_up(platform, internet.url(archive(internet.directory, sources.web()).name)))
    assert found["failure_message"].startswith("there is no app.json")
    assert found["app"]["name"] not in platform.celadon("apps")


def test_every_role_killed_while_a_setup_goes_on(platform: Platform, internet: Internet) -> None:
    buildpack = operators(platform, SLOW)
    packed = archive(internet.directory, source(scripts={"postdeploy": "echo begun; sleep 4; echo done"}))
    begun = set_up(platform, internet.url(packed.name), buildpacks=[{"url": buildpack}])
    app = app_of(platform, begun)
    # Wherever it stands then: the source is read, it compiles, it is released, the script runs.
    roles = sorted(supervise.ROLES, key=lambda role: role != "build")
    for text in ("Reading app.json", "]: compiling", "]: begun"):
        app.wait_for_log(text, 60)
        for role in roles:
            kill(platform, role)
    found = ended(platform, begun)
    assert (found["status"], found["failure_message"]) == ("succeeded", None)
    assert found["postdeploy"] == {"output": "begun\ndone\n", "exit_code": 0}
    assert app.logs().count("]: begun\n") == 1


# Says at compile which config vars there are, and takes its time.
TELLING = {**SLOW, "bin/compile": '#!/bin/sh\necho "compiling with" $(ls "$3")\nsleep 2\n'}


def test_add_ons_are_there_for_the_build_and_the_script_whoever_is_killed(
    platform: Platform, internet: Internet
) -> None:
    buildpack = operators(platform, TELLING)
    wanted = source(
        addons=["heroku-postgresql:mini", {"plan": "heroku-redis:mini", "as": "CACHE"}],
        scripts={"postdeploy": 'test -n "$DATABASE_URL" && test -n "$CACHE_URL" && echo both'},
    )
    packed = archive(internet.directory, wanted)
    begun = set_up(platform, internet.url(packed.name), buildpacks=[{"url": buildpack}])
    app = app_of(platform, begun)
    steps = ("Reading app.json", "Waiting for add-ons", "]: compiling with CACHE_URL DATABASE_URL HEROKU_POSTGRESQL_")
    for number, text in enumerate(steps):
        app.wait_for_log(text, 60)
        # Who comes too late would interrupt what comes after it, and the compiling may be interrupted three times only.
        if not any(later in app.logs() for later in steps[number + 1 :]):
            for role in ("build", "addons"):
                kill(platform, role)
    found = ended(platform, begun)
    assert (found["status"], found["failure_message"]) == ("succeeded", None)
    assert found["postdeploy"] == {"output": "both\n", "exit_code": 0}
    assert len(json.loads(app.celadon("addons", "--json"))) == 2
