"""Apps that fail: to build, to boot, in the middle of their work. What served before goes on, and the owner is told."""

import re
from datetime import datetime, timedelta

from tests.journeys import sources
from tests.journeys.conftest import CHECKOUT, Answer, App, Platform, wait_for

CRASHES_AFTER_TEN = """\
import http.server
import itertools
import os

count = itertools.count(1)


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        number = next(count)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if number >= 10:
            print("the tenth request was too much", flush=True)
            os._exit(7)

    def log_message(self, *_):
        pass


http.server.HTTPServer(("", int(os.environ["PORT"])), Page).serve_forever()
"""


def crashes(app: App) -> int:
    return app.logs("--ps", "web").count("State changed from up to crashed")


def test_a_build_that_fails_refuses_the_push_and_the_old_release_serves(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    (app.checkout / "Procfile").write_text("web: python3 -u server.py\n")
    app.write("requirements.txt", "no-such-package-of-anybody-12345==1.0\n")
    app.write("version", "broken\n")
    app.commit()
    output = app.push(check=False)
    assert "no-such-package-of-anybody-12345" in output
    # One line of ours closes it, before git's own.
    assert output.count("Push rejected, failed to compile Python app.") == 1
    assert "Push failed" not in output and "Push rejected to" not in output
    assert "! [remote rejected] main -> main (pre-receive hook declined)" in output
    assert " one " in app.get().text
    assert "v4" not in app.celadon("releases")
    assert "failed" in app.celadon("builds")
    app.wait_for_log("Build failed -- the buildpack could not compile the app")
    # Mended, it deploys.
    (app.checkout / "requirements.txt").unlink()
    app.commit()
    assert "done, v4" in app.push()
    wait_for("the new version serves", lambda: " broken " in app.get().text)


def test_an_app_nobody_knows_is_told_what_to_add(platform: Platform) -> None:
    app = platform.create({"main.cob": "IDENTIFICATION DIVISION.\n"})
    output = app.push(check=False)
    assert "No default language could be detected for this app." in output
    assert "no buildpack knows this app" in output
    for name in (CHECKOUT / "buildpacks" / "order").read_text().split():
        known = " ".join((CHECKOUT / "buildpacks" / name / "known-by").read_text().split())
        assert f" !       {name}: {known}" in output
    assert "celadon buildpacks:set NAME or URL" in output
    wait_for("the router knows it, and that it is blank", lambda: app.get().status == 503)
    assert "H81" in app.wait_for_log("code=H81")


def test_an_app_that_does_not_boot_leaves_the_old_release_serving_and_the_push_says_so(platform: Platform) -> None:
    app = platform.create(sources.web())
    app.push()
    app.write("Procfile", "web: sleep 1000\n")
    app.commit()
    output = app.push()
    assert "done, v4" in output
    assert "web.1 of v4 crashed (exit status 137): v3 still serves; see `celadon logs`" in output
    assert " one " in app.get().text
    lines = app.wait_for_log("Error R10 (Boot timeout) -> Web process failed to bind to $PORT within 15 seconds")
    assert "Stopping process with SIGKILL" in lines
    app.wait_for_log("State changed from starting to crashed")
    # The second start follows at once; then there is a wait.
    wait_for("web.1 shows as crashed", lambda: re.search(r"web\.1: crashed", app.celadon("ps")))
    app.write("Procfile", "web: python3 -u server.py\n")
    app.write("version", "mended\n")
    app.commit()
    assert "Waiting for web.1 of v5... up" in app.push()
    wait_for("the new version serves", lambda: " mended " in app.get().text)


def test_a_crash_after_ten_requests_restarts_at_once_and_then_waits(platform: Platform) -> None:
    app = platform.create({"Procfile": "web: python3 -u server.py\n", "server.py": CRASHES_AFTER_TEN})
    app.push()
    for _ in range(10):
        assert app.get().status == 200
    # The first crash is followed by a start at once, the next one by a wait.
    app.wait_for_log("Process exited with status 7")
    wait_for("it answers again", lambda: app.get().status == 200)
    wait_for("it has crashed again", lambda: app.get().status == 503 or crashes(app) >= 2)

    def down() -> Answer | None:
        """Who looks after its ten seconds finds it started again: ten requests on it waits for a minute."""
        shown = re.search(r"web\.1: crashed", app.celadon("ps"))
        page = app.get()
        return page if shown and page.status == 503 else None

    page = wait_for("web.1 shows as crashed, and so does its page", down)
    assert page is not None and "Application error" in page.text
    lines = app.wait_for_log('at=error code=H10 desc="App crashed" method=GET')
    assert "app[web.1]: the tenth request was too much" in lines
    assert "heroku[web.1]: State changed from crashed to starting" in lines
    starts, asked = "heroku[web.1]: State changed from created to starting", "app[api]: Restarted all dynos by user"
    before = app.logs().count(starts)
    app.celadon("ps:restart")
    app.wait_for_log(asked)
    lines = wait_for("it restarts", lambda: log if (log := app.logs()).count(starts) > before else "")
    # By what the log says: commands and the log itself take their time.
    assert said_at(lines, starts) - said_at(lines, asked) < timedelta(seconds=8)
    wait_for("it answers again", lambda: app.get().status == 200)


def said_at(log: str, text: str) -> datetime:
    """When this was said last."""
    return datetime.fromisoformat([line for line in log.splitlines() if text in line][-1].split()[0])
