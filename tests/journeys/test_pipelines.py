"""Pipelines: what was pushed to staging goes to production, as it is."""

import os
import signal
import subprocess
import uuid

from celadon.platform import settings, supervise
from tests.journeys import sources
from tests.journeys.conftest import CELADON, App, Platform, wait_for

PROCFILE = "web: python3 -u server.py\nrelease: sh release.sh\n"
RELEASE = 'echo "migrating for $MARK as $(stat -c %U version)"\n'


def pair(platform: Platform, **files: str) -> tuple[str, App, App]:
    """A pipeline with an app in staging, whose code is not pushed yet, and one in production that never had any."""
    staging, production = platform.create(sources.web(**files)), platform.create({"README": "nothing"})
    name = f"p-{uuid.uuid4().hex[:12]}"
    staging.celadon("pipelines:create", name, "--stage", "staging")
    production.celadon("pipelines:add", name, "--stage", "production")
    return name, staging, production


def test_code_goes_from_staging_to_production_with_productions_config(platform: Platform) -> None:
    name, staging, production = pair(platform, Procfile=PROCFILE, **{"release.sh": RELEASE})
    staging.celadon("config:set", "MARK=staged")
    production.celadon("config:set", "MARK=live")
    staging.push()
    said = staging.celadon("pipelines:promote")
    assert "Starting promotion to production... done" in said
    # The files are the target's own, or its user could not write them.
    assert "Running release command...\nmigrating for live as dyno\n" in said
    assert f"Promotion successful\n\n{production.name}: succeeded\n" in said
    wait_for("the promoted code serves", lambda: " one live " in production.get().text)
    assert " one staged " in staging.get().text
    commit = platform.run("git", "rev-parse", "HEAD", cwd=staging.checkout).stdout[:7]
    assert f"v4  Promote {staging.name} v4 {commit}" in production.celadon("releases")
    assert "written" in production.celadon("run", "--", "echo more >> server.py && echo written")
    assert "written" not in staging.celadon("run", "--", "tail -n 1 server.py")
    staging.write("version", "two\n")
    staging.commit("Second")
    staging.push()
    different = platform.celadon("pipelines:diff", "--app", staging.name, cwd=staging.checkout)
    assert f"=== {staging.name} is 1 commit ahead of {production.name}\n" in different
    assert " one live " in production.get().text
    staging.celadon("pipelines:promote", "--to", production.name)
    wait_for("the second version serves", lambda: " two live " in production.get().text)
    assert f"{staging.name} is up to date with {production.name}" in staging.celadon("pipelines:diff")
    production.celadon("rollback")
    wait_for("the first version serves again", lambda: " one live " in production.get().text)
    assert f"owner: admin@localhost\n\n{'app name':<14}  stage" in platform.celadon("pipelines:info", name)


def test_a_release_command_that_fails_leaves_production_as_it_was(platform: Platform) -> None:
    _, staging, production = pair(platform)
    staging.push()
    staging.celadon("pipelines:promote")
    wait_for("the first version serves", lambda: " one " in production.get().text)
    staging.write("Procfile", PROCFILE)
    staging.write("release.sh", 'test "$MARK" != live || exit 3\n')
    staging.write("version", "two\n")
    staging.commit()
    staging.push()
    production.celadon("config:set", "MARK=live")
    wait_for("the config serves", lambda: " one live " in production.get().text)
    said = staging.celadon("pipelines:promote", check=False)
    assert f"\n{production.name}: failed: Release command failed\n" in said
    assert "successful" not in said
    assert " one live " in production.get().text


def test_a_promotion_is_done_after_a_kill_of_the_role_that_copies(platform: Platform) -> None:
    _, staging, production = pair(platform)
    staging.push()
    found = settings.load(platform.home)
    pid = wait_for("the build role runs", lambda: supervise.pids(found).get("build", 0))
    os.kill(pid, signal.SIGSTOP)
    try:
        argv = [str(CELADON), "pipelines:promote", "--app", staging.name]
        program = subprocess.Popen(argv, env=platform.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert program.stdout is not None
        said = ""
        while "Waiting" not in said:
            block = program.stdout.read(1)
            assert block, said
            said += block
    finally:
        os.kill(pid, signal.SIGKILL)
    out, _ = program.communicate(timeout=60)
    assert f"{production.name}: succeeded" in out
    wait_for("the promoted code serves", lambda: " one " in production.get().text)
    assert production.celadon("releases").count("Promote") == 1
