"""The release phase: a command that runs before a release serves."""

from tests.journeys import sources
from tests.journeys.conftest import Platform, wait_for

PROCFILE = "web: python3 -u server.py\nrelease: sh release.sh\n"


def test_the_release_command_runs_before_the_release_serves(platform: Platform) -> None:
    app = platform.create(sources.web(Procfile=PROCFILE, **{"release.sh": 'echo "migrating for $MARK on $DYNO"\n'}))
    app.celadon("config:set", "MARK=tests")
    output = app.push()
    assert "-----> Running release command..." in output
    assert "migrating for tests on release." in output
    assert "Waiting for web.1 of v4... up" in output
    assert " one tests " in app.get().text
    assert "migrating for tests" in app.celadon("releases:output", "v4")
    # A new config is a release too.
    app.celadon("config:set", "MARK=other")
    wait_for("the new config serves", lambda: " one other " in app.get().text)
    assert "migrating for other" in app.celadon("releases:output", "v5")
    assert "release" not in app.celadon("ps")


def test_a_release_command_that_fails_leaves_the_old_release_serving(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    app.write("Procfile", PROCFILE)
    app.write("release.sh", "echo cannot migrate >&2\nexit 3\n")
    app.write("version", "two\n")
    app.commit()
    output = app.push()
    assert "cannot migrate" in output
    assert "Release command of v4 failed: v3 still serves" in output
    assert " one " in app.get().text
    shown = app.celadon("releases")
    assert "v4" in shown
    assert "failed" in shown.lower()
    # What comes next is made from the last that succeeded, or mends it.
    app.write("release.sh", "true\n")
    app.commit()
    app.push()
    wait_for("the mended version serves", lambda: " two " in app.get().text)


def test_a_config_change_after_a_failed_release_does_not_bring_it_to_life_unmigrated(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    app.write("Procfile", PROCFILE)
    app.write("release.sh", "exit 3\n")
    app.write("version", "two\n")
    app.commit()
    app.push()
    app.celadon("config:set", "MARK=set")
    wait_for(
        "the new config serves or its release command failed too",
        lambda: " set " in app.get().text or app.celadon("releases").lower().count("failed") >= 2,
    )
    assert " one " in app.get().text
