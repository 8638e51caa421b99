"""Flask and gunicorn with a worker, from push to page and back."""

from tests.journeys.conftest import EXAMPLES, Platform, wait_for


def test_push_scale_configure_roll_back(platform: Platform) -> None:
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
    app.celadon("config:set", "GREETING=Good morning")
    wait_for("v4 serves", lambda: "web.1: up" in app.celadon("ps") and app.get().status == 200)
    assert "v4" in app.celadon("releases")
    app.celadon("rollback", "v3")
    assert "Rollback to v3" in app.celadon("releases")
    app.wait_for_log("heroku[router]: at=info method=GET")
