"""An app comes from one platform to another, by the API both speak."""

import json

from tests.journeys.conftest import EXAMPLES, App, Platform, wait_for


def test_an_imported_app_answers_with_the_config_it_had(platform: Platform, brief: Platform) -> None:
    source = brief.create(EXAMPLES / "python-flask")
    source.push()
    source.celadon("config:set", "GREETING=Good evening")
    source.celadon("ps:scale", "web=2", "worker=1")
    source.celadon("buildpacks:set", "heroku/python")
    copy, url = f"{source.name}-2", f"http://localhost:{brief.ports['http-port']}"
    token = brief.celadon("auth:token").split()[0]
    words = ("import", source.name, "--from-url", url, "--from-heroku", token, "--as", copy)
    planned = platform.celadon(*words, "--plan")
    assert "  + set 1: GREETING\n" in planned
    assert "Good evening" not in planned
    shown = platform.celadon(*words, "--confirm", copy)
    assert "=== Left to do by hand\n" in shown
    assert f"celadon ps:scale web=2:1X worker=1:1X --app {copy}\n" in shown
    # What is left is done as it is printed, with the checkout that is there.
    platform.celadon("git:remote", "--app", copy, "--remote", "second", cwd=source.checkout)
    App(platform, copy, source.checkout).push("second", "HEAD:main")
    platform.celadon("ps:scale", "web=2:1X", "worker=1:1X", "--app", copy)
    wait_for("the copy greets as well", lambda: "Good evening" in platform.request(f"{copy}.localhost").text)
    wait_for(
        "all of its dynos are up",
        lambda: (
            sorted(
                dyno["name"]
                for dyno in json.loads(platform.celadon("ps", "--json", "--app", copy))
                if dyno["state"] == "up"
            )
            == ["web.1", "web.2", "worker.1"]
        ),
    )
    again = platform.celadon(*words, "--plan")
    assert "  + " not in again
    assert "  = web=2:1X worker=1:1X\n" in again
    assert "Code\n  = the app has code here\n" in again
    source.celadon("destroy", "--confirm", source.name)
    assert "Good evening" in platform.request(f"{copy}.localhost").text
