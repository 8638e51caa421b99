"""An app created from the app.json of a checkout, then pushed: formation and script follow once, whoever is killed."""

import json
import re

from tests.journeys import sources
from tests.journeys.conftest import Platform, wait_for
from tests.journeys.test_kills import Pushing, kill

# Says that it has begun, and takes its time.
SCRIPT = 'test -n "$SECRET" && test -n "$DATABASE_URL" && echo begun && sleep 3 && echo done'


def test_create_from_app_json_and_push_whoever_is_killed(platform: Platform) -> None:
    wanted = {
        "env": {"SECRET": {"generator": "secret"}, "MARK": "from app.json"},
        "addons": ["heroku-postgresql:mini"],
        "formation": {"worker": {"quantity": 1}},
        "scripts": {"postdeploy": {"command": SCRIPT, "size": "standard-2x"}},
    }
    procfile = "web: python3 -u server.py\nworker: exec sleep 1000\n"
    app = platform.create(sources.web(**{"app.json": json.dumps(wanted), "Procfile": procfile}), "--from-app-json")
    config = json.loads(app.celadon("config", "--json"))
    assert re.fullmatch("[0-9a-f]{64}", config["SECRET"])
    assert config["DATABASE_URL"].startswith("postgres://")
    pushing = Pushing(app)
    pushing.wait_for("remote: -----> ")
    for role in ("api", "build"):
        kill(platform, role)
    assert pushing.end() == 0, pushing.output
    app.wait_for_log("]: begun", 60)
    for role in ("api", "build", "dynos"):
        kill(platform, role)
    app.wait_for_log("Setup succeeded", 60)
    wait_for("the worker runs", lambda: "worker.1: up" in app.celadon("ps"))
    assert " from app.json " in app.get().text
    logs = app.logs()
    assert (logs.count("]: begun\n"), logs.count("]: done\n"), logs.count("Scaled to worker@1")) == (1, 1, 1)
    # From then on it is an app as any other: another app.json changes nothing, what was scaled stays.
    app.celadon("ps:scale", "worker=0")
    app.write("app.json", json.dumps({**wanted, "formation": {"web": {"quantity": 2}}}))
    app.write("version", "two\n")
    app.commit()
    app.push()
    wait_for("the second version serves", lambda: "/ two " in app.get().text)
    assert app.logs().count("]: begun\n") == 1
    wait_for("the dyno of before has gone, and there is one", lambda: app.celadon("ps").count(": up ") == 1)
    assert json.loads(app.celadon("config", "--json")) == config
