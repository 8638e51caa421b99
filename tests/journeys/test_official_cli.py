"""Heroku's own client, unmodified, does with this platform what it does with Heroku.

Every command is also checked for a crash of the client, and for addresses that are not the platform's
(`tests/official_cli/client.py`). Each costs a second: they share one app, and are few.
"""

import dataclasses
import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from celadon.model.webhook import signature
from tests import certified, receiver
from tests.journeys import sources
from tests.journeys.conftest import App, Platform, wait_for
from tests.official_cli.client import Client

EMAIL = "admin@localhost"


@pytest.fixture(scope="module")
def app(platform: Platform, new_client: Callable[[Path], Client], password: str) -> tuple[App, Client]:
    """Logged in, created and pushed, by the client and by git with the client's credentials."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    checkout = platform.directory / name
    checkout.mkdir()
    files = sources.web(
        Procfile="web: python3 -u server.py\nworker: sleep 1000\nrelease: echo migrated\n", **{"requirements.txt": ""}
    )
    for path, text in files.items():
        (checkout / path).write_text(text)
    app = App(platform, name, checkout)
    platform.run("git", "init", "-q", "-b", "main", cwd=checkout)
    app.commit("First")
    heroku = new_client(checkout)
    heroku.log_in(EMAIL, password)
    assert f"http://{app.host}:{platform.ports['http-port']}/ | https://localhost:" in heroku("create", name)
    assert "Buildpack set. Next release" in heroku("buildpacks:set", "heroku/python")
    # It takes as long as a build, a release command and a start.
    pushed = heroku.run("git", "push", "heroku", "main", seconds=300)
    assert "remote: -----> Python app detected" in pushed
    assert "deployed to Celadon" in pushed
    return app, heroku


def test_releases_and_dynos(app: tuple[App, Client]) -> None:
    app_, heroku = app
    assert heroku("auth:whoami") == f"{EMAIL}\n"
    assert app_.name in heroku("apps")
    info = heroku("info")
    assert f"Web URL:        http://{app_.host}:" in info
    assert "Dynos:          web: 1" in info
    said = heroku("config:set", "MARK=set")
    assert f"Setting MARK and restarting {app_.name}... done, v4\nMARK: set\n" in said
    assert heroku("config") == f"=== {app_.name} Config Vars\n\nMARK: set\n"
    wait_for("the config var serves", lambda: " set " in app_.get().text)
    assert "now running web at 2:1X, worker at 1:1X" in heroku("ps:scale", "web=2", "worker+1")
    # No more and no less: the dyno of before may be there for a moment.
    wanted = [("web.1", "up"), ("web.2", "up"), ("worker.1", "up")]
    wait_for(
        "all are up",
        lambda: sorted((dyno["name"], dyno["state"]) for dyno in json.loads(app_.celadon("ps", "--json"))) == wanted,
    )
    assert re.search(r"=== web \(1X\): python3 -u server.py \(2\)\n\nweb.1: up .*\nweb.2: up ", heroku("ps"))
    releases = heroku("releases")
    assert re.search(r"Releases - Current: v4\n", releases)
    assert re.search(r"v3 +Deploy [0-9a-f]{8} +admin@localhost ", releases)
    assert "Change:                 Deploy " in heroku("releases:info", "v3")
    assert "migrated\n" in heroku("releases:output", "v3")
    assert f"Rolling back {app_.name} to v3... done, v5" in heroku("rollback", "v3")
    wait_for("the old config serves", lambda: " - " in app_.get().text)


def test_restart_and_stop(app: tuple[App, Client]) -> None:
    app_, heroku = app
    before = json.loads(app_.celadon("ps", "--json"))
    assert "Restarting all dynos" in heroku("ps:restart")
    assert "Stopping dyno web.1" in heroku("ps:stop", "--dyno-name", "web.1")
    wait_for(
        "they are others",
        lambda: {dyno["id"] for dyno in json.loads(app_.celadon("ps", "--json"))}.isdisjoint(
            dyno["id"] for dyno in before
        ),
    )


def test_logs(app: tuple[App, Client]) -> None:
    app_, heroku = app
    path = f"/{uuid.uuid4().hex}"
    app_.get(path)
    app_.wait_for_log(path)
    assert re.search(rf'heroku\[router\]: at=info method=GET path="{path}"', heroku("logs", "-n", "500"))
    tail = heroku.on_terminal("logs", "--tail", "--source", "heroku", "-n", "1")
    try:
        tail.expect("heroku")
        app_.get(f"{path}-tailed")
        tail.expect(f"{path}-tailed")
        tail.sendintr()
        tail.expect(pexpect.EOF)
    finally:
        tail.close(force=True)


def test_run(app: tuple[App, Client]) -> None:
    app_, heroku = app
    assert "Process exited with code 7" in heroku("run", "--exit-code", "printf said; exit 7", status=7)
    piped = heroku("run", "--no-tty", "cat; test -t 0 || echo no terminal", given="one\ntwo")
    assert piped.endswith("\none\ntwono terminal\n")
    said = heroku("run:detached", "echo detached")
    (name,) = re.findall(r"run\.\d+", said.partition("\n")[0])
    app_.wait_for_log(f"app[{name}]: detached")
    assert f"app[{name}]: detached" in heroku("logs", "--dyno-name", name)


def test_run_on_a_terminal(app: tuple[App, Client]) -> None:
    _, heroku = app
    child = heroku.on_terminal("run", "--exit-code", "bash")
    try:
        child.expect(r"\$ ")
        child.sendline("stty size; echo $TERM; sh -c 'echo sleeps; exec sleep 1000'")
        # The client's own terminal makes each line's end CR CR LF.
        child.expect("33 101\r+\nxterm\r+\nsleeps\r+\n")
        child.sendintr()
        child.expect(r"\$ ")
        child.sendline("echo ended with $?")
        child.expect("ended with 130")
        child.sendline("exit 5")
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 5
    finally:
        child.close(force=True)


def test_drains(app: tuple[App, Client]) -> None:
    _, heroku = app
    url = "syslog+tls://logs.example.com:6514"
    assert heroku("drains:add", url) == f"Successfully added drain {url}\n"
    assert re.fullmatch(rf"=== Drains\n\n{re.escape(url)} \(d\.[0-9a-f-]{{36}}\)\n", heroku("drains"))
    assert heroku("drains:remove", url) == f"Successfully removed drain {url}\n"


def test_git_remote_and_clone(app: tuple[App, Client], tmp_path: Path) -> None:
    app_, heroku = app
    elsewhere = dataclasses.replace(heroku, directory=tmp_path)
    elsewhere("git:clone", "-a", app_.name, "cloned")
    assert (tmp_path / "cloned" / "version").read_text() == "one\n"
    app_.platform.run("git", "init", "-q", cwd=tmp_path)
    assert re.match(
        rf"set git remote heroku to https://localhost:\d+/{app_.name}.git", elsewhere("git:remote", "-a", app_.name)
    )


def test_buildpacks(app: tuple[App, Client]) -> None:
    app_, heroku = app
    assert "1. heroku/python\n  2. heroku/nodejs" in heroku("buildpacks:add", "heroku/nodejs")
    assert "\nheroku/python\n" not in heroku("buildpacks:remove", "heroku/nodejs")
    assert "will detect buildpacks normally" in heroku("buildpacks:clear")
    assert f"{app_.name} has no Buildpacks." in heroku("buildpacks")


def test_keys(app: tuple[App, Client], tmp_path: Path) -> None:
    app_, heroku = app
    comment = f"{uuid.uuid4().hex}@here"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(tmp_path / "key")]
    app_.platform.run(*argv)
    heroku("keys:add", str(tmp_path / "key.pub"))
    assert comment in heroku("keys")
    assert f"Removing {comment} SSH key... done" in heroku("keys:remove", comment)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("access", f"{EMAIL}   owner"),
        ("domains", "Heroku Domain\n\nAPP.localhost\n"),
        ("maintenance:on", "Enabling maintenance mode for APP... done"),
        ("maintenance:off", "Disabling maintenance mode for APP... done"),
        ("features", "[+] preboot "),
        ("labs", f"=== User Features {EMAIL}"),
        ("stack", "* cedar"),
        ("regions", "us   This platform"),
        ("status", "Apps:      No known issues at this time."),
        ("addons", "No add-ons for app APP."),
        ("pg", "APP has no heroku-postgresql databases."),
        ("pipelines", "=== My Pipelines"),
    ],
)
def test_what_there_is_and_what_there_is_not(app: tuple[App, Client], command: str, expected: str) -> None:
    app_, heroku = app
    assert expected.replace("APP", app_.name) in heroku(command)


def test_certificates(app: tuple[App, Client]) -> None:
    app_, heroku = app
    for name in ("first", "second"):
        issued = certified.issue("www.example.com", ("www.example.com",))
        app_.write(f"{name}.crt", issued.pem)
        app_.write(f"{name}.key", issued.key)
    added = heroku("certs:add", "first.crt", "first.key")
    assert f"Adding SSL certificate to {app_.name}" in added
    assert "SSL certificate is self signed." in added
    (listed,) = json.loads(app_.celadon("certs", "--json"))
    name = listed["name"]
    assert re.search(rf"{name} +www.example.com +\S.*False +SNI", heroku("certs"))
    assert "Common Name(s): www.example.com" in heroku("certs:info", "--name", name)
    confirmed = ("--name", name, "--confirm", app_.name)
    assert f"Updating SSL certificate {name}" in heroku("certs:update", "second.crt", "second.key", *confirmed)
    refused = heroku("certs:update", "first.crt", "second.key", *confirmed, status=2)
    assert "the key is not that of 'www.example.com'" in " ".join(refused.replace("›", "").split())
    assert f"Removing SSL certificate {name}" in heroku("certs:remove", *confirmed)
    assert "Enabling Automatic Certificate Management" in heroku("certs:auto:enable")
    assert "Automatic Certificate Management is enabled" in heroku("certs:auto")
    assert "Disabling Automatic Certificate Management" in heroku("certs:auto:disable", "--confirm", app_.name)


def test_domains(app: tuple[App, Client]) -> None:
    _, heroku = app
    name = f"{uuid.uuid4().hex}.example.com"
    assert f"Adding {name} to" in heroku("domains:add", name)
    assert name in heroku("domains")
    assert f"Removing {name} from" in heroku("domains:remove", name)
    assert name not in heroku("domains")


def test_pipelines(app: tuple[App, Client]) -> None:
    app_, heroku = app
    name, live = f"p-{uuid.uuid4().hex[:12]}", f"t-{uuid.uuid4().hex[:12]}"
    heroku("create", live, "--no-remote")
    created = heroku("pipelines:create", name, "-a", app_.name, "-s", "staging")
    assert f"Creating {name} pipeline... done" in created
    assert f"Adding {app_.name} to {name} pipeline as staging... done" in created
    assert f"Adding {live} to {name} pipeline as staging... done" in heroku(
        "pipelines:add", name, "-a", live, "-s", "staging"
    )
    assert f"Changing {live} to production... done" in heroku("pipelines:update", "-a", live, "-s", "production")
    assert name in heroku("pipelines")
    info = heroku("pipelines:info", name)
    assert f"=== {name}\n\nowner: {EMAIL}\n" in info
    assert re.search(rf"  {app_.name} +staging *\n +{live} +production", info)
    promoted = heroku("pipelines:promote", "-a", app_.name)
    assert "Promotion successful" in promoted
    assert re.search(rf"{live}: +succeeded", promoted)
    wait_for("the promoted code serves", lambda: " one " in app_.platform.request(f"{live}.localhost").text)
    assert re.search(rf"v3 +Promote {app_.name} v\d+ [0-9a-f]{{7}}", heroku("releases", "-a", live))
    assert f"Renaming {name} pipeline to {name}-2... done" in heroku("pipelines:rename", name, f"{name}-2")
    assert f"Removing {live}... done" in heroku("pipelines:remove", "-a", live)
    assert f"Destroying {name}-2 pipeline... done" in heroku("pipelines:destroy", f"{name}-2")
    assert "Pipeline not found" in heroku("pipelines:info", f"{name}-2", status=1)


def test_webhooks(app: tuple[App, Client]) -> None:
    app_, heroku = app
    with receiver.running() as server:
        words = ("-i", "api:app, dyno", "-l", "sync", "-s", "hush", "-t", "Bearer x", "-u", server.url("/500"))
        added = heroku("webhooks:add", *words)
        assert f"Adding webhook to {app_.name}... done" in added
        assert "=== Webhooks Signing Secret" in added and added.endswith("\nhush\n")
        (webhook,) = json.loads(app_.celadon("webhooks", "--json"))
        assert re.search(rf"{webhook['id']} +{server.url('/500')} +api:app,dyno +sync", heroku("webhooks"))
        heroku("maintenance:on")
        wait_for("it has failed", lambda: "retrying" in app_.celadon("webhooks:deliveries"))
        # Ten seconds later it is tried again, and while it is, it waits for nothing and has no answer.
        retried = r"retrying +api:app +sync +(\d+) +500"
        listed = wait_for("it waits", lambda: re.search(retried, heroku("webhooks:deliveries")))
        (delivery,) = json.loads(app_.celadon("webhooks:deliveries", "--json"))
        assert listed and 1 <= int(listed[1]) <= delivery["num_attempts"]
        info = ("webhooks:deliveries:info", delivery["id"])
        shown = wait_for("it is told", lambda: found if re.search(r"Code: +500\n", found := heroku(*info)) else "")
        assert '"maintenance": true' in shown
        events = heroku("webhooks:events")
        assert re.search(rf"{delivery['event']['id']} +app +update", events)
        assert '"maintenance": true' in heroku("webhooks:events:info", delivery["event"]["id"])
        url = server.url("/200")
        updated = heroku("webhooks:update", webhook["id"], "-i", "api:app", "-l", "notify", "-u", url)
        assert f"Updating webhook {webhook['id']} for {app_.name}... done" in updated
        shown = heroku("webhooks:info", webhook["id"])
        assert re.search(rf"URL: +{url}\n", shown) and re.search(r"Level: +notify\n", shown)
        heroku("maintenance:off")
        wait_for("it has arrived", lambda: "/200" in server.paths())
        got = next(one for one in server.received if one.path == "/200")
        assert got.headers["heroku-webhook-hmac-sha256"] == signature("hush", got.content)
        assert got.headers["authorization"] == "Bearer x"
    assert "Removing webhook" in heroku("webhooks:remove", webhook["id"])
    assert f"{app_.name} has no webhooks" in heroku("webhooks")
    assert "has no deliveries" in heroku("webhooks:deliveries")


def test_what_is_wrong_is_told_in_a_sentence(app: tuple[App, Client]) -> None:
    _, heroku = app
    assert "Error: cannot name an app 'api': the platform uses that name" in heroku("create", "api", status=2)


def test_rename_and_destroy(app: tuple[App, Client], tmp_path: Path) -> None:
    _, heroku = app
    elsewhere = dataclasses.replace(heroku, directory=tmp_path)
    name = f"t-{uuid.uuid4().hex[:12]}"
    elsewhere("create", name)
    assert f"Renaming {name} to {name}-2... done" in elsewhere("apps:rename", f"{name}-2", "-a", name)
    assert re.match(f"Destroying {name}-2 .*done", elsewhere("destroy", "-a", f"{name}-2", "--confirm", f"{name}-2"))


def test_log_out(platform: Platform, new_client: Callable[[Path], Client], password: str, tmp_path: Path) -> None:
    heroku = new_client(tmp_path)
    heroku.log_in(EMAIL, password)
    token = heroku("auth:token").split()[-1]
    heroku("auth:logout")
    assert "machine" not in (heroku.home / ".netrc").read_text()
    found = platform.request(
        "localhost",
        "/account",
        headers={"Authorization": f"Bearer {token}", "Accept": "application/vnd.heroku+json; version=3"},
    )
    assert found.status == 401
