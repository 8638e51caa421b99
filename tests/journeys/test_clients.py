"""Clients that others have written, unmodified, do their work with a platform.

Heroku's library for Node.js, a client that is generated from our schema, and curl; heroku3 and Heroku's own client have
files of their own. The generator is heroku-client 2's, which makes its functions from a schema: its `bin/update` fetches
that from Heroku, the test from the platform.
"""

import hashlib
import json
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for
from tests.official_cli import install

_SCRIPTS = Path(__file__).parents[1] / "clients"
_ACCEPT = "Accept: application/vnd.heroku+json; version=3"
_PROCFILE = "web: python3 -u server.py\nworker: sleep 1000\n"


@pytest.fixture(scope="module")
def app(platform: Platform) -> App:
    """Deployed as v3."""
    created = platform.create(sources.web(Procfile=_PROCFILE))
    created.push()
    return created


@pytest.fixture(scope="module")
def api(platform: Platform) -> str:
    return f"http://localhost:{platform.ports['http-port']}"


@pytest.fixture(scope="module")
def token(platform: Platform) -> str:
    return platform.celadon("auth:token").strip()


def _told(platform: Platform, script: str, *words: str, **variables: str) -> Any:
    """What a script of `tests/clients` prints."""
    node = Path(install.install()[0])
    modules = node.parents[2] / "node_modules"
    environment = [f"{name}={value}" for name, value in {**variables, "NODE_PATH": str(modules)}.items()]
    argv = ["env", *environment, node, "--no-deprecation", _SCRIPTS / script, *words]
    return json.loads(platform.run(*argv).stdout)


def test_herokus_library_for_nodejs(platform: Platform, app: App, api: str, token: str) -> None:
    created = f"t-{uuid.uuid4().hex[:12]}"
    told = _told(platform, "library.cjs", app.name, created, API_URL=api, API_TOKEN=token)
    assert told["email"] == "admin@localhost"
    assert told["created"] == told["deleted"] == created
    assert {app.name, created} <= set(told["listed"])
    assert (told["maintenance"], told["shown"]) == (True, True)
    assert told["config"] == {"MARK": "four"}
    assert ["worker", 2] in told["scaled"]
    assert told["worker"] == 2
    assert "web" in told["dynos"]
    # Only what it asked for, and with the pages that follow.
    assert told["page"] == [5, 4]
    assert told["pages"] == [5, 4, 3, 2, 1]
    assert told["release"] == "Remove OTHER config vars"
    assert told["absent"] == [404, "not_found"]
    assert told["invalid"] == [422, "invalid_params"]
    assert told["unknown"] == [401, "unauthorized"]
    wait_for("the config var serves", lambda: " four " in app.get().text)


def test_a_client_generated_from_the_schema(platform: Platform, app: App, api: str, token: str, tmp_path: Path) -> None:
    client = tmp_path / "client"
    shutil.copytree(Path(install.install()[0]).parents[2] / "node_modules" / "heroku-client-2", client)
    schema = platform.run("curl", "-sS", "--fail", f"{api}/schema").stdout
    (client / "lib" / "schema.js").write_text(f"module.exports = {schema}\n")
    created = f"t-{uuid.uuid4().hex[:12]}"
    variables = {"API_URL": api, "API_TOKEN": token, "GENERATED": str(client)}
    told = _told(platform, "generated.cjs", app.name, created, **variables)
    assert {"account", "apps", "oauth", "stacks"} <= set(told["resources"])
    assert told["email"] == "admin@localhost"
    assert (told["created"], told["renamed"], told["deleted"]) == (created, f"{created}2", f"{created}2")
    assert told["config"]["MARK"] == "five"
    assert told["release"].startswith("Deploy ")
    assert sorted(told["versions"]) == list(range(1, max(told["versions"]) + 1))
    assert told["formation"] == 1
    assert "web" in told["dynos"]
    assert told["domains"] == [app.host]
    assert told["absent"] == [404, "not_found"]


def test_curl_with_netrc(platform: Platform, app: App, token: str, tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    # curl looks for the host's name without its port.
    netrc.write_text(f"machine localhost\n  login admin@localhost\n  password {token}\n")
    authority = tmp_path / "ca.pem"
    authority.write_text(platform.celadon("platform:ca"))

    def curl(base: str, path: str, *words: str) -> Any:
        argv = ["curl", "-n", "-sS", "--fail-with-body", "--cacert", authority, "-H", _ACCEPT, *words, f"{base}{path}"]
        return json.loads(platform.run("env", f"HOME={tmp_path}", *argv).stdout)

    plain, tls = (f"{scheme}://localhost:{platform.ports[f'{scheme}-port']}" for scheme in ("http", "https"))
    assert app.name in [found["name"] for found in curl(plain, "/apps")]
    assert app.name in [found["name"] for found in curl(tls, "/apps")]
    # As curl sends a body: without a word about JSON.
    path = f"/apps/{app.name}"
    assert curl(tls, f"{path}/config-vars", "-X", "PATCH", "-d", '{"CURL": "yes"}')["CURL"] == "yes"
    assert "CURL" not in curl(tls, f"{path}/config-vars", "-X", "PATCH", "-d", '{"CURL": null}')
    (newest,) = curl(tls, f"{path}/releases", "-H", "Range: version ..; max=1, order=desc")
    assert newest["description"] == "Remove CURL config vars"
    log = curl(tls, f"{path}/log-sessions", "-d", '{"lines": 5}')["logplex_url"]
    assert len(platform.run("curl", "-sS", "--cacert", authority, log).stdout.splitlines()) == 5
    # The platform's own client is for everybody, and what comes is what was promised.
    promised = json.loads(platform.run("curl", "-sS", "--cacert", authority, f"{tls}/client").stdout)
    wheel = tmp_path / "client.whl"
    platform.run("curl", "-sS", "--cacert", authority, "-o", wheel, f"{tls}{promised['url']}")
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == promised["sha256"]
    checks = {check["name"]: check for check in json.loads(platform.celadon("doctor", "--json", check=False))}
    assert checks["login"] == {"part": "client", "name": "login", "ok": True, "detail": "admin@localhost", "remedy": ""}
    assert checks["roles"]["ok"] and checks["clock"]["ok"]
    stranger = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", _ACCEPT, f"{plain}/apps"]
    assert platform.run("env", f"HOME={tmp_path / 'nobody'}", *stranger).stdout == "401"
