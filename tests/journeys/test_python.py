"""Flask and gunicorn with a worker, from push to page and back."""

import json
import re

import pytest

from tests.journeys import sources
from tests.journeys.conftest import EXAMPLES, App, Platform, wait_for


def serves(app: App, text: str) -> None:
    wait_for(f"{app.name} serves {text!r}", lambda: text in (answer := app.get()).text and answer.status == 200)


def ids(app: App, version: int) -> dict[str, str]:
    """Name → id of the dynos of a release that are up."""
    found = json.loads(app.celadon("ps", "--json"))
    mine = [dyno for dyno in found if dyno["release"]["version"] == version]
    return {dyno["name"]: dyno["id"] for dyno in mine if dyno["state"] == "up"}


def test_push_scale_configure_restart_change_roll_back(platform: Platform) -> None:
    app = platform.create(EXAMPLES / "python-flask")
    output = app.push()
    for line in (
        "-----> Celadon receiving push",
        "-----> Python app detected",
        "-----> Discovering process types",
        "Procfile declares types -> web, worker",
        "-----> Compiled slug size: ",
        "-----> Launching...",
        "done, v3",
        f"http://{app.host}:{platform.ports['http-port']}/ deployed to Celadon",
    ):
        assert line in output
    assert app.get().status == 200
    app.celadon("ps:scale", "worker=1")
    wait_for("the worker is up", lambda: "worker.1: up" in app.celadon("ps"))
    app.wait_for_log("app[worker.1]: worker.1 has worked 1 times")

    app.celadon("config:set", "GREETING=Good morning")
    serves(app, "Good morning")
    assert "v4" in app.celadon("releases")

    before = wait_for("both are up", lambda: found if len(found := ids(app, 4)) == 2 else {})
    app.celadon("ps:restart", "web.1")
    wait_for("web.1 is another", lambda: ids(app, 4).get("web.1", before["web.1"]) != before["web.1"])
    assert ids(app, 4)["worker.1"] == before["worker.1"]
    app.celadon("ps:stop", "worker.1")
    wait_for("worker.1 is another", lambda: ids(app, 4).get("worker.1", before["worker.1"]) != before["worker.1"])

    page = app.checkout / "templates" / "page.html"
    page.write_text(page.read_text().replace("</body>", "<p>second edition</p></body>"))
    app.commit("Second edition")
    second = app.push()
    assert "done, v5" in second
    # The lock file is the same: nothing is installed.
    assert "Successfully installed" not in second
    serves(app, "second edition")

    app.celadon("rollback", "v3")
    assert "Rollback to v3" in app.celadon("releases")
    wait_for("the old page is back", lambda: "second edition" not in app.get().text)
    assert "Good morning" not in app.get().text
    app.wait_for_log("heroku[router]: at=info method=GET")


def test_another_branch_is_stored_without_a_build(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    app.platform.run("git", "checkout", "-q", "-b", "topic", cwd=app.checkout)
    app.write("version", "topic\n")
    app.commit()
    output = app.push("celadon", "topic")
    assert "Stored topic without a build" in output
    assert "Compiled slug size" not in output
    assert "v4" not in app.celadon("releases")
    # It deploys when it is pushed to the branch that does.
    assert "done, v4" in app.push("celadon", "topic:main")
    serves(app, " topic ")


def test_what_was_pushed_can_be_cloned_and_fetched(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    copy = platform.directory / f"{app.name}-copy"
    platform.celadon("git:clone", app.name, str(copy))
    assert (copy / "version").read_text() == "one\n"
    app.write("version", "two\n")
    app.commit()
    app.push()
    platform.run("git", "pull", "-q", "--ff-only", cwd=copy)
    assert (copy / "version").read_text() == "two\n"


@pytest.mark.parametrize(("kind", "bits"), [("ed25519", ""), ("ecdsa", "521"), ("rsa", "3072")])
def test_push_over_ssh_with_every_kind_of_key(platform: Platform, kind: str, bits: str) -> None:
    app = platform.create(sources.web())
    key = platform.directory / f"{app.name}-{kind}"
    platform.run("ssh-keygen", "-q", "-t", kind, *(["-b", bits] if bits else []), "-N", "", "-f", key)
    remote = f"ssh://git@localhost:{platform.ports['ssh-port']}/{app.name}.git"
    options = "-F /dev/null -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=no"
    ssh = f"core.sshCommand=ssh {options} -o UserKnownHostsFile={key}.hosts -i {key}"
    refused = platform.run("git", "-c", ssh, "push", remote, "main", cwd=app.checkout, check=False)
    assert refused.returncode != 0
    assert "Permission denied" in refused.stdout or "key" in refused.stdout
    platform.celadon("keys:add", f"{key}.pub")
    pushed = platform.run("git", "-c", ssh, "push", remote, "main", cwd=app.checkout)
    assert "done, v3" in pushed.stdout
    serves(app, " one ")
    platform.run("git", "-c", ssh, "fetch", remote, "main", cwd=app.checkout)
    fingerprint = re.search(r"SHA256:\S+", platform.run("ssh-keygen", "-l", "-f", f"{key}.pub").stdout)
    assert fingerprint
